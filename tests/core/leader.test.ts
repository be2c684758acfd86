import assert from "node:assert/strict";
import fc from "fast-check";
import type { Event } from "../../src/core/event.ts";
import type { Answer } from "../../src/core/message.ts";
import type { LeaderRole, State } from "../../src/core/state.ts";
import {
  actionsIn,
  deeds,
  durableOf,
  FINGERPRINT,
  inst,
  leaderOf,
  leaderState,
  MEMBERS,
  primaryServer,
  recordOf,
  stateOf,
  take,
} from "./fixtures.ts";

type HeartbeatAnswer = Answer & { readonly type: "heartbeat_answer" };

function acknowledgement(node: string, change: Partial<HeartbeatAnswer> = {}): HeartbeatAnswer {
  return {
    type: "heartbeat_answer",
    term: 1,
    accepted: true,
    because: "",
    persisted: { term: 1, seq: 4 },
    admitted: true,
    memory: "0000000a",
    proposes: FINGERPRINT,
    instance: inst(node),
    contact: { host: node, port: 5432 },
    server: { state: "standby", timeline: 1, lsn: 100n },
    ...change,
  };
}

/** A heartbeat to `node`, sent at `sentAtMs` in term 1, is answered now. */
function answered(
  state: State,
  node: string,
  change: Partial<HeartbeatAnswer> = {},
  sent: { sentAtMs?: number; term?: number; nowMs?: number } = {},
): { state: State; effects: readonly import("../../src/core/effect.ts").Effect[] } {
  const entry = { to: node, kind: "heartbeat" as const, sentAtMs: 100_000, term: 1, ...sent };
  const outstanding = { ...state.outstanding, 900: entry };
  const event: Event = {
    type: "answer",
    nowMs: sent.nowMs ?? 100_010,
    request: 900,
    from: node,
    message: acknowledgement(node, change),
  };
  return take({ ...state, outstanding }, event);
}

function leaderRole(state: State): LeaderRole {
  assert.ok(state.role.kind === "leader");
  return state.role;
}

const NOBODY = { peers: {}, leaseUntilMs: null, committed: null };

Deno.test("step() fences as soon as the lease is over, and asks nobody", () => {
  const state = leaderState({ nextHeartbeatAtMs: 200_000 });
  assert.equal(take(state, { type: "tick", nowMs: 102_999 }).state.role.kind, "leader");
  const { state: after, effects } = take(state, { type: "tick", nowMs: 103_000 });
  assert.deepEqual(deeds(effects), [
    { type: "operate", operation: 1, action: { type: "fence" } },
  ]);
  assert.equal(after.role.kind, "follower");
});

Deno.test("step() fences on every way out of a leadership that may be writing", () => {
  const phases: LeaderRole["phase"][] = [
    "promoting",
    "publishing",
    "leading",
    "resuming",
    "burying",
    "restarting",
    "switching",
  ];
  for (const phase of phases) {
    const lapsed = take(leaderState({ phase }), { type: "tick", nowMs: 103_000 });
    assert.ok(actionsIn(lapsed.effects).some(({ type }) => type === "fence"), phase);
    const suspended = take(leaderState({ phase }), {
      type: "suspended",
      nowMs: 100_001,
      gapMs: 3000,
    });
    assert.ok(actionsIn(suspended.effects).some(({ type }) => type === "fence"), phase);
    const overtaken = answered(leaderState({ phase }), "b", { term: 2, accepted: false });
    assert.ok(actionsIn(overtaken.effects).some(({ type }) => type === "fence"), phase);
    assert.deepEqual(overtaken.state.durable, durableOf({ term: 2, votedFor: null }));
  }
});

Deno.test("step() extends the lease from the time a heartbeat was sent", () => {
  const alone = leaderState({ ...NOBODY, electedDeadlineMs: 110_000 });
  const { state } = answered(alone, "b", {}, { sentAtMs: 99_000 });
  assert.equal(leaderRole(state).leaseUntilMs, 102_000);
  const { state: older } = answered(state, "b", {}, { sentAtMs: 98_000 });
  assert.equal(leaderRole(older).leaseUntilMs, 102_000, "an answer that was overtaken");
});

Deno.test("step() counts no acknowledgement that is refused, unadmitted, or of another term", () => {
  const alone = leaderState({ ...NOBODY, electedDeadlineMs: 110_000 });
  for (
    const [what, change, sent] of [
      ["refused", { accepted: false }, {}],
      ["unadmitted", { admitted: false, persisted: null }, {}],
      ["another term", {}, { term: 0 }],
    ] as const
  ) {
    const { state } = answered(alone, "b", change, sent);
    assert.equal(leaderRole(state).leaseUntilMs, null, what);
    assert.equal(leaderRole(state).committed, null, what);
  }
});

Deno.test("step() commits a record once a majority has persisted that one or a newer one", () => {
  const published = [recordOf({ seq: 4 }), recordOf({ seq: 5 }), recordOf({ seq: 6 })];
  const role = { published, committed: { term: 1, seq: 4 }, peers: {} };
  const committed = (term: number, seq: number) => {
    const { state } = answered(leaderState(role), "b", { persisted: { term, seq } });
    return leaderRole(state);
  };
  assert.deepEqual(committed(1, 3).committed, { term: 1, seq: 4 });
  assert.deepEqual(committed(1, 5).committed, { term: 1, seq: 5 });
  assert.deepEqual(committed(1, 5).published.map(({ seq }) => seq), [5, 6]);
  assert.deepEqual(committed(1, 6).committed, { term: 1, seq: 6 });
  assert.deepEqual(committed(0, 9).committed, { term: 1, seq: 4 }, "of another term");
});

Deno.test("step() commits nothing on the word of a member that lost its state since", () => {
  const role = { published: [recordOf({ seq: 5 })], committed: { term: 1, seq: 4 } };
  const peers = leaderOf().peers;
  const forgot = { ...peers["b"]!, persisted: { term: 1, seq: 5 }, admitted: false };
  const { state } = answered(leaderState({ ...role, peers: { b: forgot } }), "c", {
    persisted: { term: 1, seq: 4 },
  });
  assert.deepEqual(leaderRole(state).committed, { term: 1, seq: 4 });
});

Deno.test("step() never lets a member's persisted record or acknowledgement go back", () => {
  const { state } = answered(leaderState(), "b", { persisted: { term: 1, seq: 2 } }, {
    sentAtMs: 90_000,
  });
  assert.deepEqual(leaderRole(state).peers["b"]!.persisted, { term: 1, seq: 4 });
  assert.equal(leaderRole(state).peers["b"]!.ackedSentAtMs, 100_000);
});

function admits(role: Partial<LeaderRole>): boolean[] {
  const { effects } = take(leaderState({ ...role, nextHeartbeatAtMs: 100_000 }), {
    type: "tick",
    nowMs: 100_000,
  });
  return effects.flatMap((effect) =>
    effect.type === "send" && effect.message.type === "heartbeat" ? [effect.message.admit] : []
  );
}

Deno.test("step() takes a member back only when a majority of the others holds the record", () => {
  const { b, c } = leaderOf().peers;
  const lost = { ...b!, admitted: false, persisted: null, lost: "0000000b" };
  const members = MEMBERS.map((member) =>
    member.name === "b" ? { ...member, memory: "0000000b" } : member
  );
  const named = { published: [recordOf({ members })] };
  assert.deepEqual(admits({ ...named, peers: { b: b!, c: c! } }), [false, false]);
  assert.deepEqual(admits({ ...named, peers: { b: lost, c: c! } }), [true, false]);
  const again = { ...lost, lost: "0000000c" };
  assert.equal(admits({ ...named, peers: { b: again, c: c! } }).includes(true), false);
  assert.equal(admits({ peers: { b: lost, c: c! } }).includes(true), false, "it is not named");
  const behind = { ...c!, persisted: { term: 1, seq: 3 } };
  assert.deepEqual(admits({ ...named, peers: { b: lost, c: behind } }), [false, false]);
  const alike = { ...c!, admitted: false };
  assert.deepEqual(admits({ ...named, peers: { b: lost, c: alike } }), [false, false]);
  assert.deepEqual(admits({ ...named, peers: { c: c! } }), [false, false], "b was not heard");
});

Deno.test("step() publishes the new memory of a member that lost its state", () => {
  const lost = { admitted: false, persisted: null, memory: "0000000b" };
  const { state } = answered(leaderState(), "b", lost);
  const { record } = state.durable;
  assert.equal(record?.seq, 5);
  assert.deepEqual(record.members.map(({ memory }) => memory), [undefined, "0000000b", undefined]);
  assert.equal(answered(state, "b", lost).state.durable.record?.seq, 5, "once is enough");
});

Deno.test("step() keeps at most three heartbeats to a member under way", () => {
  let state = leaderState({ electedDeadlineMs: 1e9 });
  const sent: number[] = [];
  for (let nowMs = 100_000; nowMs < 102_900; nowMs += 500) {
    const result = take(state, { type: "tick", nowMs });
    state = result.state;
    sent.push(result.effects.filter((effect) => effect.type === "send").length);
  }
  assert.equal(sent.reduce((sum, count) => sum + count, 0), 6);
  assert.equal(Object.keys(state.outstanding).length, 6);
});

Deno.test("step() never lets term, record or resignation go back, whatever arrives", () => {
  const small = fc.nat(3);
  const record = fc.record({ term: small, seq: small }).map((mark) => recordOf(mark));
  const message = fc.oneof(
    fc.record({ term: small, record: fc.option(record), admit: fc.boolean() }).map((change) => ({
      type: "heartbeat" as const,
      fingerprint: JSON.stringify([["a", "data"], ["b", "data"], ["c", "data"]]),
      leaseMs: 3000,
      writable: true,
      yielding: false,
      alone: false,
      contact: { host: "x", port: 1 },
      insertLsn: null,
      ...change,
    })),
    fc.record({ term: small, record: fc.option(record) }).map((change) => ({
      type: "vote" as const,
      fingerprint: JSON.stringify([["a", "data"], ["b", "data"], ["c", "data"]]),
      instance: inst("b"),
      systemIdentifier: recordOf().systemIdentifier,
      position: null,
      priority: 100,
      handover: null,
      forced: false,
      ...change,
    })),
    small.map((term) => ({ type: "resigned" as const, term })),
  );
  const events = fc.array(
    fc.record({ from: fc.constantFrom("b", "c"), message, waitMs: fc.nat(4000) }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(fc.constantFrom(leaderState(), stateOf("a")), events, (start, list) => {
      let state = start;
      let nowMs = 100_000;
      list.forEach(({ from, message, waitMs }, exchange) => {
        nowMs += waitMs;
        const before = state.durable;
        ({ state } = take(state, { type: "request", nowMs, exchange, from, message }));
        const after = state.durable;
        assert.ok(after.term >= before.term);
        assert.ok(after.resignedTerm >= before.resignedTerm);
        if (after.term === before.term && before.votedFor !== null) {
          assert.equal(after.votedFor, before.votedFor);
        }
        const [old, next] = [before.record!, after.record!];
        assert.ok(next.term > old.term || (next.term === old.term && next.seq >= old.seq));
      });
    }),
    { numRuns: 2000, seed: 1 },
  );
});

Deno.test("step() resumes its own term after an agent's restart, but touches no name before a majority agrees", () => {
  const server = primaryServer("a");
  const fresh = stateOf("a", {
    server: null,
    durable: durableOf(),
    startedAtMs: 99_990,
    promise: { term: 1, leader: null, untilMs: 103_490 },
  });
  const observed: Event = { type: "observed", nowMs: 100_000, server };
  const { state, effects } = take(fresh, observed);
  assert.equal(leaderRole(state).phase, "resuming");
  assert.deepEqual(actionsIn(effects), []);
  assert.deepEqual(actionsIn(take(state, { ...observed, nowMs: 100_100 }).effects), []);
  const confirmed = answered(state, "b");
  assert.equal(leaderRole(confirmed.state).phase, "leading");
  assert.deepEqual(actionsIn(confirmed.effects), [{ type: "set_sync", sync: server.sync }]);
  const lapsed = take(state, { type: "tick", nowMs: 102_990 });
  assert.deepEqual(actionsIn(lapsed.effects), [{ type: "fence" }]);
});

Deno.test("step() resumes no term that it resigned, did not win, or that another leads", () => {
  const resumed = (change: Partial<State>) => {
    const state = stateOf("a", {
      server: null,
      startedAtMs: 99_990,
      promise: { term: 1, leader: null, untilMs: 103_490 },
      ...change,
    });
    const result = take(state, { type: "observed", nowMs: 100_000, server: primaryServer("a") });
    if (result.state.role.kind === "leader") return true;
    assert.deepEqual(actionsIn(result.effects), [{ type: "fence" }]);
    return false;
  };
  assert.equal(resumed({}), true);
  assert.equal(resumed({ durable: durableOf({ resignedTerm: 1 }) }), false);
  assert.equal(resumed({ durable: durableOf({ votedFor: "b" }) }), false);
  assert.equal(resumed({ durable: durableOf({ term: 2 }) }), false);
  assert.equal(resumed({ durable: durableOf({ admitted: false }) }), false);
  assert.equal(resumed({ durable: durableOf({ record: recordOf({ timeline: 2 }) }) }), false);
  assert.equal(
    resumed({ durable: durableOf({ record: recordOf({ leader: inst("a", 2) }) }) }),
    false,
  );
  assert.equal(resumed({ startedAtMs: 97_000 }), false);
  assert.equal(resumed({ promise: { term: 1, leader: "b", untilMs: 103_490 } }), false);
});
