import assert from "node:assert/strict";
import type { Event } from "../../src/core/event.ts";
import {
  answerIn,
  claimOf,
  deeds,
  durableOf,
  heartbeatOf,
  inst,
  leaderState,
  primaryServer,
  recordOf,
  request,
  standbyServer,
  stateOf,
  stoppedServer,
  take,
} from "./fixtures.ts";

const vote = (from: string, change = {}, nowMs = 100_000): Event =>
  request(from, { type: "vote", ...claimOf(from, change) }, nowMs);
const preVote = (from: string, change = {}): Event =>
  request(from, { type: "pre_vote", ...claimOf(from, change) });

const revoked = (lsn: bigint, operation = 1): Event => ({
  type: "action_done",
  nowMs: 100_050,
  operation,
  result: { type: "revoked", position: { timeline: 1, lsn } },
});

Deno.test("step() persists a vote, revokes, and only then answers with the final position", () => {
  const asked = take(stateOf("c"), vote("b"));
  assert.deepEqual(deeds(asked.effects), [
    { type: "persist", durable: durableOf({ term: 2, votedFor: "b" }) },
    { type: "operate", operation: 1, action: { type: "revoke" } },
  ]);
  const ended = take(asked.state, revoked(120n));
  assert.deepEqual(deeds(ended.effects), [
    { type: "observe" },
    {
      type: "answer",
      exchange: 9,
      message: {
        type: "vote_answer",
        term: 2,
        granted: true,
        because: "granted with its final position",
        record: recordOf(),
        instance: inst("c"),
        position: { timeline: 1, lsn: 120n },
        memory: "0000000a",
        heard: null,
      },
    },
  ]);
});

Deno.test("step() grants without position where the revocation fails", () => {
  const asked = take(stateOf("c"), vote("b"));
  const { effects } = take(asked.state, {
    type: "action_failed",
    nowMs: 100_050,
    operation: 1,
    failure: "failed",
    because: "the receiver does not end",
  });
  const message = answerIn(effects);
  assert.ok(message?.type === "vote_answer" && message.granted && message.position === null);
});

Deno.test("step() grants without position at once where no standby could be revoked", () => {
  for (
    const server of [stoppedServer("c"), { state: "absent" as const }, {
      state: "starting" as const,
      because: "replays",
    }]
  ) {
    const { effects } = take(stateOf("c", { server }), vote("b"));
    const message = answerIn(effects);
    assert.ok(message?.type === "vote_answer" && message.granted && message.position === null);
    assert.equal(deeds(effects)[0]?.type, "persist");
  }
});

Deno.test("step() grants without position while another action could undo a revocation", () => {
  const upstream = { node: "a", host: "a", port: 5432 };
  const operation = { id: 77, action: { type: "follow", upstream }, startedAtMs: 0 } as const;
  const { state, effects } = take(stateOf("c", { operation, nextId: 78 }), vote("b"));
  const message = answerIn(effects);
  assert.ok(message?.type === "vote_answer" && message.granted && message.position === null);
  assert.equal(state.operation?.id, 77);
});

Deno.test("step() votes once per term, and again only for the same candidate", () => {
  const first = take(stateOf("c"), vote("b"), revoked(120n));
  const other = answerIn(take(first.state, vote("a")).effects);
  assert.ok(other?.type === "vote_answer" && !other.granted);
  assert.match(other.because, /already voted for b/);
  const again = take(first.state, vote("b"));
  assert.deepEqual(deeds(again.effects).map(({ type }) => type), ["operate"]);
  const elder = answerIn(take(first.state, vote("a", { term: 1 })).effects);
  assert.ok(elder?.type === "vote_answer" && !elder.granted);
});

Deno.test("step() takes a grant back that a newer election overtook before it was answered", () => {
  const asked = take(stateOf("c"), vote("b"));
  const overtaken = take(asked.state, { ...vote("a", { term: 3 }), exchange: 10 } as Event);
  const denied = answerIn(overtaken.effects);
  assert.equal(denied?.type, "denied");
  const { effects } = take(overtaken.state, revoked(120n));
  const [answer] = effects.filter((effect) => effect.type === "answer");
  assert.ok(answer?.type === "answer" && answer.exchange === 10);
  assert.ok(answer.message.type === "vote_answer" && answer.message.granted);
  assert.equal(overtaken.state.durable.votedFor, "a");
});

Deno.test("step() denies votes and pre-votes while its promise to a leader holds, and not after", () => {
  const heard = take(stateOf("c"), request("a", heartbeatOf()));
  const untilMs = 100_000 + 3000 + 500;
  assert.equal(heard.state.promise?.untilMs, untilMs);
  for (const type of ["vote", "pre_vote"] as const) {
    const ask = (nowMs: number) =>
      answerIn(take(heard.state, request("b", { type, ...claimOf("b") }, nowMs)).effects);
    const early = ask(untilMs - 1);
    assert.ok(early !== undefined && "granted" in early && !early.granted);
    assert.match(early.because, /promise to a holds/);
  }
  const late = take(heard.state, vote("b", {}, untilMs));
  assert.equal(late.state.durable.votedFor, "b");
});

Deno.test("step() promises for the longer of two leases", () => {
  const longer = take(stateOf("c"), request("a", heartbeatOf({ leaseMs: 9000 })));
  assert.equal(longer.state.promise?.untilMs, 109_500);
  const shorter = take(stateOf("c"), request("a", heartbeatOf({ leaseMs: 10 })));
  assert.equal(shorter.state.promise?.untilMs, 103_500);
});

Deno.test("step() honours a handover of the promised leader and term, and no other", () => {
  const { state } = take(stateOf("c"), request("a", heartbeatOf()));
  const handover = { term: 1, leader: "a", to: "b" };
  assert.equal(take(state, vote("b", { handover })).state.durable.votedFor, "b");
  for (const change of [{ term: 0 }, { term: 2 }, { leader: "c" }, { to: "a" }]) {
    const forged = { ...handover, ...change };
    assert.equal(take(state, vote("b", { handover: forged })).state.durable.term, 1);
  }
});

Deno.test("step() keeps silence after its own start, since it may have promised before", () => {
  const state = stateOf("c", { promise: { term: 1, leader: null, untilMs: 103_500 } });
  assert.equal(take(state, vote("b", {}, 103_499)).state.durable.term, 1);
  assert.equal(take(state, vote("b", {}, 103_500)).state.durable.term, 2);
});

Deno.test("step() grants nothing while its PostgreSQL runs as primary, and nothing as a leader", () => {
  const primary = stateOf("c", { server: primaryServer("c") });
  assert.equal(take(primary, vote("b")).state.durable.term, 1);
  assert.equal(take(leaderState(), vote("b")).state.durable.term, 1);
});

Deno.test("step() grants nothing without its state, except at a first start", () => {
  const lost = durableOf({ term: 0, votedFor: null, record: null, admitted: false });
  const denied = take(stateOf("c", { durable: lost }), vote("b"));
  assert.deepEqual(denied.state.durable, lost);
  const empty = stateOf("c", { durable: lost, server: { state: "absent" } });
  const fresh = { record: null, systemIdentifier: null, instance: null, position: null, term: 1 };
  const granted = take(empty, vote("a", fresh));
  assert.deepEqual(granted.state.durable, {
    ...lost,
    term: 1,
    votedFor: "a",
    admitted: true,
  });
});

Deno.test("step() grants no first start where data here could be ahead, or is not known yet", () => {
  const durable = durableOf({ term: 0, votedFor: null, record: null, admitted: false });
  const fresh = { record: null, term: 1 };
  const asks = (server: Parameters<typeof stateOf>[1], claim = {}) =>
    take(stateOf("c", { durable, ...server }), vote("a", { ...fresh, ...claim })).state.durable
      .term;
  assert.equal(asks({ server: null }), 0);
  assert.equal(asks({ server: { state: "starting", because: "" } }), 0);
  assert.equal(asks({ server: { state: "unresponsive", because: "" } }), 0);
  assert.equal(asks({ server: stoppedServer("c", { systemIdentifier: "8" }) }), 0);
  assert.equal(asks({ server: stoppedServer("c") }), 0, "a stopped server shows no position");
  const behind = standbyServer("c", { position: { timeline: 1, lsn: 100n } });
  assert.equal(asks({ server: behind }), 1);
  assert.equal(asks({ server: behind }, { position: { timeline: 1, lsn: 99n } }), 0);
  assert.equal(asks({ server: behind }, { position: { timeline: 2, lsn: 100n } }), 0);
  assert.equal(asks({ server: behind }, { position: null }), 0);
});

Deno.test("step() lets the newer of two records say who is electable", () => {
  const newer = recordOf({ term: 1, seq: 5, electable: [inst("c")] });
  assert.equal(take(stateOf("c"), vote("b", { record: newer })).state.durable.term, 1);
  const state = stateOf("c", { durable: durableOf({ record: newer }) });
  assert.equal(take(state, vote("b")).state.durable.term, 1);
  assert.equal(take(stateOf("c"), vote("b", { instance: inst("b", 2) })).state.durable.term, 1);
  const solo = recordOf({ seq: 6, electable: [], required: 0 });
  assert.equal(take(stateOf("c"), vote("b", { record: solo })).state.durable.term, 1);
  assert.equal(take(stateOf("c"), vote("a", { record: solo })).state.durable.term, 2);
});

Deno.test("step() denies a candidate with another member list or from outside", () => {
  assert.equal(take(stateOf("c"), vote("b", { fingerprint: "[]" })).state.durable.term, 1);
  const { state, effects } = take(stateOf("c"), vote("x"));
  const denial = answerIn(effects);
  assert.ok(denial?.type === "vote_answer" && !denial.granted && state.durable.term === 1);
  assert.equal(answerIn(take(stateOf("c"), vote("c")).effects)?.type, "denied");
});

Deno.test("step() changes nothing durable and revokes nothing for a pre-vote", () => {
  const { state, effects } = take(stateOf("c"), preVote("b"));
  assert.deepEqual(deeds(effects), [{
    type: "answer",
    exchange: 9,
    message: {
      type: "pre_vote_answer",
      term: 1,
      granted: true,
      because: "nothing speaks against it",
      record: recordOf(),
    },
  }]);
  assert.deepEqual(state.durable, durableOf());
});

Deno.test("step() denies a pre-vote to a lesser candidate, but not a handover to one", () => {
  const ahead = stateOf("c", {
    server: standbyServer("c", { position: { timeline: 1, lsn: 200n } }),
  });
  const granted = (change = {}) => {
    const message = answerIn(take(ahead, preVote("b", change)).effects);
    return message?.type === "pre_vote_answer" && message.granted;
  };
  assert.equal(granted(), false);
  assert.equal(granted({ handover: { term: 1, leader: "a", to: "b" } }), true);
});

Deno.test("step() never denies the record's own leader for a position that it cannot show", () => {
  const message = answerIn(take(stateOf("c"), preVote("a", { position: null })).effects);
  assert.ok(message?.type === "pre_vote_answer" && message.granted);
});

Deno.test("step() stands soon where a vote showed that the candidate lacks what is here", () => {
  const asked = take(stateOf("c"), vote("b"));
  const campaignAtMs = (lsn: bigint) => {
    const { role } = take(asked.state, revoked(lsn)).state;
    return role.kind === "follower" ? role.campaignAtMs : null;
  };
  assert.equal(campaignAtMs(100n), 101_000);
  assert.equal(campaignAtMs(101n), 100_300);
});
