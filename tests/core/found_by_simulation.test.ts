/**
 * Faults of the core that the simulator found, each as the one step in which it showed. The seed is
 * that of `deno task sim` at the time.
 */
import assert from "node:assert/strict";
import type { Event } from "../../src/core/event.ts";
import {
  actionsIn,
  claimOf,
  durableOf,
  heartbeatOf,
  leaderState,
  MEMBERS,
  recordOf,
  request,
  standbyServer,
  stateOf,
  stoppedServer,
  take,
} from "./fixtures.ts";

function ask(reference: number, to: string): Event {
  return {
    type: "operator",
    nowMs: 100_000,
    command: { type: "failover", reference, to, force: "none" },
  };
}

Deno.test("step() refuses a second failover rather than forget who asked for the first (seed 38)", () => {
  const { state, effects } = take(stateOf("b"), ask(1, "b"), ask(2, "b"));
  assert.deepEqual(effects.filter((effect) => effect.type === "progress"), [{
    type: "progress",
    reference: 2,
    step: "a failover to b is under way already",
    outcome: "refused",
  }]);
  assert.equal(state.watch?.reference, 1);
});

Deno.test("step() lets the record's own leader campaign before those it voted with (seed 270)", () => {
  const vote = request("c", { type: "vote", ...claimOf("c") });
  const campaignAtMs = (self: string) => {
    const { role } = take(stateOf(self, { server: stoppedServer(self) }), vote).state;
    return role.kind === "follower" ? role.campaignAtMs : null;
  };
  assert.equal(campaignAtMs("b"), 101_000);
  assert.equal(campaignAtMs("a"), 100_500);
});

Deno.test("step() lets a voter with more WAL campaign before those it voted with (seed 32)", () => {
  const campaignAtMs = (lsn: bigint) => {
    const server = standbyServer("b", { position: { timeline: 1, lsn } });
    const { role } = take(
      stateOf("b", { server }),
      request("c", { type: "vote", ...claimOf("c") }),
    ).state;
    return role.kind === "follower" ? role.campaignAtMs : null;
  };
  assert.equal(campaignAtMs(100n), 101_000);
  assert.equal(campaignAtMs(101n), 100_500);
});

Deno.test("step() tells the operator when a rolled back switchover ends in a resignation (seed 469)", () => {
  const state = leaderState({
    phase: "burying",
    retryAtMs: 100_000,
    seenAtMs: { b0000001: 100_000, c0000001: 100_000 },
    switchover: {
      reference: 3,
      to: "b",
      stage: "rolling_back",
      checkpoint: null,
      retryAtMs: Infinity,
      deadlineMs: Infinity,
      failure: "it could not be stopped",
    },
  }, { server: stoppedServer("a") });
  const fencing = take(state, { type: "tick", nowMs: 100_001 }).state;
  const { effects } = take(fencing, {
    type: "action_done",
    nowMs: 100_002,
    operation: fencing.operation!.id,
    result: { type: "done" },
  });
  assert.deepEqual(effects.filter((effect) => effect.type === "progress"), [{
    type: "progress",
    reference: 3,
    step: "the switchover ended: PostgreSQL died, and a standby holds every commit",
    outcome: "failed",
  }]);
});

Deno.test("step() attaches to nobody before a leader takes the node back (seed 178)", () => {
  const heard = (admit: boolean) => {
    const durable = durableOf({ term: 0, votedFor: null, record: null, admitted: false });
    const members = MEMBERS.map((member) => ({ ...member, memory: durable.memory! }));
    const heartbeat = request("a", heartbeatOf({ admit, record: recordOf({ members }) }));
    return actionsIn(take(stateOf("b", { durable }), heartbeat).effects).map(({ type }) => type);
  };
  assert.deepEqual(heard(false), []);
  assert.deepEqual(heard(true), ["follow"]);
});
