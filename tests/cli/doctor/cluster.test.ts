import assert from "node:assert/strict";
import type { NodeStatus } from "../../../src/agent/mod.ts";
import { examineCluster, type TimedAnswer } from "../../../src/cli/doctor/cluster.ts";
import { answered, primaryOf, silent, statusOf } from "../fixtures.ts";

const ASKED_AT_MS = Date.parse("2026-01-01T00:01:00.000Z");

/** An answer that came after 40 ms, made `offMs` after the question by that node's clock. */
function timed(status: NodeStatus, offMs = 20): TimedAnswer {
  const now = new Date(ASKED_AT_MS + offMs).toISOString();
  return {
    answer: answered({ ...status, now }),
    askedAtMs: ASKED_AT_MS,
    answeredAtMs: ASKED_AT_MS + 40,
  };
}

function complaints(answers: readonly TimedAnswer[]): string[] {
  return examineCluster(answers).filter(({ gravity }) => gravity !== "ok")
    .map(({ check, gravity, finding }) => `${check} ${gravity}: ${finding}`);
}

const PRIMARY = primaryOf("node1");
const STANDBY = statusOf("node2");

Deno.test("examineCluster() has nothing against a healthy cluster", () => {
  assert.deepEqual(complaints([timed(PRIMARY), timed(STANDBY)]), []);
});

Deno.test("examineCluster() names who is silent once, and whose key is another", () => {
  const mute = { ...timed(STANDBY), answer: silent("node2", "it refuses connections") };
  assert.deepEqual(complaints([timed(PRIMARY), mute]), [
    "members bad: node2 does not answer: it refuses connections.",
  ]);
  const forged = { ...timed(STANDBY), answer: { ...answered(STANDBY), verified: false } };
  assert.deepEqual(complaints([timed(PRIMARY), forged as TimedAnswer]), [
    "members bad: The answer of node2 is not signed with this cluster's key.",
  ]);
});

Deno.test("examineCluster() notices a clock only beyond what the journey can explain", () => {
  const clock = (offMs: number) => complaints([timed(PRIMARY, offMs), timed(STANDBY)]);
  assert.deepEqual(clock(40 + 999), []);
  assert.deepEqual(clock(-999), []);
  assert.deepEqual(clock(40 + 1000), [
    "clock warning: The clock of node1 is 1.0 s ahead of this host's.",
  ]);
  assert.deepEqual(clock(-60_000), [
    "clock bad: The clock of node1 is 60.0 s behind this host's.",
  ]);
});

Deno.test("examineCluster() finds what is not the same on every member", () => {
  const cases: [Partial<NodeStatus>, string][] = [
    [{ version: "0.2.0" }, "version warning: version differs: 0.1.0 on node1; 0.2.0 on node2."],
    [
      { durability_policy: "async" },
      "durability bad: durability differs: quorum on node1; async on node2.",
    ],
    [{ mode: "pair" }, "mode bad: mode differs: majority on node1; pair on node2."],
  ];
  for (const [change, expected] of cases) {
    const primary = { ...PRIMARY, durability_policy: "quorum" as const };
    const standby = { ...STANDBY, durability_policy: "quorum" as const, ...change };
    assert.deepEqual(complaints([timed(primary), timed(standby)]), [expected]);
  }
});

Deno.test("examineCluster() repeats what the nodes say of themselves", () => {
  const standby = { ...STANDBY, problems: ["the disk is slow"] };
  assert.deepEqual(complaints([timed(PRIMARY), timed(standby)]), [
    "status warning: node2: the disk is slow.",
  ]);
});
