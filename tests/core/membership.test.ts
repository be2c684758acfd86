/**
 * How the member list changes. (docs/decisions/2026-11-25-members-change-one-at-a-time.md)
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Effect } from "../../src/core/effect.ts";
import type { Answer } from "../../src/core/message.ts";
import { majoritySize } from "../../src/core/quorum.ts";
import { type ClusterRecord, fingerprint, type MemberEntry } from "../../src/core/record.ts";
import type { LeaderRole, PeerProgress, State } from "../../src/core/state.ts";
import { describe } from "../../src/core/view.ts";
import {
  answerIn,
  claimOf,
  durableOf,
  FINGERPRINT,
  heartbeatOf,
  inst,
  leaderState,
  MEMBERS,
  NAMES,
  primaryServer,
  recordOf,
  request,
  stateOf,
  take,
} from "./fixtures.ts";
import { settingsFor } from "./world.ts";

const FOUR = [...NAMES, "d"];
const WITH_D = settingsFor(FOUR, "a").members;

function acked(node: string, change: Partial<PeerProgress> = {}): PeerProgress {
  return {
    ackedSentAtMs: 100_000,
    persisted: { term: 1, seq: 4 },
    admitted: true,
    lost: null,
    memory: `0000000${node}`,
    heardSentAtMs: 100_000,
    proposes: FINGERPRINT,
    instance: inst(node),
    ...change,
  };
}

/** Node a leads; its configuration, and that of those who acknowledge, proposes `names`. */
function leading(
  names: readonly string[],
  peers: Record<string, PeerProgress>,
  change: { role?: Partial<LeaderRole>; record?: ClusterRecord; pair?: boolean } = {},
): State {
  const record = change.record ?? recordOf();
  const state = leaderState({ published: [record], peers, ...change.role }, {
    durable: durableOf({ record }),
    server: primaryServer("a"),
  });
  const pair = { failureThreshold: 3, failoverDelayMs: 10_000, witnessCount: 0 };
  return {
    ...state,
    settings: {
      ...settingsFor(names, "a"),
      pair: change.pair === true ? { ...pair, whenAlone: "serve" } : null,
    },
  };
}

const proposing = (names: readonly string[]) => ({
  proposes: fingerprint(settingsFor(names, "a").members),
});

/** A newcomer that hears the leader and is no voter yet. */
const newcomer = (node: string) =>
  acked(node, {
    ackedSentAtMs: null,
    persisted: null,
    admitted: false,
    lost: "0000beef",
    memory: "0000beef",
    ...proposing(FOUR),
  });

function published(state: State): ClusterRecord {
  assert.ok(state.role.kind === "leader");
  return state.role.published.at(-1)!;
}

function names(record: ClusterRecord): string[] {
  return record.members.map(({ name }) => name);
}

function tick(state: State, nowMs = 100_100) {
  return take(state, { type: "tick", nowMs });
}

function problems(state: State): string {
  return describe(state, state.nowMs).problems.join("\n");
}

function heartbeatsTo(effects: readonly Effect[], node: string) {
  return effects.flatMap((effect) =>
    effect.type === "send" && effect.to === node && effect.message.type === "heartbeat"
      ? [effect.message]
      : []
  );
}

Deno.test("step() adds a member that answers, with its memory, where a majority proposes it", () => {
  const peers = { b: acked("b", proposing(FOUR)), c: acked("c"), d: newcomer("d") };
  const { state } = tick(leading(FOUR, peers));
  assert.deepEqual(published(state).members, [...MEMBERS, { ...WITH_D[3], memory: "0000beef" }]);
  assert.equal(published(state).seq, 5);
});

Deno.test("step() adds nobody whom only a minority proposes, or who does not answer", () => {
  const alone = leading(FOUR, { b: acked("b"), c: acked("c"), d: newcomer("d") });
  assert.deepEqual(published(tick(alone).state), recordOf());
  assert.match(problems(tick(alone).state), /proposes a, b, c, d: a majority of the members has/);
  const agreed = { b: acked("b", proposing(FOUR)), c: acked("c", proposing(FOUR)) };
  assert.deepEqual(published(tick(leading(FOUR, agreed)).state), recordOf());
  assert.match(problems(tick(leading(FOUR, agreed)).state), /d has to answer heartbeats first/);
  const silent = { ...newcomer("d"), heardSentAtMs: 90_000 };
  assert.deepEqual(published(tick(leading(FOUR, { ...agreed, d: silent })).state), recordOf());
});

Deno.test("step() sends heartbeats to those who are proposed, and counts them for nothing", () => {
  const peers = {
    b: acked("b", { ackedSentAtMs: 90_000 }),
    c: acked("c", { ackedSentAtMs: 90_000 }),
    d: acked("d", proposing(FOUR)),
  };
  const state = leading(FOUR, peers, { role: { committed: null } });
  const { state: after, effects } = tick(state, 100_600);
  assert.equal(after.role.kind, "follower", "d holds the record, and keeps no lease alive");
  assert.equal(heartbeatsTo(effects, "d").length, 0);
  const healthy = leading(FOUR, { b: acked("b"), c: acked("c") });
  const [sent] = heartbeatsTo(tick(healthy, 100_600).effects, "d");
  assert.ok(sent !== undefined && sent.fingerprint === FINGERPRINT && !sent.admit);
});

Deno.test("step() commits a record by the majority of the list that it names itself", () => {
  const record = recordOf({ seq: 5, members: WITH_D });
  const settled = (holding: readonly string[]) => {
    const peers = Object.fromEntries(["b", "c", "d"].map((node) => [
      node,
      acked(node, holding.includes(node) ? { persisted: { term: 1, seq: 5 } } : {}),
    ]));
    const state = leading(FOUR, peers, {
      record,
      role: { published: [recordOf(), record], committed: { term: 1, seq: 4 } },
    });
    const outstanding = {
      900: { to: "b", kind: "heartbeat" as const, sentAtMs: 100_000, term: 1 },
    };
    const message: Answer = {
      type: "heartbeat_answer",
      term: 1,
      accepted: true,
      because: "",
      persisted: peers["b"]!.persisted,
      admitted: true,
      memory: "0000000b",
      proposes: fingerprint(WITH_D),
      instance: inst("b"),
      contact: { host: "b", port: 5432 },
      server: { state: "standby", timeline: 1, lsn: 100n },
    };
    const { role } = take({ ...state, outstanding }, {
      type: "answer",
      nowMs: 100_050,
      request: 900,
      from: "b",
      message,
    }).state;
    return role.kind === "leader" && role.committed?.seq === 5;
  };
  assert.equal(settled(["b"]), false, "two of four");
  assert.equal(settled(["b", "c"]), true);
  assert.equal(settled(["b", "d"]), true);
});

Deno.test("step() changes nothing before its record is committed, nor where too few would answer", () => {
  const peers = { b: acked("b", proposing(FOUR)), c: acked("c"), d: newcomer("d") };
  const unsettled = leading(FOUR, peers, { role: { committed: { term: 1, seq: 3 } } });
  assert.deepEqual(published(tick(unsettled).state), recordOf());
  const silent = { ackedSentAtMs: 90_000, heardSentAtMs: 90_000 };
  const fragile = {
    b: acked("b", proposing(["a", "b"])),
    c: acked("c"),
  };
  const record = recordOf({ electable: [inst("b")] });
  const sync = { setting: { names: [inst("b")], required: 1 }, barrierLsn: 50n };
  const two = leading(["a", "b"], fragile, { record, role: { sync } });
  assert.deepEqual(names(published(tick(two).state)), ["a", "b"], "b answers: two of two");
  const without = leading(["a", "b"], {
    b: acked("b", { ...proposing(["a", "b"]), ...silent }),
    c: acked("c"),
  }, { record, role: { sync } });
  assert.deepEqual(published(tick(without).state), record);
  assert.match(problems(tick(without).state), /too few members would answer after it: b/);
});

Deno.test("step() removes a member only when commits do not wait for it any more", () => {
  const peers = { b: acked("b", proposing(["a", "b"])), c: acked("c") };
  const first = tick(leading(["a", "b"], peers));
  assert.deepEqual(names(published(first.state)), NAMES);
  const narrowed = first.effects.find((effect) =>
    effect.type === "operate" && effect.action.type === "set_sync"
  );
  assert.ok(narrowed?.type === "operate" && narrowed.action.type === "set_sync");
  assert.deepEqual(narrowed.action.sync.names.map(({ node }) => node), ["b"]);
  assert.match(problems(first.state), /commits still wait for c/);
});

Deno.test("step() changes one member at a time: d comes first, c goes when that is committed", () => {
  const proposed = ["a", "b", "d"];
  const peers = {
    b: acked("b", proposing(proposed)),
    c: acked("c"),
    d: { ...newcomer("d"), ...proposing(proposed) },
  };
  const record = recordOf({ electable: [inst("b")] });
  const sync = { setting: { names: [inst("b")], required: 1 }, barrierLsn: 50n };
  const first = tick(leading(proposed, peers, { record, role: { sync } }));
  assert.deepEqual(names(published(first.state)), ["a", "b", "c", "d"]);
  const again = tick(first.state, 100_200);
  assert.deepEqual(names(published(again.state)), ["a", "b", "c", "d"]);
});

Deno.test("step() never removes the leader itself, and enters no pair", () => {
  const record = recordOf({ electable: [inst("b")] });
  const peers = { b: acked("b", proposing(["b", "c"])), c: acked("c", proposing(["b", "c"])) };
  const own = { ...leading(["b", "c"], peers, { record }) };
  const state = { ...own, settings: { ...own.settings, self: "a" } };
  assert.deepEqual(names(published(tick(state).state)), NAMES);
  assert.match(problems(state), /a leads and does not change itself: switch over/);
  const unaware = leading(NAMES, peers, { record });
  assert.match(problems(unaware), /configuration of b, c proposes other members/);
  const paired = leading(["a", "b"], { b: acked("b", proposing(["a", "b"])), c: acked("c") }, {
    record,
    pair: true,
  });
  assert.deepEqual(names(published(tick(paired).state)), NAMES);
  assert.match(problems(paired), /disable pair mode first/);
});

Deno.test("step() keeps its lease by either list while a change is not committed", () => {
  const record = recordOf({ seq: 5, members: WITH_D });
  const change = { record, role: { published: [recordOf(), record] } };
  const b = acked("b", { ackedSentAtMs: 100_500 });
  const c = acked("c", { ackedSentAtMs: 90_000 });
  const state = leading(FOUR, { b, c, d: newcomer("d") }, change);
  const { role } = tick(state, 100_600).state;
  assert.ok(role.kind === "leader" && role.leaseUntilMs === 103_500);
  const committed = leading(FOUR, { b, c, d: newcomer("d") }, { ...change, role: {} });
  assert.equal(tick(committed, 100_600).state.role.kind, "follower", "two of four");
});

Deno.test("step() does not step down for the term of a node that is no member", () => {
  const state = leading(FOUR, { b: acked("b"), c: acked("c") });
  const asked = tick(state, 100_600);
  const found = Object.entries(asked.state.outstanding).find(([, sent]) => sent.to === "d");
  const message: Answer = {
    type: "heartbeat_answer",
    term: 7,
    accepted: false,
    because: "term 1 is older than 7",
    persisted: null,
    admitted: true,
    memory: "0000000d",
    proposes: FINGERPRINT,
    instance: null,
    contact: { host: "d", port: 5432 },
    server: { state: "absent", timeline: null, lsn: null },
  };
  const event = { type: "answer" as const, nowMs: 100_700, from: "d", message };
  const { role, durable } = take(asked.state, { ...event, request: Number(found![0]) }).state;
  assert.equal(role.kind, "leader");
  assert.equal(durable.term, 1);
});

Deno.test("step() listens as a newcomer to a leader that its configuration names", () => {
  const fresh = durableOf({ term: 0, votedFor: null, record: null, admitted: false });
  const d = { ...stateOf("a", { durable: fresh }), settings: settingsFor(FOUR, "d") };
  const heard = take(d, request("a", heartbeatOf()));
  const answer = answerIn(heard.effects);
  assert.ok(answer?.type === "heartbeat_answer" && answer.accepted && !answer.admitted);
  assert.equal(answer.proposes, fingerprint(WITH_D));
  assert.equal(heard.state.durable.record, null);
  const elsewhere = { ...d, settings: settingsFor(["d", "x", "y"], "d") };
  const refused = answerIn(take(elsewhere, request("a", heartbeatOf())).effects);
  assert.ok(refused?.type === "heartbeat_answer" && !refused.accepted);
  assert.match(refused.because, /configuration of d does not name a/);
});

Deno.test("step() learns from a newer record that it is a member no more, and campaigns no more", () => {
  const members = MEMBERS.filter(({ name }) => name !== "c");
  const record = recordOf({ seq: 5, members, electable: [inst("b")] });
  const heartbeat = heartbeatOf({ record, fingerprint: fingerprint(members) });
  const told = take(stateOf("c"), request("a", heartbeat)).state;
  assert.deepEqual(told.durable.record, record);
  assert.match(problems(told), /not a member of the cluster any more/);
  const idle = { ...told, promise: null, role: { ...told.role, leader: null, campaignAtMs: 0 } };
  const { effects } = tick(idle as State, 200_000);
  assert.equal(effects.some((effect) => effect.type === "send"), false);
  const primary = { ...idle, server: primaryServer("c") } as State;
  const fenced = tick(primary, 200_000).effects.find((effect) => effect.type === "operate");
  assert.ok(fenced?.type === "operate" && fenced.action.type === "fence");
});

Deno.test("step() shows one who is no member the record that says so, and keeps its own term", () => {
  const members = MEMBERS.filter(({ name }) => name !== "c");
  const record = recordOf({ seq: 5, members, electable: [inst("b")] });
  const voter = stateOf("b", { durable: durableOf({ record }) });
  for (const type of ["pre_vote", "vote"] as const) {
    const { state, effects } = take(voter, request("c", { type, ...claimOf("c", { term: 9 }) }));
    const denial = answerIn(effects);
    assert.ok(denial !== undefined && "granted" in denial && !denial.granted);
    assert.match(denial.because, /c is no member of this cluster/);
    assert.deepEqual(denial.record, record);
    assert.equal(state.durable.term, 1);
  }
});

Deno.test("step() votes under the list of a newer record that the candidate shows", () => {
  const record = recordOf({ seq: 5, members: WITH_D });
  const claim = claimOf("b", { record, fingerprint: fingerprint(WITH_D) });
  assert.equal(take(stateOf("c"), request("b", { type: "vote", ...claim })).state.durable.term, 2);
  const voter = stateOf("c", { durable: durableOf({ record }) });
  const old = request("b", { type: "vote", ...claimOf("b") });
  assert.equal(take(voter, old).state.durable.term, 1, "the candidate missed the change");
});

Deno.test("step() takes over a newer list that an answer shows, and campaigns anew", () => {
  const record = recordOf({ seq: 5, members: WITH_D });
  const idle = stateOf("b");
  const campaign = tick({ ...idle, role: { ...idle.role, campaignAtMs: 0 } as State["role"] });
  const found = Object.entries(campaign.state.outstanding).find(([, sent]) => sent.to === "c");
  const { state } = take(campaign.state, {
    type: "answer",
    nowMs: 100_200,
    request: Number(found![0]),
    from: "c",
    message: { type: "pre_vote_answer", term: 1, granted: false, because: "older list", record },
  });
  assert.deepEqual(state.durable, durableOf({ record }));
  assert.equal(state.role.kind, "follower");
});

Deno.test("majorities of two lists that differ by one member always meet, others need not", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 7 }),
      fc.nat({ max: 8 }),
      fc.nat({ max: 255 }),
      fc.nat({ max: 255 }),
      (members, minimum, before, after) => {
        const size = (set: number) => [...set.toString(2)].filter((bit) => bit === "1").length;
        const [old, grown] = [before & (2 ** members - 1), after & (2 ** (members + 1) - 1)];
        if (size(old) < majoritySize(members, minimum)) return;
        if (size(grown) < majoritySize(members + 1, minimum)) return;
        assert.notEqual(old & grown, 0);
      },
    ),
    { numRuns: 20_000 },
  );
  assert.equal(majoritySize(2, 0) + majoritySize(4, 0) > 4, true);
  assert.equal(majoritySize(1, 0) + majoritySize(3, 0) > 3, false, "a list of 1 and one of 3");
});

Deno.test("step() makes another kind of a member by removing it first", () => {
  const witness: MemberEntry[] = MEMBERS.map((member) =>
    member.name === "c" ? { ...member, kind: "witness" } : member
  );
  const record = recordOf({ electable: [inst("b")] });
  const sync = { setting: { names: [inst("b")], required: 1 }, barrierLsn: 50n };
  const proposes = fingerprint(witness);
  const state = leading(NAMES, { b: acked("b", { proposes }), c: acked("c", { proposes }) }, {
    record,
    role: { sync },
  });
  const changed = tick({ ...state, settings: { ...state.settings, members: witness } });
  assert.deepEqual(names(published(changed.state)), ["a", "b"]);
});

Deno.test("step() says so where another's edge rejects its messages", () => {
  const idle = stateOf("b");
  const campaign = tick({ ...idle, role: { ...idle.role, campaignAtMs: 0 } as State["role"] });
  const [request] = Object.keys(campaign.state.outstanding).map(Number);
  const event = { type: "no_answer" as const, nowMs: 100_200, request: request! };
  const rejected = take(campaign.state, { ...event, reason: "rejected" }).state;
  assert.match(problems(rejected), /rejects the messages of this node/);
  assert.doesNotMatch(
    problems(take(campaign.state, { ...event, reason: "silent" }).state),
    /reject/,
  );
});
