import assert from "node:assert/strict";
import { healthFacts } from "../../src/agent/health_facts.ts";
import type { FollowerRole, State } from "../../src/core/state.ts";
import {
  durableOf,
  inst,
  leaderState,
  recordOf,
  standbyServer,
  stateOf,
} from "../core/fixtures.ts";

/** When the fixtures' last event was. */
const NOW_MS = 100_000;

/** Node b, streaming from a, which it hears. */
function standbyState(role: Partial<FollowerRole> = {}, change: Partial<State> = {}): State {
  const state = stateOf("b", {
    server: standbyServer("b", { streamingFrom: "a", following: "a", replayedLsn: 90n }),
  });
  return {
    ...state,
    role: {
      ...state.role as FollowerRole,
      leader: "a",
      writable: true,
      leaderInsertLsn: 100n,
      heardAtMs: NOW_MS,
      ...role,
    },
    ...change,
  };
}

Deno.test("healthFacts() lets a leader serve exactly until its lease lapses", () => {
  const state = leaderState({ leaseUntilMs: NOW_MS + 1000 });
  assert.equal(healthFacts(state, NOW_MS + 999, null).lease, "serving");
  assert.equal(healthFacts(state, NOW_MS + 1000, null).lease, "none");
  assert.equal(healthFacts(leaderState({ leaseUntilMs: null }), NOW_MS, null).lease, "none");
  assert.equal(healthFacts(leaderState({ phase: "restarting" }), NOW_MS, null).lease, "held");
  assert.equal(healthFacts(standbyState(), NOW_MS, null).lease, "none");
});

Deno.test("healthFacts() describes a standby that streams", () => {
  assert.deepEqual(healthFacts(standbyState(), NOW_MS, 10), {
    server: "standby",
    lease: "none",
    stream: "streaming",
    commits: "quorum",
    lag: "within",
    loop: "turning",
  });
});

Deno.test("healthFacts() calls a standby detached that streams from another than the leader", () => {
  const facts = healthFacts(standbyState({ leader: "c" }), NOW_MS, null);
  assert.deepEqual([facts.stream, facts.commits], ["detached", "unknown"]);
});

Deno.test("healthFacts() knows whether all or some standbys hold a commit", () => {
  const cases = [
    [{ electable: [inst("b")], required: 1 }, "every"],
    [{ electable: [inst("b"), inst("c")], required: 2 }, "every"],
    [{ electable: [inst("b"), inst("c")], required: 1 }, "quorum"],
    [{ electable: [inst("b"), inst("c")], required: 0 }, "unknown"],
    [{ electable: [inst("c")], required: 1 }, "unknown"],
    // Another data directory of the same node.
    [{ electable: [inst("b", 2)], required: 1 }, "unknown"],
  ] as const;
  for (const [record, commits] of cases) {
    const durable = durableOf({ record: recordOf(record) });
    assert.equal(healthFacts(standbyState({}, { durable }), NOW_MS, null).commits, commits);
  }
});

Deno.test("healthFacts() measures the lag against the limit, and only while a leader is heard", () => {
  const lag = (role: Partial<FollowerRole>, limit: number | null) =>
    healthFacts(standbyState(role), NOW_MS, limit).lag;
  assert.equal(lag({}, 10), "within");
  assert.equal(lag({}, 9), "beyond");
  assert.equal(lag({}, null), "unlimited");
  assert.equal(lag({ leaderInsertLsn: null }, 10), "unknown");
  assert.equal(lag({ heardAtMs: NOW_MS - 3000 }, 10), "unknown");
});

Deno.test("healthFacts() notices a loop that has taken no event for too long", () => {
  const { leaseMs } = leaderState().settings;
  const loop = (state: State, afterMs: number) => healthFacts(state, NOW_MS + afterMs, null).loop;
  assert.equal(loop(leaderState(), leaseMs), "turning");
  assert.equal(loop(leaderState(), leaseMs + 1), "stuck");
  assert.equal(loop(standbyState(), 2 * leaseMs), "turning");
  assert.equal(loop(standbyState(), 2 * leaseMs + 1), "stuck");
});

Deno.test("healthFacts() tells a witness from a server that is down", () => {
  const witness = standbyState();
  const members = witness.settings.members.map((member) =>
    member.name === "b" ? { ...member, kind: "witness" as const } : member
  );
  const settings = { ...witness.settings, members };
  const durable = durableOf({ record: recordOf({ members }) });
  assert.equal(healthFacts({ ...witness, settings, durable }, NOW_MS, null).server, "none");
  assert.equal(healthFacts({ ...witness, server: null }, NOW_MS, null).server, "down");
  const server = { state: "unresponsive", because: "slow" } as const;
  assert.equal(healthFacts({ ...witness, server }, NOW_MS, null).server, "unresponsive");
});
