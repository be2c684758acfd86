/** Writes the schemas that stand in the documentation. */
import manifest from "../../deno.json" with { type: "json" };
import { openApiText } from "../../src/agent/openapi.ts";
import { statusJsonSchema } from "../../src/coordination/status_document.ts";

/** Where the schema of `metako status --json` stands. */
export const STATUS_SCHEMA = new URL("../../docs/operations/status.schema.json", import.meta.url);

/** Where the description of the HTTP API stands. */
export const OPENAPI = new URL("../../docs/operations/openapi.json", import.meta.url);

/** Each file, and what stands in it. */
export const SCHEMA_FILES: readonly (readonly [file: URL, text: string])[] = [
  [STATUS_SCHEMA, statusJsonSchema()],
  [OPENAPI, openApiText(manifest.version)],
];

if (import.meta.main) {
  for (const [file, text] of SCHEMA_FILES) await Deno.writeTextFile(file, text);
}
