/**
 * The pages of docs/protocol are what the code does today.
 */
import assert from "node:assert/strict";
import { protocolPages } from "../simulation/golden/pages.ts";

const ROOT = new URL("../../", import.meta.url);
const FOLDER = new URL("docs/protocol/", ROOT);

Deno.test("protocolPages() are the files of docs/protocol; `deno task docs` writes them", () => {
  const pages = protocolPages();
  const files = [...Deno.readDirSync(FOLDER)].map(({ name }) => name);
  assert.deepEqual(files.sort(), [...pages.keys()].sort());
  for (const [name, text] of pages) {
    assert.equal(Deno.readTextFileSync(new URL(name, FOLDER)), text, name);
  }
});
