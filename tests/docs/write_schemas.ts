/** Writes the schemas that stand in the documentation. */
import { statusJsonSchema } from "../../src/coordination/status_document.ts";

/** Where the schema of `metako status --json` stands. */
export const STATUS_SCHEMA = new URL("../../docs/operations/status.schema.json", import.meta.url);

if (import.meta.main) await Deno.writeTextFile(STATUS_SCHEMA, statusJsonSchema());
