import assert from "node:assert/strict";
import { mergeStatuses } from "../../src/coordination/merge.ts";
import {
  statusDocument,
  statusDocumentSchema,
  statusJsonSchema,
} from "../../src/coordination/status_document.ts";
import { STATUS } from "../coordination/support.ts";
import { SCHEMA_FILES } from "./write_schemas.ts";

for (const [file, text] of SCHEMA_FILES) {
  const name = file.pathname.split("/").at(-1);
  Deno.test(`docs/operations/${name} is what \`deno task docs:schemas\` writes`, () => {
    const written = JSON.parse(Deno.readTextFileSync(file));
    assert.deepEqual(written, JSON.parse(text), "run deno task docs:schemas");
  });
}

Deno.test("statusDocument() fits the schema, and loses nothing in it", () => {
  const view = mergeStatuses([
    { node: "node1", ok: true, status: STATUS, verified: false },
    { node: "node2", ok: false, because: "it refuses connections" },
  ]);
  const document = statusDocument(view);
  const json = JSON.parse(JSON.stringify(document));
  assert.deepEqual(statusDocumentSchema.parse(json), document);
  // Every key is documented: a strict reader takes it too.
  const { properties } = JSON.parse(statusJsonSchema());
  assert.deepEqual(Object.keys(json).sort(), Object.keys(properties).sort());
  const [answering] = properties.nodes.items.anyOf ?? properties.nodes.items.oneOf;
  assert.deepEqual(Object.keys(json.nodes[0]).sort(), Object.keys(answering.properties).sort());
});
