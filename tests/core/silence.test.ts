import assert from "node:assert/strict";
import fc from "fast-check";
import type { Event } from "../../src/core/event.ts";
import { guardOrder } from "../../src/core/guard.ts";
import type { Settings } from "../../src/core/settings.ts";
import { initialState } from "../../src/core/initial.ts";
import type { LeaderRole, State } from "../../src/core/state.ts";
import { describe } from "../../src/core/view.ts";
import {
  actionsIn,
  answerIn,
  claimOf,
  durableOf,
  heartbeatOf,
  inst,
  leaderOf,
  leaderState,
  primaryServer,
  recordOf,
  request,
  standbyServer,
  stateOf,
  stoppedServer,
  take,
} from "./fixtures.ts";
import { settingsFor } from "./world.ts";

/** Lease 3 s, margin 0.5 s, a heartbeat every 0.5 s; what is heard last is heard at 100 s. */
const PATIENT: Partial<Settings> = { agentSilenceMs: 30_000 };

const probed = (nowMs: number, change: Partial<Event & { type: "probed" }> = {}): Event => ({
  type: "probed",
  nowMs,
  node: "a",
  agent: "refused",
  server: "open",
  primary: true,
  ...change,
});

/** Node b has heard from a at 100 s. */
function heard(change: Parameters<typeof heartbeatOf>[0] = {}, settings = PATIENT): State {
  return take(stateOf("b", {}, settings), request("a", heartbeatOf(change))).state;
}

/** Probes every half second, each of them with the same end, until `untilMs`. */
function probedUntil(state: State, untilMs: number, change = {}): State {
  for (let nowMs = 101_500; nowMs <= untilMs; nowMs += 500) {
    state = take(state, probed(nowMs, change)).state;
  }
  return state;
}

const promiseEnd = (state: State) => state.promise?.untilMs ?? 0;

Deno.test("step() keeps its promise while the silent leader's PostgreSQL works, up to the limit", () => {
  assert.equal(promiseEnd(heard()), 103_500);
  const state = probedUntil(heard(), 129_900);
  assert.equal(promiseEnd(state), 130_000);
  const denied = answerIn(
    take(state, request("c", { type: "vote", ...claimOf("c") }, 129_990)).effects,
  );
  assert.ok(denied?.type === "vote_answer" && !denied.granted);
  assert.match(denied.because, /promise to a holds/);
  const over = take(state, { type: "tick", nowMs: 130_000 }).state;
  assert.ok(over.role.kind !== "follower" || over.role.leader === null, "the limit is the end");
});

Deno.test("step() bears with a silent agent only as long as probes go on to succeed", () => {
  const state = probedUntil(heard(), 110_000);
  const lastsMs = promiseEnd(state) - 110_000;
  assert.ok(lastsMs >= 1000 && lastsMs <= 3000, `${lastsMs}`);
  assert.equal(
    promiseEnd(take(state, probed(110_500, { primary: false })).state),
    110_000 + lastsMs,
  );
});

Deno.test("step() takes a port that is open for no proof of a primary", () => {
  assert.equal(promiseEnd(probedUntil(heard(), 103_000, { primary: false })), 103_500);
});

Deno.test("step() goes by the lease where no standby holds every commit, or patience is off", () => {
  const solo = recordOf({ seq: 5, electable: [], required: 0 });
  assert.equal(promiseEnd(probedUntil(heard({ record: solo }), 103_000)), 103_500);
  assert.equal(promiseEnd(probedUntil(heard({}, { agentSilenceMs: 0 }), 103_000)), 103_500);
});

Deno.test("step() ends its patience when both ports refuse, and when the leader resigned", () => {
  const state = probedUntil(heard(), 110_000);
  const gone = probed(110_500, { server: "refused", primary: false });
  assert.equal(take(state, gone).state.promise, null);
  assert.equal(
    take(state, request("a", { type: "resigned", term: 1 }, 110_500)).state.promise,
    null,
  );
});

Deno.test("step() forgets how long an agent was silent as soon as it speaks again", () => {
  const state = take(probedUntil(heard(), 110_000), request("a", heartbeatOf(), 110_100)).state;
  assert.equal(promiseEnd(state), 113_600);
  assert.deepEqual(describe(state, 110_200).problems, []);
});

Deno.test("step() never promises more than the limit, whatever probes say and when", () => {
  const steps = fc.array(fc.record({ gapMs: fc.nat(2000), primary: fc.boolean() }), {
    maxLength: 60,
  });
  fc.assert(fc.property(steps, fc.integer({ min: 1, max: 40_000 }), (list, agentSilenceMs) => {
    let state = heard({}, { agentSilenceMs });
    let nowMs = 100_000;
    for (const { gapMs, primary } of list) {
      nowMs += gapMs;
      state = take(state, probed(nowMs, { primary })).state;
      assert.ok(promiseEnd(state) <= 100_000 + Math.max(3500, agentSilenceMs));
    }
  }));
});

Deno.test("describe() routes writes to a primary whose agent is silent, for the limit less the margin", () => {
  const state = probedUntil(heard(), 129_900);
  assert.deepEqual(describe(state, 129_400).route, {
    node: "a",
    contact: { host: "a", port: 5432 },
    validUntilMs: 129_500,
  });
  assert.equal(describe(state, 129_500).route, null);
  assert.match(describe(state, 129_400).problems.join(), /a has been silent .* PostgreSQL works/);
  const gone = probedUntil(heard(), 110_000);
  assert.equal(describe(gone, 113_500).route, null, "no probe has succeeded for too long");
  const solo = recordOf({ seq: 5, electable: [], required: 0 });
  assert.equal(describe(probedUntil(heard({ record: solo }), 103_000), 103_000).route, null);
});

Deno.test("step() resumes its own term when its agent comes back, and the others accept it", () => {
  const started = initialState({
    settings: settingsFor(["a", "b", "c"], "a", PATIENT),
    durable: durableOf(),
    nowMs: 110_000,
    seed: 1,
  });
  const seen: Event = { type: "observed", nowMs: 110_050, server: primaryServer("a") };
  const { state, effects } = take(started, seen);
  assert.ok(state.role.kind === "leader" && state.role.phase === "resuming");
  const sent = effects.find((effect) => effect.type === "send" && effect.to === "b");
  assert.ok(sent?.type === "send");
  const bearing = probedUntil(heard(), 110_000);
  const { state: after, effects: answers } = take(bearing, request("a", sent.message, 110_060));
  const said = answerIn(answers);
  assert.ok(said?.type === "heartbeat_answer" && said.accepted);
  assert.ok(after.role.kind === "follower" && after.role.leader === "a");
  const answered: Event = {
    type: "answer",
    nowMs: 110_070,
    request: sent.request,
    from: "b",
    message: said,
  };
  const resumed = take(state, answered).state;
  assert.ok(resumed.role.kind === "leader" && resumed.role.phase === "leading");
});

Deno.test("step() sends writes on while an agent that came back resumes its term, and no longer", () => {
  const resuming = request("a", heartbeatOf({ writable: false }), 110_060);
  const state = take(probedUntil(heard(), 110_000), resuming).state;
  assert.equal(describe(state, 110_060).route?.node, "a");
  const done = take(state, request("a", heartbeatOf(), 110_200)).state;
  assert.equal(describe(done, 110_200).route?.node, "a");
  let stuck = state;
  for (let nowMs = 110_500; nowMs <= 114_000; nowMs += 500) {
    stuck = take(stuck, request("a", heartbeatOf({ writable: false }), nowMs)).state;
  }
  assert.equal(describe(stuck, 114_000).route, null, "it was last seen to work 4 s ago");
  const fresh = take(heard(), request("a", heartbeatOf({ writable: false }), 101_000)).state;
  assert.equal(describe(fresh, 101_000).route, null, "its agent was never silent");
});

const holdOf = (role: Partial<LeaderRole>, settings: Partial<Settings> = PATIENT) =>
  guardOrder(stateOf("a", { server: primaryServer("a"), role: leaderOf(role) }, settings));

Deno.test("guardOrder() lets PostgreSQL outlive its agent for as long as the others wait, less the margin", () => {
  // The lease ends at 103 s, so a majority was heard at 100 s.
  assert.deepEqual(holdOf({}), { kind: "hold", untilMs: 129_500, confirmed: true });
  const solo = [recordOf({ electable: [], required: 0 })];
  assert.deepEqual(holdOf({ published: solo }), {
    kind: "hold",
    untilMs: 129_500,
    confirmed: true,
  });
});

Deno.test("guardOrder() goes by the lease where an election could cost a commit", () => {
  const lease = { kind: "hold", untilMs: 103_000, confirmed: true };
  assert.deepEqual(holdOf({}, { agentSilenceMs: 0 }), lease);
  assert.deepEqual(holdOf({}, { ...PATIENT, durability: "async" }), lease);
  const uncovered = recordOf({ seq: 5, required: 0 });
  assert.deepEqual(holdOf({ published: [recordOf(), uncovered] }), lease);
});

Deno.test("guardOrder() gives the agent of a pair time to go on alone when its lease lapses", () => {
  const pair = { failureThreshold: 3, failoverDelayMs: 5000, witnessCount: 0 };
  const untilMs = (whenAlone: "serve" | "fence", durability: Settings["durability"]) => {
    const order = holdOf({}, { agentSilenceMs: 0, durability, pair: { ...pair, whenAlone } });
    return order.kind === "hold" ? order.untilMs : null;
  };
  assert.equal(untilMs("serve", "quorum"), 103_250);
  assert.equal(untilMs("serve", "async"), 103_250);
  assert.equal(untilMs("fence", "quorum"), 103_000);
});

Deno.test("guardOrder() gives an unconfirmed leader no longer than it may wait for a majority", () => {
  assert.deepEqual(holdOf({ phase: "resuming", leaseUntilMs: null, electedDeadlineMs: 101_000 }), {
    kind: "hold",
    untilMs: 101_000,
    confirmed: false,
  });
});

Deno.test("guardOrder() releases the guardian only when there is surely no primary", () => {
  const order = (change: Partial<State>) => guardOrder(stateOf("a", change)).kind;
  assert.equal(order({ server: standbyServer("a") }), "release");
  assert.equal(order({ server: stoppedServer("a") }), "release");
  assert.equal(order({ server: { state: "absent" } }), "release");
  assert.equal(order({ server: null }), "keep");
  assert.equal(order({ server: primaryServer("a") }), "keep");
  assert.equal(order({ server: { state: "unresponsive", because: "" } }), "keep");
  const fencing = { id: 1, action: { type: "fence" }, startedAtMs: 0 } as const;
  assert.equal(order({ server: standbyServer("a"), operation: fencing }), "keep");
});

Deno.test("guardOrder() keeps the guardian while a promotion of its own may still come to its end", () => {
  const order = (node: string, timeline: number) => {
    const durable = durableOf({ record: recordOf({ leader: inst(node), timeline }) });
    const kinds = [standbyServer("a"), stoppedServer("a")]
      .map((server) => guardOrder(stateOf("a", { server, durable })).kind);
    assert.equal(kinds[0], kinds[1], "a start is like a promotion");
    return kinds[0];
  };
  assert.equal(order("a", 0), "keep");
  assert.equal(order("a", 1), "release");
  assert.equal(order("b", 0), "release");
});

Deno.test("guardOrder() asks for no guardian where nobody else has data", () => {
  const alone = leaderState({}, {
    durable: durableOf({ record: recordOf({ members: [{ name: "a", kind: "data" }] }) }),
  });
  assert.equal(guardOrder(alone).kind, "release");
});

Deno.test("step() does not resume a term in which another was elected meanwhile", () => {
  const started = initialState({
    settings: settingsFor(["a", "b", "c"], "a", PATIENT),
    durable: durableOf(),
    nowMs: 140_000,
    seed: 1,
  });
  const record = recordOf({ term: 2, seq: 2, leader: inst("b"), electable: [], required: 0 });
  const { effects } = take(
    started,
    request("b", heartbeatOf({ term: 2, record }), 140_010),
    { type: "observed", nowMs: 140_050, server: primaryServer("a") },
  );
  assert.deepEqual(actionsIn(effects), [{ type: "fence" }]);
});
