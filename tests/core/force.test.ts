import assert from "node:assert/strict";
import type { Effect } from "../../src/core/effect.ts";
import type { Event } from "../../src/core/event.ts";
import type { Force } from "../../src/core/force.ts";
import type { Answer } from "../../src/core/message.ts";
import type { State } from "../../src/core/state.ts";
import {
  actionsIn,
  answerIn,
  claimOf,
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

/** Only a is electable: it led alone, and is gone. */
const SOLO = recordOf({ electable: [], required: 0 });

function soloState(change: Partial<State> = {}, self = "b"): State {
  const state = stateOf(self);
  return { ...state, durable: { ...state.durable, record: SOLO }, ...change };
}

const force = (how: Force, to = "b", nowMs = 100_000): Event => ({
  type: "operator",
  nowMs,
  command: { type: "failover", reference: 7, to, force: how },
});

function words(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) =>
    effect.type === "progress" ? [`${effect.outcome}: ${effect.step}`] : []
  );
}

function reply(state: State, to: string, message: Partial<Answer>): Event {
  const found = Object.entries(state.outstanding).findLast(([, sent]) => sent.to === to);
  assert.ok(found !== undefined, `nothing was asked of ${to}`);
  const shared = { term: 2, granted: true, because: "", record: SOLO };
  const filled = { ...shared, instance: inst(to), position: null, ...message };
  const request = Number(found[0]);
  return { type: "answer", nowMs: 100_005, request, from: to, message: filled as Answer };
}

function silence(state: State, to: string): Event {
  const { request } = reply(state, to, {}) as Event & { type: "answer" };
  return { type: "no_answer", nowMs: 100_005, request, reason: "silent" };
}

/** Node b in the vote stage of term 2, by force; a is silent, c would agree. Its own end is 100. */
function forcedVote(start: State = soloState()): State {
  let { state } = take(start, force("accepted"));
  ({ state } = take(state, silence(state, "a")));
  ({ state } = take(state, reply(state, "c", { type: "pre_vote_answer", term: 1 })));
  assert.ok(state.role.kind === "candidate" && state.role.stage === "vote" && state.role.forced);
  ({ state } = take(state, silence(state, "a")));
  return take(state, {
    type: "action_done",
    nowMs: 100_005,
    operation: state.operation!.id,
    result: { type: "revoked", position: { timeline: 1, lsn: 100n } },
  }).state;
}

const grantAt = (lsn: bigint | null, timeline = 1): Partial<Answer> => ({
  type: "vote_answer",
  position: lsn === null ? null : { timeline, lsn },
});

Deno.test("step() by force without acceptance names the cost and changes nothing", () => {
  const heard = { leader: "a", atMs: 60_000, insertLsn: 160n };
  const { state, effects } = take(soloState({ heard }), force("ask"));
  assert.ok(effects.every(({ type }) => type === "progress"));
  assert.equal(state.watch, null);
  const said = words(effects);
  assert.match(said[0]!, /record here \(1\.4\): a leads, and nobody else is known to hold every/);
  assert.match(
    said[1]!,
    /b stands at 0\/64 on timeline 1; a was last heard 40\.0 s ago, .* 60 bytes/,
  );
  assert.match(said[2]!, /commits that a acknowledged after 0\/64 on timeline 1 are lost$/);
  assert.match(said[3]!, /make sure that PostgreSQL is stopped there/);
  assert.match(said[4]!, /^unaccepted: nothing was changed; .* --accept-data-loss$/);
});

Deno.test("step() by force tells what it does not know of the leader", () => {
  const unheard = words(take(stateOf("b"), force("ask")).effects);
  assert.match(unheard[0]!, /a leads, and every acknowledged commit is on 1 of b, c/);
  assert.match(unheard[1]!, /since the start of this agent nothing was heard/);
  const heard = { leader: "a", atMs: 99_000, insertLsn: null };
  assert.match(words(take(stateOf("b", { heard }), force("ask")).effects)[1]!, /said no position/);
  const complete = { ...heard, insertLsn: 100n };
  const said = words(take(stateOf("b", { heard: complete }), force("ask")).effects);
  assert.match(said[1]!, /all of that is here\. What it wrote since then is not known/);
});

Deno.test("step() refuses force where it cannot be, in either form", () => {
  const led = {
    kind: "follower",
    leader: "a",
    writable: true,
    yielding: false,
    leaderContact: null,
    workingAtMs: null,
  } as const;
  const times = { leaderInsertLsn: null, campaignAtMs: 0, probeAtMs: Infinity };
  const followed = (heardAtMs: number): State["role"] => ({ ...led, ...times, heardAtMs });
  const other = { ...standbyServer("b"), systemIdentifier: "7000000000000000009" };
  const cases: [State, string, RegExp][] = [
    [soloState(), "c", /only c itself can be forced; ask it/],
    [soloState(), "x", /no data member/],
    [leaderState(), "b", /only b itself/],
    [soloState({ role: followed(99_900) }), "b", /a leads and is heard; ask for a switchover/],
    [soloState({ server: { state: "absent" } }), "b", /no data directory/],
    [soloState({ server: null }), "b", /not been observed/],
    [soloState({ server: standbyServer("b", { replayPaused: true }) }), "b", /paused/],
    [soloState({ server: other }), "b", /another cluster/],
    [soloState({ server: { state: "refused", because: "of a lock" } }), "b", /of a lock/],
    [leaderState({ phase: "promoting" }), "a", /about to be the primary/],
  ];
  for (const [state, to, because] of cases) {
    for (const how of ["ask", "accepted"] as const) {
      const { effects, state: after } = take(state, force(how, to));
      const said = words(effects)[0]!;
      assert.ok(said.startsWith("refused: "), said);
      assert.match(said, because);
      assert.equal(after.watch, null);
    }
  }
  const lost = { ...soloState(), durable: { ...soloState().durable, admitted: false } };
  assert.match(words(take(lost, force("accepted")).effects)[0]!, /refused: .*lost its state/);
  const silent = take(soloState({ role: followed(50_000) }), force("accepted"));
  assert.match(words(silent.effects)[0]!, /^running: b campaigns by force/);
  assert.match(words(take(leaderState(), force("accepted", "a")).effects)[0]!, /^succeeded: /);
});

Deno.test("step() forces a nofailover node, which no election without force would take", () => {
  const told = { nofailover: ["b"] };
  const state = stateOf("b", {}, told);
  const event = force("accepted");
  assert.ok(event.type === "operator");
  const plain = { ...event, command: { ...event.command, force: "none" as const } };
  assert.match(words(take(state, plain).effects)[0]!, /^refused: .*nofailover/);
  const forced = take(state, event);
  assert.ok(forced.state.role.kind === "candidate" && forced.state.role.forced);
});

Deno.test("step() by force waits until the promise to the old leader is over", () => {
  const promise = { term: 1, leader: "a", untilMs: 101_000 };
  const asked = take(soloState({ promise }), force("accepted"));
  assert.equal(asked.state.role.kind, "follower");
  const later = take(asked.state, { type: "tick", nowMs: 101_000 });
  assert.ok(later.state.role.kind === "candidate" && later.state.role.forced);
});

Deno.test("step() by force ends where the leader is heard again meanwhile", () => {
  const promise = { term: 1, leader: "a", untilMs: 101_000 };
  const { state } = take(soloState({ promise }), force("accepted"));
  const { effects } = take(state, request("a", heartbeatOf({ record: SOLO })));
  assert.match(words(effects)[0]!, /^failed: b cannot be forced: a leads and is heard/);
});

Deno.test("step() starts a former primary as a standby first, to know its position", () => {
  const server = stoppedServer("b", { wasPrimary: true });
  assert.deepEqual(
    actionsIn(take(soloState({ server }), { type: "tick", nowMs: 100_000 }).effects),
    [],
  );
  const { effects, state } = take(soloState({ server }), force("accepted"));
  assert.deepEqual(actionsIn(effects), [{ type: "start_standby" }]);
  assert.equal(state.role.kind, "follower");
});

Deno.test("step() elects a forced candidate without coverage, and reports what it lacks", () => {
  const state = forcedVote();
  const won = take(state, reply(state, "c", grantAt(90n)));
  assert.equal(won.state.role.kind, "leader");
  const report = won.effects.find((effect) =>
    effect.type === "report" && effect.decision.event === "forced"
  );
  assert.ok(report?.type === "report");
  assert.equal(report.decision.peer, "a");
  assert.deepEqual(report.decision.fields, {
    term: 2,
    loss: "possible",
    timeline: 1,
    lsn: "0/64",
    lost_since: "0/64",
    record: "1.4",
  });
  assert.match(
    words(won.effects)[0]!,
    /^running: elected by force: .* that a acknowledged after 0\/64/,
  );
});

Deno.test("step() elects nobody by force whose data directory cannot be read just then", () => {
  const state: State = { ...forcedVote(), server: { state: "refused", because: "unreadable" } };
  const lost = take(state, reply(state, "c", grantAt(90n)));
  assert.equal(lost.state.role.kind, "follower");
  assert.equal(lost.state.durable.term, 2);
  assert.ok(
    !lost.effects.some((effect) => effect.type === "report" && effect.decision.event === "forced"),
  );
});

Deno.test("step() says that nothing is lost where the votes cover every commit", () => {
  const state = forcedVote(stateOf("b"));
  const record = recordOf();
  const won = take(state, reply(state, "c", { ...grantAt(90n), record }));
  assert.equal(won.state.role.kind, "leader");
  assert.match(words(won.effects)[0]!, /elected by force: the votes show that no .* is missing/);
});

Deno.test("step() ends a forced campaign for good where a voter is further", () => {
  const later = { ...grantAt(5n, 2), record: { ...SOLO, seq: 5, timeline: 2 } };
  for (const further of [grantAt(101n), later]) {
    const state = forcedVote();
    const lost = take(state, reply(state, "c", further));
    assert.equal(lost.state.role.kind, "follower");
    assert.equal(lost.state.watch, null);
    assert.match(words(lost.effects)[0]!, /^failed: c is further, .*make c the primary, by force/);
  }
  const fork = forcedVote();
  const won = take(fork, reply(fork, "c", grantAt(500n, 2)));
  assert.equal(won.state.role.kind, "leader", "WAL of another timeline than the record's is less");
});

Deno.test("step() lets no forced candidate win before every member answered or fell silent", () => {
  let { state } = take(soloState(), force("accepted"));
  ({ state } = take(state, reply(state, "c", { type: "pre_vote_answer", term: 1 })));
  ({ state } = take(state, { type: "tick", nowMs: 100_400 }));
  assert.ok(state.role.kind === "candidate" && state.role.stage === "vote");
  ({ state } = take(state, {
    type: "action_done",
    nowMs: 100_405,
    operation: state.operation!.id,
    result: { type: "revoked", position: { timeline: 1, lsn: 100n } },
  }));
  ({ state } = take(state, { ...reply(state, "c", grantAt(90n)), nowMs: 100_410 }));
  assert.equal(state.role.kind, "candidate");
  ({ state } = take(state, { ...silence(state, "a"), nowMs: 100_420 }));
  assert.equal(state.role.kind, "leader");
});

Deno.test("step() gives an operator up after a minute, and says what a majority takes", () => {
  let { state } = take(soloState(), force("accepted"));
  const said: string[] = [];
  for (let nowMs = 100_000; state.watch !== null && nowMs < 170_000; nowMs += 100) {
    for (const to of ["a", "c"]) {
      if (state.role.kind !== "candidate") continue;
      const ended = take(state, { ...silence(state, to), nowMs });
      state = ended.state;
      said.push(...words(ended.effects));
    }
    const ended = take(state, { type: "tick", nowMs });
    state = ended.state;
    said.push(...words(ended.effects));
  }
  assert.match(
    said.at(-1)!,
    /^failed: no success .*1 of 2 needed votes.*start metako again on another/,
  );
});

Deno.test("a voter grants a forced candidate that is not electable, and nothing else is lifted", () => {
  const vote = (change = {}, term = 2) =>
    request("b", {
      type: "vote",
      ...claimOf("b", { record: SOLO, term, forced: true, ...change }),
    });
  const granted = (state: State, event: Event) => {
    const { effects, state: after } = take(state, event);
    const message = answerIn(effects);
    return message?.type === "vote_answer" ? message.because : `term ${after.durable.term}`;
  };
  const voter = soloState({}, "c");
  assert.match(granted(voter, vote({ forced: false })), /not electable under record 1\.4/);
  assert.equal(granted(voter, vote()), "term 2", "persisted, and answered after the revocation");
  assert.match(granted(voter, vote({ instance: null })), /no data directory/);
  assert.match(granted(voter, vote({ fingerprint: "[]" })), /member list differs/);
  assert.match(granted(voter, vote({ systemIdentifier: "9" })), /another cluster/);
  assert.match(granted(voter, vote({}, 0)), /older than 1/);
  const promise = { term: 1, leader: "a", untilMs: 101_000 };
  assert.match(granted({ ...voter, promise }, vote()), /the promise to a holds/);
  const lost = { ...voter, durable: { ...voter.durable, admitted: false } };
  assert.match(granted(lost, vote()), /lost its state/);
  const primary = soloState({ server: primaryServer("c") }, "c");
  assert.match(granted(primary, vote()), /still runs as primary/);
  const last = soloState({ server: stoppedServer("a", { wasPrimary: true }) }, "a");
  assert.match(granted(last, vote()), /this node led last, .* without force/);
});

Deno.test("a voter that is the better candidate lets a forced one go first", () => {
  const preVote = (forced: boolean) =>
    request("b", { type: "pre_vote", ...claimOf("b", { position: null, forced }) });
  const ask = (forced: boolean) => {
    const message = answerIn(take(stateOf("c"), preVote(forced)).effects);
    return message?.type === "pre_vote_answer" && message.granted;
  };
  assert.equal(ask(false), false);
  assert.equal(ask(true), true);
});

Deno.test("step() names no position of loss to a node that is on another timeline", () => {
  const record = { ...SOLO, timeline: 3 };
  const durable = { ...soloState().durable, record };
  const heard = { leader: "a", atMs: 99_000, insertLsn: 900n };
  const said = words(take(soloState({ heard, durable }), force("ask")).effects);
  assert.match(said[1]!, /when its WAL ended at 0\/384\. What it wrote/, "no bytes are counted");
  assert.match(said[2]!, /a, or a leader before it, .* it cannot be said from where on$/);
});

Deno.test("step() keeps a forced leader off timelines that another server may have made", () => {
  const cases = [[1, undefined, 2], [7, undefined, 7], [0, undefined, 2], [0, 8, 8]] as const;
  for (const [timeline, takenTimeline, beyondTimeline] of cases) {
    const record = { ...SOLO, seq: 5, timeline, takenTimeline };
    const state = forcedVote();
    const won = take(state, reply(state, "c", { ...grantAt(90n), record })).state;
    assert.ok(won.role.kind === "leader");
    assert.equal(won.role.beyondTimeline, beyondTimeline);
    const promoting: State = {
      ...won,
      server: standbyServer("b"),
      operation: null,
      role: { ...won.role, phase: "promoting", retryAtMs: 0, electedDeadlineMs: Infinity },
    };
    const [action] = actionsIn(take(promoting, { type: "tick", nowMs: 100_010 }).effects);
    assert.ok(action?.type === "promote");
    assert.equal(action.beyondTimeline, beyondTimeline);
  }
});
