import assert from "node:assert/strict";
import type { Event } from "../../src/core/event.ts";
import type { ActionResult, ServerAction, ServerObservation } from "../../src/core/server.ts";
import type { LeaderPhase, LeaderRole, State } from "../../src/core/state.ts";
import {
  actionsIn,
  deeds,
  durableOf,
  inst,
  leaderOf,
  leaderState,
  MEMBERS,
  primaryServer,
  recordOf,
  standbyServer,
  stateOf,
  stoppedServer,
  SYSTEM,
  take,
} from "./fixtures.ts";

const TICK: Event = { type: "tick", nowMs: 100_000 };
/** They hear the leader, and have not persisted what it published last. */
const BEHIND = {
  b: { ...leaderOf().peers["b"]!, persisted: { term: 1, seq: 3 } },
  c: { ...leaderOf().peers["c"]!, persisted: { term: 1, seq: 3 } },
};
const SYNC = { names: [inst("b"), inst("c")], required: 1 };

function phaseOf(state: State): LeaderPhase | "none" {
  return state.role.kind === "leader" ? state.role.phase : "none";
}

/** Node a won term 2 and stands in `phase`; its newest record is committed unless told otherwise. */
function winner(
  phase: LeaderPhase,
  server: ServerObservation,
  role: Partial<LeaderRole> = {},
): State {
  const record = role.published?.at(-1) ??
    recordOf({ term: 2, seq: 2, electable: [], required: 0, timeline: 0, startLsn: 0n });
  const mark = { term: record.term, seq: record.seq };
  const peer = { ...leaderOf().peers["b"]!, persisted: mark };
  return stateOf("a", {
    server,
    durable: durableOf({ term: 2, record }),
    instances: { a: inst("a").incarnation, b: inst("b").incarnation, c: inst("c").incarnation },
    role: leaderOf({
      phase,
      peers: { b: peer, c: { ...peer, instance: inst("c") } },
      published: [record],
      committed: mark,
      sync: { setting: { names: [], required: 0 }, barrierLsn: null },
      seenAtMs: {},
      ...role,
    }),
  });
}

function running(state: State, action: ServerAction): State {
  return { ...state, operation: { id: 50, action, startedAtMs: 99_900 }, nextId: 51 };
}

function done(result: ActionResult, nowMs = 100_000): Event {
  return { type: "action_done", nowMs, operation: 50, result };
}

function failed(nowMs = 100_000): Event {
  return { type: "action_failed", nowMs, operation: 50, failure: "failed", because: "it broke" };
}

const STARTED: ActionResult = {
  type: "started_primary",
  systemIdentifier: SYSTEM,
  incarnation: inst("a").incarnation,
  timeline: 2,
  startLsn: 110n,
  barrierLsn: 120n,
};

Deno.test("advance() waits in every phase until a majority holds the newest record", () => {
  for (const phase of ["adopting", "claiming", "publishing", "resuming", "restarting"] as const) {
    const server = phase === "restarting" ? stoppedServer("a") : standbyServer("a");
    const { state, effects } = take(
      winner(phase, server, { committed: null, peers: BEHIND }),
      TICK,
    );
    assert.equal(phaseOf(state), phase);
    assert.deepEqual(actionsIn(effects), [], phase);
  }
});

Deno.test("advance() prepares, claims solo, promotes and publishes, each only after the one before", () => {
  const adopted = recordOf({ term: 2, seq: 1, leader: inst("b") });
  const preparing = take(winner("adopting", standbyServer("a"), { published: [adopted] }), TICK);
  assert.deepEqual(actionsIn(preparing.effects), [{ type: "prepare" }]);

  const { state } = preparing;
  const operation = { ...state.operation!, id: 50 };
  const claimed = take({ ...state, operation }, done({ type: "done" }));
  assert.equal(phaseOf(claimed.state), "claiming");
  assert.deepEqual(actionsIn(claimed.effects), [], "no promotion before the claim is committed");
  const solo = {
    ...adopted,
    seq: 2,
    leader: inst("a"),
    timeline: 0,
    takenTimeline: adopted.timeline + 1,
    electable: [],
    required: 0,
  };
  assert.deepEqual(claimed.state.durable.record, solo);
  assert.ok(
    claimed.effects.findIndex(({ type }) => type === "persist") <
      claimed.effects.findIndex(({ type }) => type === "send"),
  );

  const promoting = take(winner("claiming", standbyServer("a")), TICK);
  assert.equal(phaseOf(promoting.state), "promoting");
  assert.deepEqual(actionsIn(promoting.effects), [{ type: "promote", sync: SYNC }]);

  const promoted = take(
    running(winner("promoting", standbyServer("a")), { type: "promote", sync: SYNC }),
    done(STARTED),
  );
  assert.equal(phaseOf(promoted.state), "publishing");
  assert.deepEqual(promoted.state.durable.record, {
    ...recordOf({ term: 2, seq: 3, electable: [], required: 0 }),
    timeline: 2,
    startLsn: 110n,
  });

  const serving = take(winner("publishing", primaryServer("a")), TICK);
  assert.equal(phaseOf(serving.state), "leading");
});

Deno.test("advance() names a timeline that an earlier claim may have made until it is passed", () => {
  for (const [beyondTimeline, takenTimeline] of [[undefined, undefined], [1, undefined], [7, 7]]) {
    const role = beyondTimeline === undefined ? {} : { beyondTimeline };
    const claim = recordOf({ term: 2, seq: 2, timeline: 0, takenTimeline: 8 });
    const { state } = take(
      running(
        winner("promoting", standbyServer("a"), { ...role, published: [claim] }),
        { type: "start_primary", sync: SYNC },
      ),
      done(STARTED),
    );
    assert.equal(state.durable.record?.takenTimeline, takenTimeline);
  }
});

Deno.test("advance() tells standbys to attach only while it leads or switches", () => {
  for (
    const phase of [
      "adopting",
      "preparing",
      "claiming",
      "promoting",
      "publishing",
      "leading",
      "resuming",
      "burying",
      "restarting",
      "switching",
    ] as const
  ) {
    const waiting = { committed: null, peers: {}, leaseUntilMs: 103_000, electedDeadlineMs: 1e9 };
    const state = winner(phase, { state: "starting", because: "" }, {
      ...waiting,
      nextHeartbeatAtMs: 100_000,
    });
    const { effects } = take(state, TICK);
    const sent = effects.find((effect) => effect.type === "send");
    assert.ok(sent?.type === "send" && sent.message.type === "heartbeat", phase);
    assert.equal(sent.message.writable, phase === "leading" || phase === "switching", phase);
  }
});

Deno.test("advance() starts the record's own leader directly, without a new timeline", () => {
  const stopped = stoppedServer("a", { wasPrimary: true });
  const role = { adopted: { timeline: 1, lsn: 0n } };
  const direct = take(winner("promoting", stopped, role), TICK);
  assert.deepEqual(actionsIn(direct.effects), [{ type: "start_primary", sync: SYNC }]);
  for (
    const [why, server, adopted] of [
      ["it was a standby since", stoppedServer("a"), { timeline: 1, lsn: 0n }],
      ["another timeline", stopped, { timeline: 2, lsn: 0n }],
      ["a promotion was interrupted", stopped, { timeline: 0, lsn: 0n }],
      ["it did not win stopped", stopped, null],
    ] as const
  ) {
    const { effects } = take(winner("promoting", server, { adopted }), TICK);
    assert.deepEqual(actionsIn(effects), [{ type: "start_standby" }], why);
  }
});

Deno.test("advance() initialises only at the first start, under the incarnation it published", () => {
  const virgin = recordOf({
    term: 2,
    seq: 1,
    systemIdentifier: null,
    electable: [],
    required: 0,
    timeline: 0,
  });
  const first = take(winner("promoting", { state: "absent" }, { published: [virgin] }), TICK);
  assert.deepEqual(actionsIn(first.effects), [
    { type: "initialise", incarnation: inst("a").incarnation, sync: SYNC },
  ]);
  assert.deepEqual(actionsIn(take(winner("promoting", { state: "absent" }), TICK).effects), []);
});

Deno.test("claimSolo() names the known data directory while the server does not answer", () => {
  const adopted = recordOf({ term: 2, seq: 1, leader: inst("b") });
  const hung = winner("preparing", { state: "unresponsive", because: "" }, {
    published: [adopted],
  });
  const { state } = take(running(hung, { type: "prepare" }), done({ type: "done" }));
  assert.deepEqual(state.durable.record?.leader, inst("a"));
});

Deno.test("claimSolo() draws an incarnation for the first start, where there is no data directory", () => {
  const server = { state: "absent" as const };
  const fresh = stateOf("a", {
    server,
    durable: durableOf({ term: 0, votedFor: null, record: null, admitted: false }),
  });
  const start = { ...fresh, role: { ...fresh.role, campaignAtMs: 0 } as State["role"] };
  let { state } = take(start, TICK);
  const grantAll = (type: "pre_vote_answer" | "vote_answer") => {
    for (const [request, { to }] of Object.entries(state.outstanding)) {
      const shared = { term: 0, granted: true, because: "", record: null };
      const message = type === "pre_vote_answer"
        ? { ...shared, type }
        : { ...shared, type, term: 1, instance: null, position: null, memory: null, heard: null };
      const event = { type: "answer" as const, nowMs: 100_000, request: Number(request), from: to };
      ({ state } = take(state, { ...event, message }));
    }
  };
  grantAll("pre_vote_answer");
  grantAll("vote_answer");
  assert.equal(phaseOf(state), "claiming");
  const { record } = state.durable;
  assert.match(record!.leader.incarnation, /^[0-9a-f]{8}$/);
  assert.deepEqual([record!.electable, record!.required], [[], 0]);
  assert.deepEqual(record!.members, MEMBERS);
});

Deno.test("advance() gives the term up where the pre-flight fails, and lets others go first", () => {
  const { state, effects } = take(
    running(winner("preparing", standbyServer("a")), { type: "prepare" }),
    failed(),
  );
  assert.ok(state.role.kind === "follower" && state.role.campaignAtMs === 105_000);
  assert.deepEqual(actionsIn(effects), []);
});

Deno.test("advance() asks for a failed promotion again after a pause, and accepts one that succeeded late", () => {
  const promote = { type: "promote", sync: SYNC } as const;
  const { state } = take(running(winner("promoting", standbyServer("a")), promote), failed());
  assert.deepEqual(actionsIn(take(state, { type: "tick", nowMs: 100_999 }).effects), []);
  const again = take(state, { type: "tick", nowMs: 101_000 });
  assert.deepEqual(actionsIn(again.effects), [promote]);
  const server = primaryServer("a", { timeline: 2 });
  const late = take(state, { type: "observed", nowMs: 101_000, server });
  assert.deepEqual(actionsIn(late.effects), [promote], "which tells it where the timeline began");
});

Deno.test("step() buries a dead server first, then resigns durably in favour of a standby", () => {
  const dead: Event = { type: "observed", nowMs: 100_000, server: stoppedServer("a") };
  const burying = take(leaderState(), dead);
  assert.equal(phaseOf(burying.state), "burying");
  assert.deepEqual(actionsIn(burying.effects), [{ type: "fence" }]);
  const operation = { ...burying.state.operation!, id: 50 };
  const { state, effects } = take({ ...burying.state, operation }, done({ type: "done" }, 100_100));
  assert.deepEqual(
    deeds(effects).map((effect) => [effect.type, effect.type === "send" && effect.message.type]),
    [["observe", false], ["persist", false], ["send", "resigned"], ["send", "resigned"]],
  );
  assert.deepEqual(state.durable, durableOf({ resignedTerm: 1 }));
  assert.equal(state.role.kind, "follower");
});

Deno.test("step() restarts a dead server in place where no standby was seen within the lease", () => {
  for (
    const [why, role] of [
      ["seen too long ago", { seenAtMs: { [inst("b").incarnation]: 97_000 } }],
      ["not electable", { published: [recordOf({ electable: [], required: 0 })] }],
      ["its record is not committed", { committed: { term: 1, seq: 3 }, peers: BEHIND }],
    ] as const
  ) {
    const state = running(leaderState({ phase: "burying", ...role }), { type: "fence" });
    const { state: after } = take({ ...state, server: stoppedServer("a") }, done({ type: "done" }));
    assert.equal(phaseOf(after), "restarting", why);
    assert.equal(after.durable.resignedTerm, 0);
  }
});

Deno.test("step() ends a server whose restart failed before it tries anything else", () => {
  const start = { type: "start_primary", sync: SYNC } as const;
  const state = running(leaderState({ phase: "restarting" }, { server: null }), start);
  const after = take(state, failed());
  assert.equal(phaseOf(after.state), "burying");
  assert.deepEqual(after.state.durable, durableOf(), "it does not resign beside a running server");
  assert.deepEqual(actionsIn(after.effects), []);
  const later = take(after.state, { type: "tick", nowMs: 101_000 });
  assert.deepEqual(actionsIn(later.effects), [{ type: "fence" }]);
});

Deno.test("step() steps down where a restart came back on another timeline", () => {
  const start = { type: "start_primary", sync: SYNC } as const;
  const state = running(leaderState({ phase: "restarting" }), start);
  assert.equal(phaseOf(take(state, done({ ...STARTED, timeline: 1 })).state), "leading");
  const { state: after, effects } = take(state, done({ ...STARTED, timeline: 2 }));
  assert.equal(after.role.kind, "follower");
  assert.deepEqual(actionsIn(effects), [{ type: "fence" }]);
});
