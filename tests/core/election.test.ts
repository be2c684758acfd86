import assert from "node:assert/strict";
import type { Event } from "../../src/core/event.ts";
import type { Answer } from "../../src/core/message.ts";
import type { State } from "../../src/core/state.ts";
import {
  actionsIn,
  deeds,
  durableOf,
  heartbeatOf,
  inst,
  MEMBERS,
  primaryServer,
  recordOf,
  request,
  standbyServer,
  stateOf,
  stoppedServer,
  take,
} from "./fixtures.ts";

const TICK: Event = { type: "tick", nowMs: 100_000 };

/** Node b, which nothing holds back. */
function free(change: Partial<State> = {}): State {
  const state = stateOf("b", change);
  return { ...state, role: { ...state.role, campaignAtMs: 0 } as State["role"] };
}

function reply(state: State, to: string, message: Partial<Answer>, nowMs = 100_005): Event {
  const found = Object.entries(state.outstanding).findLast(([, sent]) => sent.to === to);
  assert.ok(found !== undefined, `nothing was asked of ${to}`);
  const shared = { term: 1, granted: true, because: "", record: recordOf() };
  const filled = { ...shared, instance: inst(to), position: null, memory: null, ...message };
  return { type: "answer", nowMs, request: Number(found[0]), from: to, message: filled as Answer };
}

const revoked = (lsn: bigint, operation: number): Event => ({
  type: "action_done",
  nowMs: 100_020,
  operation,
  result: { type: "revoked", position: { timeline: 1, lsn } },
});

/** Node b in the vote stage of term 2, both pre-votes granted. */
function voting(change: Partial<State> = {}): State {
  let { state } = take(free(change), TICK);
  for (const node of ["a", "c"]) {
    ({ state } = take(state, reply(state, node, { type: "pre_vote_answer" })));
  }
  assert.equal(state.role.kind === "candidate" && state.role.stage, "vote");
  return state;
}

const grantAt = (lsn: bigint | null): Partial<Answer> => ({
  type: "vote_answer",
  term: 2,
  position: lsn === null ? null : { timeline: 1, lsn },
  heard: null,
});

Deno.test("step() asks for pre-votes first, and persists and revokes nothing for them", () => {
  const { state, effects } = take(free(), TICK);
  assert.deepEqual(deeds(effects).map((effect) => [effect.type, "to" in effect && effect.to]), [
    ["send", "a"],
    ["send", "c"],
  ]);
  for (const effect of effects) {
    assert.ok(effect.type === "send" && effect.message.type === "pre_vote");
    assert.equal(effect.message.term, 2);
  }
  assert.deepEqual(state.durable, durableOf());
});

Deno.test("step() persists term and vote before it revokes itself and asks for votes", () => {
  let { state } = take(free(), TICK);
  ({ state } = take(state, reply(state, "a", { type: "pre_vote_answer" })));
  const { effects } = take(state, reply(state, "c", { type: "pre_vote_answer" }));
  const [first, ...others] = deeds(effects);
  assert.deepEqual(first, { type: "persist", durable: durableOf({ term: 2, votedFor: "b" }) });
  assert.deepEqual(others.map(({ type }) => type), ["send", "send", "operate"]);
  assert.deepEqual(actionsIn(effects), [{ type: "revoke" }]);
});

Deno.test("step() asks a majority again soon that is not of one mind, the first time alone", () => {
  const hear = (begin: State, nowMs: number) => {
    let { state } = take(begin, { type: "tick", nowMs });
    ({ state } = take(state, reply(state, "a", { type: "pre_vote_answer" }, nowMs)));
    const because = "this node is the better candidate";
    const denial = { type: "pre_vote_answer", granted: false, because } as const;
    return take(state, reply(state, "c", denial, nowMs)).state;
  };
  const once = hear(free(), 100_000);
  assert.equal(once.campaignFailure, "c: this node is the better candidate");
  assert.ok(once.role.kind === "follower");
  const pauseMs = once.role.campaignAtMs - 100_000;
  assert.ok(pauseMs >= 62 && pauseMs <= 125, `it waits for ${pauseMs} ms`);
  const twice = hear(once, 100_200);
  assert.ok(twice.role.kind === "candidate" && twice.role.stage === "vote");
});

/** Node b as its own record has it: not electable, since it missed a newer one. */
function uninformed(): State {
  const record = recordOf({ electable: [inst("c")], required: 1, seq: 3 });
  return free({ durable: durableOf({ record }) });
}

Deno.test("step() asks the others whether a record that it missed makes it electable", () => {
  let { state, effects } = take(uninformed(), TICK);
  assert.deepEqual(deeds(effects).map(({ type }) => type), ["send", "send"]);
  ({ state } = take(state, reply(state, "a", { type: "pre_vote_answer", granted: false })));
  ({ state, effects } = take(state, reply(state, "c", { type: "pre_vote_answer" })));
  assert.deepEqual(deeds(effects).map(({ type }) => type), ["persist", "send", "send", "operate"]);
  const operation = state.operation!.id;
  ({ state } = take(state, reply(state, "c", grantAt(90n))));
  ({ state } = take(state, revoked(100n, operation)));
  assert.equal(state.role.kind, "leader");
  assert.equal(state.durable.record?.seq, 1, "it publishes what it was shown, under its own term");
  assert.deepEqual(state.durable.record?.electable, [inst("b"), inst("c")]);
});

Deno.test("step() shows others the record that it was shown, since they may have missed it too", () => {
  let { state } = take(uninformed(), TICK);
  const denial = { type: "pre_vote_answer", granted: false } as const;
  for (const node of ["a", "c"]) ({ state } = take(state, reply(state, node, denial)));
  assert.equal(state.role.kind, "follower");
  const { effects } = take(state, { type: "tick", nowMs: 110_000 });
  const [asked] = deeds(effects);
  assert.ok(asked?.type === "send" && asked.message.type === "pre_vote");
  assert.deepEqual(asked.message.record, recordOf());
});

Deno.test("step() gives up a record that it was only shown, and that elects nobody for ten leases", () => {
  const denial = { type: "pre_vote_answer", granted: false } as const;
  const record = uninformed().durable.record;
  const asked = (state: State, nowMs: number) => {
    const stepped = take(state, { type: "tick", nowMs });
    const [first] = deeds(stepped.effects);
    assert.ok(first?.type === "send" && first.message.type === "pre_vote");
    return { state: stepped.state, shows: first.message.record };
  };
  let { state } = asked(uninformed(), TICK.nowMs);
  for (const node of ["a", "c"]) ({ state } = take(state, reply(state, node, denial)));
  const lateMs = state.shownAtMs + 10 * state.settings.leaseMs;
  assert.deepEqual(asked(state, lateMs - 1).shows, recordOf());
  const later = asked(state, lateMs);
  assert.deepEqual(later.shows, record);
  // Others still tell it.
  ({ state } = later);
  for (const node of ["a", "c"]) ({ state } = take(state, reply(state, node, denial)));
  assert.deepEqual(asked(state, lateMs + 60_000).shows, record);
});

Deno.test("step() asks for no votes where nobody holds a record that makes it electable", () => {
  const older = { type: "pre_vote_answer", record: uninformed().durable.record } as const;
  let { state, effects } = take(uninformed(), TICK);
  for (const node of ["a", "c"]) ({ state, effects } = take(state, reply(state, node, older)));
  assert.deepEqual(deeds(effects), []);
  assert.equal(state.role.kind, "follower");
  assert.deepEqual(state.durable, uninformed().durable);
});

Deno.test("step() does not campaign while it may not", () => {
  const cases: [string, Partial<State>][] = [
    ["a promise holds", { promise: { term: 1, leader: "a", untilMs: 100_001 } }],
    ["its server is a primary", { server: primaryServer("b") }],
    ["its server was not observed", { server: null }],
    ["its server is stopped", { server: stoppedServer("b") }],
    ["its replay is paused", { server: standbyServer("b", { replayPaused: true }) }],
    ["it lost its state", { durable: durableOf({ admitted: false }) }],
    ["it is busy", { operation: { id: 9, action: { type: "prepare" }, startedAtMs: 0 } }],
    ["it never started", { durable: durableOf({ record: null, term: 0 }) }],
  ];
  for (const [why, change] of cases) {
    assert.notEqual(take(free(change), TICK).state.role.kind, "candidate", why);
  }
  assert.equal(take(free(), TICK).state.role.kind, "candidate");
});

Deno.test("step() does not make a nofailover member a candidate", () => {
  const state = free();
  const settings = { ...state.settings, nofailover: ["b"] };
  assert.notEqual(take({ ...state, settings }, TICK).state.role.kind, "candidate");
});

Deno.test("step() wins with a majority whose final positions cover the electable set", () => {
  const won = (aLsn: bigint | null, cLsn: bigint | null) => {
    let { state } = take(voting(), revoked(100n, 5));
    ({ state } = take(state, reply(state, "a", grantAt(aLsn))));
    if (state.role.kind === "candidate") {
      ({ state } = take(state, reply(state, "c", grantAt(cLsn))));
    }
    return state.role.kind === "leader";
  };
  assert.equal(won(null, 100n), true, "c is not ahead");
  assert.equal(won(null, 101n), false, "c is ahead");
  assert.equal(won(null, null), false, "c shows nothing");
  assert.equal(won(100n, null), true, "the old leader itself is not ahead");
  assert.equal(won(101n, null), false, "the old leader is ahead");
});

Deno.test("step() does not win before its own position is final", () => {
  let state = voting();
  ({ state } = take(state, reply(state, "c", grantAt(50n))));
  ({ state } = take(state, reply(state, "a", grantAt(50n))));
  assert.equal(state.role.kind, "candidate");
  assert.equal(take(state, revoked(100n, 5)).state.role.kind, "leader");
});

Deno.test("step() counts no denial, no silence, no pre-vote and no vote of an older campaign", () => {
  const { state } = take(voting(), revoked(100n, 5));
  const denied = take(state, reply(state, "c", { ...grantAt(50n), granted: false })).state;
  assert.notEqual(denied.role.kind, "leader");
  const mistaken = take(state, reply(state, "c", { type: "pre_vote_answer" })).state;
  assert.notEqual(mistaken.role.kind, "leader");
  const old = reply(state, "c", grantAt(50n));
  const lost = take(state, { type: "tick", nowMs: 110_000 }).state;
  assert.equal(lost.role.kind, "follower");
  assert.notEqual(take(lost, { ...old, nowMs: 110_001 }).state.role.kind, "leader");
});

Deno.test("step() adopts the newest record it is shown, and obeys it", () => {
  const newer = recordOf({ seq: 5, electable: [inst("c")] });
  const { state } = take(voting(), revoked(100n, 5));
  const shown = take(state, reply(state, "c", { ...grantAt(50n), record: newer })).state;
  assert.equal(shown.role.kind, "candidate", "a newer record may still come");
  const lost = take(shown, reply(shown, "a", grantAt(50n))).state;
  assert.equal(lost.role.kind, "follower");
  const newest = recordOf({ seq: 6 });
  const won = take(shown, reply(shown, "a", { ...grantAt(50n), record: newest })).state;
  assert.equal(won.role.kind, "leader");
  assert.deepEqual(won.durable.record, { ...newest, term: 2, seq: 1 });
});

Deno.test("step() gives way to a newer term, and remembers it", () => {
  const state = voting();
  const answer = reply(state, "c", { ...grantAt(null), granted: false, term: 7 });
  const { state: after } = take(state, answer);
  assert.equal(after.role.kind, "follower");
  assert.deepEqual(after.durable, durableOf({ term: 7, votedFor: null }));
});

Deno.test("step() publishes the adopted record unchanged under its own term when it has won", () => {
  const { state } = take(voting(), revoked(100n, 5));
  const { effects } = take(state, reply(state, "c", grantAt(100n)));
  const [persist, ...others] = deeds(effects);
  const adopted = recordOf({ term: 2, seq: 1 });
  assert.deepEqual(persist, {
    type: "persist",
    durable: durableOf({ term: 2, votedFor: "b", record: adopted }),
  });
  assert.deepEqual(others.map(({ type }) => type), ["send", "send"]);
});

Deno.test("step() lets the stopped leader of the record win without a position", () => {
  const stopped = stateOf("a", { server: stoppedServer("a", { wasPrimary: true }) });
  const start = { ...stopped, role: { ...stopped.role, campaignAtMs: 0 } as State["role"] };
  let { state } = take(start, TICK);
  for (const node of ["b", "c"]) {
    ({ state } = take(state, reply(state, node, { type: "pre_vote_answer" })));
  }
  const { state: won } = take(state, reply(state, "b", { ...grantAt(null), instance: inst("b") }));
  assert.equal(won.role.kind, "leader");
});

Deno.test("step() comes back after its voters where their positions did not cover it", () => {
  const { state } = take(voting(), revoked(100n, 5));
  let { state: lost } = take(state, reply(state, "c", grantAt(null)));
  ({ state: lost } = take(lost, reply(lost, "a", grantAt(null))));
  assert.ok(lost.role.kind === "follower");
  const { state: voter } = take(
    stateOf("c"),
    request("b", {
      type: "vote",
      fingerprint: JSON.stringify(MEMBERS.map(({ name, kind }) => [name, kind])),
      term: 2,
      instance: inst("b"),
      systemIdentifier: recordOf().systemIdentifier,
      record: recordOf(),
      position: null,
      priority: 100,
      handover: null,
      forced: false,
    }),
  );
  assert.ok(voter.role.kind === "follower");
  assert.ok(lost.role.campaignAtMs > voter.role.campaignAtMs);
});

Deno.test("step() stands back in a pre-vote once it has agreed that another goes first", () => {
  const start = { ...stateOf("c"), role: { ...stateOf("c").role, campaignAtMs: 0 } };
  const { state } = take(start as State, TICK);
  assert.equal(state.role.kind, "candidate");
  const sent = take(free(), TICK).effects.find((effect) =>
    effect.type === "send" && effect.to === "c"
  );
  assert.ok(sent?.type === "send");
  const { state: after } = take(state, request("b", sent.message));
  assert.ok(after.role.kind === "follower" && after.role.campaignAtMs > 100_000);
});

Deno.test("step() campaigns at once on a handover of the leader that it follows", () => {
  const heard = take(stateOf("b"), request("a", heartbeatOf({ writable: false })));
  const handover = { term: 1, leader: "a", to: "b" };
  const { state, effects } = take(heard.state, request("a", { type: "handover", handover }));
  assert.deepEqual(state.durable, durableOf({ term: 2, votedFor: "b" }));
  const vote = effects.find((effect) => effect.type === "send");
  assert.ok(vote?.type === "send" && vote.message.type === "vote");
  assert.deepEqual(vote.message.handover, handover);
  const answer = effects.find((effect) => effect.type === "answer");
  assert.ok(answer?.type === "answer" && answer.message.type === "noted");
});

Deno.test("step() refuses a handover that it cannot make use of, so that its sender knows", () => {
  const heard = take(stateOf("b"), request("a", heartbeatOf({ writable: false }))).state;
  const handover = { term: 1, leader: "a", to: "b" };
  const ask = (state: State, change = {}) => {
    const message = { type: "handover" as const, handover: { ...handover, ...change } };
    const { state: after, effects } = take(state, request("a", message));
    const answer = effects.find((effect) => effect.type === "answer");
    assert.equal(after.durable.term, 1);
    return answer?.type === "answer" && answer.message.type;
  };
  assert.equal(ask({ ...heard, server: stoppedServer("b") }), "denied");
  assert.equal(ask(heard, { term: 2 }), "denied");
  assert.equal(ask(heard, { to: "c" }), "denied");
  assert.equal(ask(heard, { leader: "c" }), "denied");
  assert.equal(ask(stateOf("b")), "denied");
});

Deno.test("step() never makes itself a voter again after it lost its state", () => {
  const durable = durableOf({ term: 0, votedFor: null, record: null, admitted: false });
  const settings = { ...stateOf("b").settings, initialPrimary: true };
  let state: State = { ...free({ durable }), settings };
  ({ state } = take(state, TICK));
  assert.equal(state.role.kind, "candidate", "this could be a first start");
  for (const node of ["a", "c"]) {
    if (state.role.kind !== "candidate") break;
    ({ state } = take(state, reply(state, node, { type: "pre_vote_answer", term: 0 })));
  }
  assert.equal(state.role.kind, "follower");
  assert.deepEqual(state.durable, durable);
});

/** Node b asks for votes under an async record; c is in E as well. */
function votingAsync(settings: Partial<State["settings"]> = {}): State {
  const durable = durableOf({ record: recordOf({ required: 0 }) });
  const state = voting({ durable });
  const final = { ...state, settings: { ...state.settings, ...settings } };
  return take(final, {
    type: "action_done",
    nowMs: 100_100,
    operation: final.operation!.id,
    result: { type: "revoked", position: { timeline: 1, lsn: 100n } },
  }).state;
}

const heardOf = (lsn: bigint) => ({
  heard: { leader: inst("a"), position: { timeline: 1, lsn }, agoMs: 800 },
});

Deno.test("step() elects under an async record without coverage, and reports what may be lost", () => {
  const state = votingAsync();
  const grant = { ...grantAt(90n), ...heardOf(140n) } as Partial<Answer>;
  const { state: after, effects } = take(state, reply(state, "c", grant));
  assert.ok(after.role.kind === "leader");
  assert.deepEqual(after.role.possibleLoss, { fromLsn: 100n, knownBytes: 40n, heardAgoMs: 800 });
  const reported = effects.flatMap((effect) =>
    effect.type === "report" && effect.decision.event === "possible_loss"
      ? [effect.decision.fields]
      : []
  );
  assert.deepEqual(reported, [{ term: 2, known_bytes: 40, heard_ago_ms: 800 }]);
});

Deno.test("step() does not win under an async record before each member of E has answered", () => {
  const state = votingAsync();
  const witness = take(state, reply(state, "a", grantAt(null))).state;
  assert.equal(witness.role.kind, "candidate", "c may be ahead");
  const { state: after } = take(witness, reply(witness, "c", { ...grantAt(101n), ...heardOf(0n) }));
  assert.equal(after.role.kind, "follower", "c goes first");
});

Deno.test("step() does not win under an async record where it lacks more than is allowed", () => {
  const grant = { ...grantAt(90n), ...heardOf(140n) } as Partial<Answer>;
  const may = (maximumLagBytes: bigint) => {
    const state = votingAsync({ maximumLagBytes });
    return take(take(state, reply(state, "c", grant)).state, reply(state, "a", grantAt(null)))
      .state;
  };
  assert.equal(may(40n).role.kind, "leader");
  assert.equal(may(39n).role.kind, "follower");
  assert.match(may(39n).campaignFailure ?? "", /lacks 40 bytes of WAL, and 39 are allowed/);
});
