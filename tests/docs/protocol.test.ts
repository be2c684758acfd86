/**
 * The pages of docs/protocol are what the code does today, and the mutants still match it.
 */
import assert from "node:assert/strict";
import { EDGE_MUTANTS } from "../simulation/mutants/edge.ts";
import { ELECTION_MUTANTS } from "../simulation/mutants/elections.ts";
import { LEASE_MUTANTS } from "../simulation/mutants/leases.ts";
import { applyEdit } from "../simulation/mutants/mutant.ts";
import { RECORD_MUTANTS } from "../simulation/mutants/records.ts";
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

Deno.test("every mutant matches the sources exactly once, and has a name of its own", () => {
  const mutants = [...ELECTION_MUTANTS, ...RECORD_MUTANTS, ...LEASE_MUTANTS, ...EDGE_MUTANTS];
  assert.ok(mutants.length >= 30);
  assert.equal(new Set(mutants.map(({ id }) => id)).size, mutants.length);
  for (const { id, edits } of mutants) {
    const texts = new Map<string, string>();
    for (const edit of edits) {
      const text = texts.get(edit.file) ?? Deno.readTextFileSync(new URL(edit.file, ROOT));
      const edited = applyEdit(text, edit);
      assert.notEqual(edited, text, id);
      texts.set(edit.file, edited);
    }
  }
});
