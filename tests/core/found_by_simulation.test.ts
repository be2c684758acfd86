/**
 * Faults of the core that the simulator found, each as the one step in which it showed. The seed is
 * that of `deno task sim` at the time.
 */
import assert from "node:assert/strict";
import type { Event } from "../../src/core/event.ts";
import { initialWatch, whyNotAlone } from "../../src/core/pair.ts";
import { fingerprint } from "../../src/core/record.ts";
import type { PairSettings } from "../../src/core/settings.ts";
import type { State } from "../../src/core/state.ts";
import {
  actionsIn,
  claimOf,
  durableOf,
  heartbeatOf,
  inst,
  leaderOf,
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

const TWO = MEMBERS.filter(({ name }) => name !== "c");
const PAIR: PairSettings = {
  failureThreshold: 3,
  failoverDelayMs: 5000,
  witnessCount: 0,
  whenAlone: "serve",
};

function ofPair(self: string, change: Partial<State>, pair: Partial<PairSettings> = {}): State {
  const settings = { members: TWO, pair: { ...PAIR, ...pair } };
  const state = stateOf(self, change, settings);
  return { ...state, pair: { ...initialWatch(100_000), deafAtMs: 0, ...change.pair } };
}

Deno.test("step() promotes nothing for a leader of a pair that slept through its lease alone", () => {
  const standby = standbyServer("a");
  const promotes = (reachedAtMs: number) => {
    const role = leaderOf({ phase: "promoting", alone: true, leaseUntilMs: reachedAtMs + 3000 });
    const state = ofPair("a", { role, server: standby }, { witnessCount: 1 });
    const witnesses = { ...state.pair!.witnesses, reachedAtMs };
    const { effects } = take(
      { ...state, pair: { ...state.pair!, witnesses } },
      { type: "observed", nowMs: 108_000, server: standby },
    );
    return actionsIn(effects).some(({ type }) => type === "promote");
  };
  assert.equal(promotes(107_000), true);
  assert.equal(promotes(100_000), false);
});

Deno.test("whyNotAlone() trusts no solo record with when_alone: fence, which the other may not hold", () => {
  const solo = recordOf({ members: TWO, electable: [], required: 0 });
  const obstacle = (whenAlone: PairSettings["whenAlone"]) =>
    whyNotAlone(ofPair("a", { durable: durableOf({ record: solo }) }, { whenAlone }));
  assert.equal(obstacle("serve"), null);
  assert.match(obstacle("fence") ?? "", /did not begin while this node streamed/);
});

Deno.test("step() entitles no standby of a pair by heartbeats that lay there while it stood still", () => {
  const entitled = (deafAtMs: number) => {
    const record = recordOf({ members: TWO, electable: [inst("b")] });
    const state = ofPair("b", {
      durable: durableOf({ record }),
      server: standbyServer("b", { streamingFrom: "a", following: "a" }),
    });
    const heartbeat = heartbeatOf({ record, fingerprint: fingerprint(TWO) });
    return take({ ...state, pair: { ...state.pair!, deafAtMs } }, request("a", heartbeat))
      .state.pair!.entitled;
  };
  assert.equal(entitled(90_000), true);
  assert.equal(entitled(99_900), false);
});
