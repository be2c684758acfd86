import assert from "node:assert/strict";
import { MUTANTS } from "../simulation/mutants/all.ts";
import { applyEdit } from "../simulation/mutants/mutant.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("MUTANTS can all be planted in the sources as they are", () => {
  assert.ok(MUTANTS.length >= 86, `only ${MUTANTS.length} mutants are left`);
  assert.equal(new Set(MUTANTS.map(({ id }) => id)).size, MUTANTS.length);
  const misfits: string[] = [];
  for (const { id, edits } of MUTANTS) {
    const files = new Map<string, string>();
    for (const edit of edits) {
      try {
        const source = files.get(edit.file) ??
          Deno.readTextFileSync(new URL(edit.file, ROOT));
        files.set(edit.file, applyEdit(source, edit));
      } catch (error) {
        misfits.push(`${id}: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
  assert.equal(misfits.join("\n"), "");
});
