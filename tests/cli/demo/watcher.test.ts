import assert from "node:assert/strict";
import type { NodeStatus } from "../../../src/agent/mod.ts";
import type { DemoCluster } from "../../../src/cli/demo/cluster.ts";
import { planDemo } from "../../../src/cli/demo/plan.ts";
import { settledPrimary, watchCluster } from "../../../src/cli/demo/watcher.ts";
import { mergeStatuses, type NodeAnswer } from "../../../src/coordination/merge.ts";
import { answered, primaryOf, silent, statusOf } from "../fixtures.ts";

const RECORD = {
  term: 4,
  seq: 2,
  leader: "node1",
  timeline: 2,
  electable: ["node2", "node3"],
  required: 1,
};
const DURABILITY = "ANY 1 (node2-0a1b2c3d, node3-0a1b2c3d)";
const SETTLED = [
  answered(primaryOf("node1", { record: RECORD, durability: DURABILITY })),
  answered(statusOf("node2")),
  answered(statusOf("node3")),
];

Deno.test("settledPrimary() names the primary where every standby streams and is electable", () => {
  assert.equal(settledPrimary(mergeStatuses(SETTLED)), "node1");
});

Deno.test("settledPrimary() wants nothing of a witness but its answer", () => {
  const record = { ...RECORD, electable: ["node2"] };
  const primary = answered(primaryOf("node1", { record, durability: "ANY 1 (node2-0a1b2c3d)" }));
  const witness = answered(
    statusOf("node3", { role: "witness", state: "absent", streaming: false }),
  );
  const standby = answered(statusOf("node2"));
  assert.equal(settledPrimary(mergeStatuses([primary, standby, witness])), "node1");
  assert.equal(settledPrimary(mergeStatuses([primary, standby, silent("node3")])), null);
});

Deno.test("settledPrimary() is null where the loss of a host would not be survived", () => {
  const [primary, second, third] = SETTLED as [NodeAnswer, NodeAnswer, NodeAnswer];
  const lonely = { ...RECORD, electable: ["node2"] };
  const leader = (changes: Partial<NodeStatus>) =>
    answered(primaryOf("node1", { record: RECORD, durability: DURABILITY, ...changes }));
  assert.equal(settledPrimary(mergeStatuses([leader({}), second, third])), "node1");
  const unsettled: NodeAnswer[][] = [
    [],
    [primary, second, silent("node3")],
    [primary, second, answered(statusOf("node3", { streaming: false }))],
    [primary, second, answered(statusOf("node3", { incarnation: "ffffffff" }))],
    [leader({ record: lonely }), second, third],
    [leader({ record: null }), second, third],
    [leader({ durability: "ANY 1 (node2-0a1b2c3d)" }), second, third],
    [leader({ operation: { action: "set_sync", since_ms: 5, progress: null } }), second, third],
    [leader({ has_majority: false }), second, third],
    [leader({ state: "starting" }), second, third],
  ];
  for (const answers of unsettled) {
    assert.equal(settledPrimary(mergeStatuses(answers)), null, JSON.stringify(answers));
  }
});

/** A cluster without processes: a list of looks, the last of which repeats, and exit codes. */
function pretend(looks: NodeAnswer[][], exits: Record<string, number> = {}): DemoCluster {
  let look = 0;
  return {
    plan: planDemo({
      folder: "/nonexistent",
      nodeCount: 3,
      witnessCount: 0,
      settings: {},
      ports: Array.from({ length: 9 }, (_, index) => index),
      binDir: "",
      osUser: null,
      secrets: { superuser: "", replication: "", application: "", cluster: "" },
    }),
    start: () => {},
    killHost: () => {},
    killHosts: () => {},
    agentExit: (node) => exits[node.name] ?? null,
    look: () => Promise.resolve(mergeStatuses(looks[Math.min(look++, looks.length - 1)]!)),
    stop: () => Promise.resolve([]),
  };
}

const SILENT = [silent("node1"), silent("node2"), silent("node3")];
const wait = { what: "the cluster to settle", limitMs: 5000, until: settledPrimary };

Deno.test("watchCluster() waits until the condition holds, and collects who led which term", async () => {
  const earlier = [answered(primaryOf("node3", { term: 3 })), silent("node1"), silent("node2")];
  const watcher = watchCluster(pretend([SILENT, earlier, SETTLED]), new AbortController().signal);
  const waited = await watcher.waitFor(wait);
  assert.equal(waited.ok && waited.value.value, "node1");
  await watcher.stop();
  assert.deepEqual(watcher.terms(), [{ term: 3, primary: "node3" }, { term: 4, primary: "node1" }]);
});

Deno.test("watchCluster() starts anew where the value changed while it had to hold", async () => {
  const looks = [SETTLED, SILENT, SETTLED];
  const startMs = performance.now();
  const watcher = watchCluster(pretend(looks), new AbortController().signal);
  const waited = await watcher.waitFor({ ...wait, holdMs: 300 });
  await watcher.stop();
  assert.ok(waited.ok);
  // The third look comes two intervals after the first.
  assert.ok(waited.value.sinceMs - startMs >= 390, `${waited.value.sinceMs - startMs}`);
  assert.ok(performance.now() - waited.value.sinceMs >= 300);
});

Deno.test("watchCluster() gives up after the limit, with the last status", async () => {
  const watcher = watchCluster(pretend([SILENT]), new AbortController().signal);
  const waited = await watcher.waitFor({ ...wait, limitMs: 100 });
  await watcher.stop();
  assert.ok(!waited.ok);
  assert.match(waited.because, /^Waited 0\.1 s in vain for the cluster to settle\.\nnode +role/);
});

Deno.test("watchCluster() does not wait for an agent that ended by itself", async () => {
  const watcher = watchCluster(pretend([SILENT], { node2: 78 }), new AbortController().signal);
  const waited = await watcher.waitFor(wait);
  await watcher.stop();
  assert.ok(!waited.ok);
  assert.match(waited.because, /^node2's agent ended with exit code 78 while waiting/);
});

Deno.test("watchCluster() waits on for a node that was killed", async () => {
  const cluster = pretend([SILENT, SILENT, SETTLED], { node2: 137 });
  const watcher = watchCluster(cluster, new AbortController().signal);
  assert.ok((await watcher.waitFor(wait)).ok);
  await watcher.stop();
});

Deno.test("watchCluster() ends a wait at an interrupt", async () => {
  const interrupt = new AbortController();
  const watcher = watchCluster(pretend([SILENT]), interrupt.signal);
  const waiting = watcher.waitFor(wait);
  interrupt.abort();
  assert.deepEqual(await waiting, {
    ok: false,
    because: "Interrupted while waiting for the cluster to settle.",
  });
  await watcher.stop();
});
