import assert from "node:assert/strict";
import type { FailoverEnd } from "../../src/agent/mod.ts";
import { reloadNodes } from "../../src/cli/reload.ts";
import { recordingTerminal } from "./fixtures.ts";

async function reload(ends: Record<string, [FailoverEnd, ...string[]]>) {
  const terminal = recordingTerminal();
  const code = await reloadNodes(Object.keys(ends), terminal, (node, _, onStep) => {
    const [end, ...steps] = ends[node]!;
    for (const step of steps) onStep(step, 0);
    return Promise.resolve(end);
  });
  return { code, out: terminal.out.join("\n"), err: terminal.err.join("\n") };
}

const READ = { type: "succeeded" } as const;

Deno.test("reloadNodes() prints what each node made of its file", async () => {
  const { code, out, err } = await reload({
    node1: [READ, "log.level: info → debug"],
    node2: [READ],
  });
  assert.equal(code, 0);
  assert.equal(out, "node1: read\n  log.level: info → debug\nnode2: read; nothing has changed");
  assert.equal(err, "");
});

Deno.test("reloadNodes() fails where a file cannot be used, and says where a node is silent", async () => {
  const failed: FailoverEnd = { type: "failed", because: "the file cannot be used" };
  const bad = await reload({ node1: [failed, "node1.yaml:3:9: wrong"], node2: [READ] });
  assert.equal(bad.code, 1);
  assert.match(bad.err, /node1: not taken: the file cannot be used\n {2}node1\.yaml:3:9/);
  const silent = await reload({ node1: [READ], node2: [{ type: "lost", because: "silence" }] });
  assert.equal(silent.code, 4);
  const down = await reload({ node1: [{ type: "unreached", because: "it refuses connections" }] });
  assert.deepEqual([down.code, down.err], [4, "node1: does not answer: it refuses connections"]);
  const stranger = await reload({ node1: [{ type: "refused", because: "401" }] });
  assert.equal(stranger.code, 3);
});
