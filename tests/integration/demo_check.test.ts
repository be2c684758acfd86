/**
 * The demo's script on real servers, as a stranger would run it: from an empty folder, as a process
 * of its own. It must pass, keep nobody waiting for long, and leave nothing behind.
 */
import assert from "node:assert/strict";
import { listProcesses } from "../../src/cli/demo/processes.ts";
import type { DemoReport } from "../../src/cli/demo/report.ts";

const MAIN = new URL("../../main.ts", import.meta.url).href;
const LIMIT_MS = 300_000;
/** A router lets a session wait for ten seconds. */
const LONGEST_MS = 8000;

Deno.test("demo --check passes on real servers and leaves nothing behind", async () => {
  const empty = await Deno.makeTempDir({ prefix: "metako-check-" });
  await Deno.chmod(empty, 0o755);
  try {
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", MAIN, "demo", "--check", "--json", "--rows", "50"],
      cwd: empty,
      env: { TMPDIR: empty },
      signal: AbortSignal.timeout(LIMIT_MS),
    }).output();
    const progress = new TextDecoder().decode(output.stderr);
    const text = new TextDecoder().decode(output.stdout);
    assert.equal(output.code, 0, `${progress}\n${text}`);
    const report: DemoReport & { passed: boolean } = JSON.parse(text);
    assert.equal(report.passed, true);
    assert.deepEqual(report.rows.missing, []);
    assert.ok(report.rows.acknowledged >= 150);
    // Not how fast it is, which the host decides: that nobody waited until a limit was over.
    assert.ok(report.crash!.outage_ms! <= LONGEST_MS, text);
    assert.ok(report.switchover!.outage_ms! <= LONGEST_MS, text);
    assert.equal(report.switchover!.to, report.crash!.from);
    assert.equal(report.rows.on_standbys.length, 2);
    const terms = report.terms.map(({ term }) => term);
    assert.equal(new Set(terms).size, terms.length);
    assert.deepEqual([...Deno.readDirSync(empty)], []);
    const left = listProcesses().filter((process) =>
      process.cwd?.startsWith(empty) || process.args.some((arg) => arg.includes(empty))
    );
    assert.deepEqual(left, []);
  } finally {
    await Deno.remove(empty, { recursive: true });
  }
});
