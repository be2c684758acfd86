import assert from "node:assert/strict";
import { findOpenFiles, openFileText } from "../../src/agent/open_files.ts";

async function inStateDir(body: (stateDir: string) => Promise<void>): Promise<void> {
  const stateDir = await Deno.makeTempDir();
  try {
    await Deno.chmod(stateDir, 0o711);
    await Deno.mkdir(`${stateDir}/postgres`, { mode: 0o700 });
    for (const name of ["state.json", "history.jsonl", "postgres/pgpass"]) {
      await Deno.writeTextFile(`${stateDir}/${name}`, "", { mode: 0o600 });
    }
    await body(stateDir);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
}

Deno.test("findOpenFiles() finds nothing where files are as the agent makes them", async () => {
  await inStateDir(async (stateDir) => {
    assert.deepEqual(await findOpenFiles(stateDir), []);
    assert.deepEqual(await findOpenFiles(`${stateDir}/nothing`), []);
  });
});

Deno.test("findOpenFiles() names each file that is open, and the mode that closes it", async () => {
  for (
    const [name, mode, remedy, refusesRun] of [
      ["", 0o777, "755", true],
      ["", 0o1770, "750", true],
      ["state.json", 0o664, "644", true],
      ["history.jsonl", 0o666, "644", false],
      ["postgres", 0o711, "700", false],
      ["postgres/pgpass", 0o640, "600", false],
    ] as const
  ) {
    await inStateDir(async (stateDir) => {
      const path = name === "" ? stateDir : `${stateDir}/${name}`;
      await Deno.chmod(path, mode);
      const found = await findOpenFiles(stateDir);
      assert.equal(found.length, 1);
      assert.equal(found[0]!.path, path);
      assert.equal(found[0]!.refusesRun, refusesRun);
      assert.ok(openFileText(found[0]!).endsWith(`Run: chmod ${remedy} ${path}`));
    });
  }
});
