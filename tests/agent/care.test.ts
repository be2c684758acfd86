/** Who is where, and which logical slots a takeover lost. */
import assert from "node:assert/strict";
import { rememberSlots, siblingsOf } from "../../src/agent/care.ts";
import type { NodeHealth } from "../../src/coordination/health.ts";
import type { NodeStatus } from "../../src/coordination/status.ts";
import type { CareReport, SlotReport } from "../../src/postgres/server.ts";
import { STATUS } from "../coordination/support.ts";

function peer(node: string, change: Partial<NodeStatus>, more: Partial<NodeHealth> = {}) {
  return {
    node,
    agent: "ok",
    consecutiveFailures: 0,
    lastSeenMsAgo: 10,
    status: { ...STATUS, node, ...change },
    because: null,
    ...more,
  } as NodeHealth;
}

function slot(name: string, more: Partial<SlotReport> = {}): SlotReport {
  return {
    name,
    kind: "logical",
    member: null,
    active: false,
    walStatus: "reserved",
    retainedBytes: 0,
    database: "app",
    failover: false,
    synced: false,
    ...more,
  };
}

function told(slots: readonly SlotReport[]): NodeStatus["slots"] {
  return slots.map(({ walStatus: wal_status, retainedBytes: retained_bytes, ...rest }) => ({
    ...rest,
    wal_status,
    retained_bytes,
  }));
}

function report(role: CareReport["role"], ...slots: readonly SlotReport[]): CareReport {
  return { major: 17, role, problems: [], slots };
}

Deno.test("siblingsOf() trusts who answers, stands by, and is on the same timeline", () => {
  const standby = { state: "standby", timeline: 2, replay_lsn: "0/64" } as const;
  const peers = [
    peer("leader", { state: "primary", timeline: 2 }),
    peer("near", standby),
    peer("elsewhere", { ...standby, timeline: 1 }),
    peer("silent", standby, { agent: "unhealthy" }),
    peer("unheard", standby, { status: null }),
    peer("vague", { ...standby, replay_lsn: null }),
    peer("pretender", { state: "primary", timeline: 2 }),
  ];
  assert.deepEqual(
    [...siblingsOf({ leader: "leader", timeline: 2 }, peers)],
    [["leader", "leader"], ["near", 100n]],
  );
});

function listen() {
  const lines: [string, unknown, unknown][] = [];
  const memory = rememberSlots((level, event, fields) => {
    assert.equal(event, "logical_slots");
    lines.push([level, fields?.outcome, fields?.slots]);
  });
  return { memory, lines };
}

Deno.test("rememberSlots() names what the old leader had and the new one lacks", () => {
  const { memory, lines } = listen();
  const slots = told([
    slot("b"),
    slot("a"),
    slot("kept", { failover: true }),
    slot("copied", { synced: true }),
    slot("dead", { walStatus: "lost" }),
    slot("metako_x", { kind: "physical" }),
  ]);
  memory.note("old", [peer("old", { state: "primary", slots })]);
  memory.compare(report("standby"));
  assert.deepEqual(lines, []);
  // The leader is gone: what it said last counts.
  memory.note(null, [peer("old", { state: "primary", slots }, { agent: "unhealthy" })]);
  memory.compare(null);
  memory.compare(report("primary", slot("kept", { synced: true })));
  assert.deepEqual(lines, [["warning", "lost", "a, b"]]);
  assert.match(memory.problems().join(), /that old had are lost: a, b\./);
  // One was made anew; the other is still missed, and nothing is logged twice.
  memory.compare(report("primary", slot("a")));
  assert.match(memory.problems().join(), /are lost: b\./);
  memory.compare(report("primary", slot("a"), slot("b")));
  assert.deepEqual(memory.problems(), []);
  assert.equal(lines.length, 1);
});

Deno.test("rememberSlots() says that all were kept, and says nothing where there were none", () => {
  const kept = listen();
  const slots = told([slot("a", { failover: true })]);
  kept.memory.note("old", [peer("old", { state: "primary", slots })]);
  kept.memory.compare(report("primary", slot("a", { synced: true })));
  assert.deepEqual(kept.lines, [["info", "kept", "a"]]);
  const none = listen();
  none.memory.note("old", [
    peer("old", { state: "primary", slots: told([slot("p", { kind: "physical" })]) }),
  ]);
  none.memory.compare(report("primary"));
  assert.deepEqual(none.lines, []);
  assert.deepEqual(none.memory.problems(), []);
});
