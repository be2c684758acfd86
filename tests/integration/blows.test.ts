/**
 * A short form of `deno task blows` on real servers: host crashes under a writer per router, after
 * each of which the new primary has to hold every acknowledged row. Each runs as a process of its
 * own and leaves nothing behind.
 */
import assert from "node:assert/strict";
import { listProcesses } from "../../src/cli/demo/processes.ts";

const BLOWS = new URL("../faults/blows/main.ts", import.meta.url).href;
const LIMIT_MS = 300_000;

const RUNS = [
  { what: "three nodes", profile: "three", rounds: 2 },
  { what: "two nodes and a witness", profile: "witness", rounds: 1 },
  { what: "a pair", profile: "pair", rounds: 1 },
] as const;

for (const { what, profile, rounds } of RUNS) {
  Deno.test(`a crash of the primary's host costs no acknowledged row with ${what}`, async () => {
    const empty = await Deno.makeTempDir({ prefix: "metako-blows-" });
    await Deno.chmod(empty, 0o755);
    try {
      const output = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "-A", BLOWS, "--profile", profile, "--rounds", String(rounds)],
        cwd: empty,
        env: { TMPDIR: empty },
        signal: AbortSignal.timeout(LIMIT_MS),
      }).output();
      const text = new TextDecoder().decode(output.stdout);
      const complaints = new TextDecoder().decode(output.stderr);
      assert.equal(output.code, 0, `${text}\n${complaints}`);
      const summary = /(\d+) rounds, (\d+) rows acknowledged, (\d+) missing,/.exec(text);
      assert.ok(summary !== null, text);
      assert.equal(Number(summary[1]), rounds);
      assert.ok(Number(summary[2]) >= 60 * rounds, text);
      assert.equal(Number(summary[3]), 0);
      assert.deepEqual([...Deno.readDirSync(empty)], []);
      const left = listProcesses().filter((process) =>
        process.cwd?.startsWith(empty) || process.args.some((arg) => arg.includes(empty))
      );
      assert.deepEqual(left, []);
    } finally {
      await Deno.remove(empty, { recursive: true });
    }
  });
}
