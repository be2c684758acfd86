import assert from "node:assert/strict";
import type { Event } from "../../src/core/event.ts";
import type { ActionFailure, ActionResult } from "../../src/core/server.ts";
import type { State, Switchover, Watch } from "../../src/core/state.ts";
import {
  actionsIn,
  attachedAs,
  claimOf,
  deeds,
  durableOf,
  heartbeatOf,
  inst,
  leaderOf,
  leaderState,
  primaryServer,
  recordOf,
  request,
  stateOf,
  stoppedServer,
  take,
} from "./fixtures.ts";

const CHECKPOINT = { timeline: 1, lsn: 200n };
const STOPPED: ActionResult = { type: "stopped", checkpoint: CHECKPOINT };

function ask(to: string): Event {
  return {
    type: "operator",
    nowMs: 100_000,
    command: { type: "failover", reference: 3, to, force: "none" },
  };
}

function progressIn(effects: readonly { type: string }[]): string[] {
  return effects.flatMap((effect) =>
    effect.type === "progress" && "outcome" in effect ? [String(effect.outcome)] : []
  );
}

function ended(state: State, result: ActionResult, nowMs = 100_100): Event {
  return { type: "action_done", nowMs, operation: state.operation!.id, result };
}

function broken(state: State, failure: ActionFailure = "failed", nowMs = 100_100): Event {
  const operation = state.operation!.id;
  return { type: "action_failed", nowMs, operation, failure, because: "it broke" };
}

/** The switchover to b, up to its question whether b has the shutdown checkpoint. */
function confirming(): State {
  const { state } = take(leaderState(), ask("b"));
  return take(state, ended(state, STOPPED)).state;
}

function confirmed(state: State, reached: boolean, nowMs = 100_105): Event {
  const [request] = Object.entries(state.outstanding).find(([, sent]) => sent.kind === "confirm")!;
  return {
    type: "answer",
    nowMs,
    request: Number(request),
    from: "b",
    message: { type: "confirm_answer", term: 1, reached, position: null },
  };
}

function switchoverOf(state: State): Switchover | null {
  return state.role.kind === "leader" ? state.role.switchover : null;
}

Deno.test("step() stops the server for a switchover, and hands nothing over before", () => {
  const { state, effects } = take(leaderState(), ask("b"));
  assert.deepEqual(actionsIn(effects), [{ type: "stop" }]);
  assert.equal(switchoverOf(state)?.stage, "stopping");
  assert.deepEqual(state.durable, durableOf());
  assert.deepEqual(progressIn(effects), ["running"]);
});

Deno.test("step() tells everybody at once that nothing new may begin before a switchover", () => {
  const { effects } = take(leaderState(), ask("b"));
  const told = effects.flatMap((effect) =>
    effect.type === "send" && effect.message.type === "heartbeat"
      ? [[effect.to, effect.message.writable, effect.message.yielding]]
      : []
  );
  assert.deepEqual(told, [["b", true, true], ["c", true, true]]);
});

Deno.test("step() asks the target about the shutdown checkpoint, again and again, until it has it", () => {
  const state = confirming();
  const question = Object.values(state.outstanding).filter(({ kind }) => kind === "confirm");
  assert.equal(question.length, 1);
  const denied = take(state, confirmed(state, false)).state;
  const again = take(denied, { type: "tick", nowMs: 100_155 });
  assert.deepEqual(
    again.effects.flatMap((effect) => effect.type === "send" ? [effect.message] : []),
    [{ type: "confirm", term: 1, checkpoint: CHECKPOINT }],
  );
});

Deno.test("step() notes durably that it resigned before it sends the handover", () => {
  const state = confirming();
  const { state: after, effects } = take(state, confirmed(state, true));
  assert.deepEqual(deeds(effects).filter(({ type }) => type !== "progress"), [
    { type: "persist", durable: durableOf({ resignedTerm: 1 }) },
    {
      type: "send",
      request: state.nextId,
      to: "b",
      message: { type: "handover", handover: { term: 1, leader: "a", to: "b" } },
    },
  ]);
  assert.equal(after.role.kind, "follower");
});

Deno.test("step() leaves a node that it handed over to all the time of an election", () => {
  const state = confirming();
  const resigned = take(state, confirmed(state, true)).state;
  const handover = { term: 1, leader: "a", to: "b" };
  const { role } = take(
    resigned,
    request("b", { type: "vote", ...claimOf("b", { handover }) }, 100_200),
  ).state;
  assert.equal(role.kind === "follower" ? role.campaignAtMs : null, 101_200);
});

Deno.test("step() tells everybody that it resigned where the handover is lost or refused", () => {
  const state = confirming();
  const handed = take(state, confirmed(state, true)).state;
  const [request] = Object.entries(handed.outstanding)
    .find(([, sent]) => sent.kind === "handover")!;
  const shared = { nowMs: 100_200, request: Number(request), from: "b" };
  const resigned = (event: Event) =>
    take(handed, event).effects.filter((effect) =>
      effect.type === "send" && effect.message.type === "resigned"
    ).length;
  assert.equal(resigned({ type: "no_answer", reason: "silent", ...shared }), 2);
  const denied = { type: "denied", term: 1, because: "busy" } as const;
  assert.equal(resigned({ type: "answer", message: denied, ...shared }), 2);
  const noted = { type: "noted", term: 1 } as const;
  assert.equal(resigned({ type: "answer", message: noted, ...shared }), 0);
});

Deno.test("step() ignores a confirmation that answers an earlier switchover", () => {
  const state = confirming();
  assert.ok(state.role.kind === "leader");
  const late = { ...state, role: { ...state.role, phaseSinceMs: 100_101 } };
  assert.equal(take(late, confirmed(late, true)).state.role.kind, "leader");
});

Deno.test("step() rolls back by fencing and restarting, on the same lease, when a step fails", () => {
  const { state } = take(leaderState(), ask("b"));
  const failed = take(state, broken(state));
  assert.deepEqual(actionsIn(failed.effects), [{ type: "fence" }]);
  assert.equal(switchoverOf(failed.state)?.stage, "rolling_back");
  const restarting = take(failed.state, ended(failed.state, { type: "done" }));
  assert.deepEqual(actionsIn(restarting.effects).map(({ type }) => type), ["start_primary"]);
  const back = take(
    restarting.state,
    ended(restarting.state, {
      type: "started_primary",
      systemIdentifier: recordOf().systemIdentifier!,
      incarnation: inst("a").incarnation,
      timeline: 1,
      startLsn: 0n,
      barrierLsn: 210n,
    }, 100_300),
  );
  assert.ok(back.state.role.kind === "leader" && back.state.role.phase === "leading");
  assert.deepEqual(progressIn(back.effects), ["failed"]);
});

Deno.test("step() rolls back when the target does not confirm in time", () => {
  let state = confirming();
  state = take(state, confirmed(state, false)).state;
  assert.ok(state.role.kind === "leader");
  const { b, c } = leaderOf().peers;
  const fresh = { ackedSentAtMs: 105_000 };
  const peers = { b: { ...b!, ...fresh }, c: { ...c!, ...fresh } };
  state = { ...state, role: { ...state.role, peers, leaseUntilMs: 108_000 } };
  const { effects } = take(state, { type: "tick", nowMs: 105_100 });
  assert.deepEqual(actionsIn(effects), [{ type: "fence" }]);
});

Deno.test("step() pauses between fences that fail in a roll-back", () => {
  const { state } = take(leaderState(), ask("b"));
  const rolling = take(state, broken(state)).state;
  const failed = take(rolling, broken(rolling));
  assert.deepEqual(actionsIn(failed.effects), []);
  assert.deepEqual(actionsIn(take(failed.state, { type: "tick", nowMs: 101_099 }).effects), []);
  const again = take(failed.state, { type: "tick", nowMs: 101_100 });
  assert.deepEqual(actionsIn(again.effects), [{ type: "fence" }]);
});

Deno.test("step() goes on serving where the server cannot be stopped at all", () => {
  const { state } = take(leaderState(), ask("b"));
  const { state: after, effects } = take(state, broken(state, "unsupported"));
  assert.ok(after.role.kind === "leader" && after.role.phase === "leading");
  assert.equal(after.role.switchover, null);
  assert.deepEqual(actionsIn(effects).filter(({ type }) => type !== "set_sync"), []);
  assert.deepEqual(progressIn(effects), ["failed"]);
});

Deno.test("step() begins no switchover to a node that could not take over, and says why", () => {
  const refused = (to: string, state = leaderState()) => {
    const { state: after, effects } = take(state, ask(to));
    assert.deepEqual(actionsIn(effects).filter(({ type }) => type === "stop"), [], to);
    assert.equal(switchoverOf(after), null);
    const [step] = effects.filter((effect) => effect.type === "progress");
    return step?.type === "progress" ? `${step.outcome}: ${step.step}` : "nothing";
  };
  const withStandbys = (...standbys: ReturnType<typeof attachedAs>[]) =>
    leaderState({}, { server: primaryServer("a", { standbys, insertLsn: 20_000_000n }) });
  assert.match(refused("x"), /refused: x is no data member; they are a, b, c/);
  assert.match(refused("a"), /succeeded: a is the primary already/);
  assert.match(refused("b", withStandbys()), /running: waits: .*does not stream/);
  assert.match(refused("b", withStandbys(attachedAs("b", { state: "catchup" }))), /not stream/);
  assert.match(refused("b", withStandbys(attachedAs("b", inst("b", 2)))), /not stream/);
  assert.match(
    refused("b", withStandbys(attachedAs("b"), attachedAs("c"))),
    /19999900 bytes behind/,
  );
  const near = attachedAs("b", { flushedLsn: 20_000_000n });
  assert.match(
    refused("b", {
      ...withStandbys(near),
      role: leaderOf({ phase: "publishing", committed: null }),
    }),
    /not ready/,
  );
  const other = recordOf({ electable: [inst("c")] });
  assert.match(
    refused("b", leaderState({ published: [other] }, { durable: durableOf({ record: other }) })),
    /not electable yet/,
  );
  const { peers } = leaderOf();
  assert.match(
    refused("b", leaderState({ peers: { ...peers, b: { ...peers.b!, ackedSentAtMs: 98_000 } } })),
    /agent does not answer/,
  );
  const busy = { id: 9, action: { type: "set_sync" as const, sync: { names: [], required: 0 } } };
  assert.match(refused("b", leaderState({}, { operation: { ...busy, startedAtMs: 0 } })), /busy/);
});

Deno.test("step() sends an operator who asks a follower to the right node", () => {
  const { effects } = take(stateOf("b"), ask("c"));
  assert.deepEqual(progressIn(effects), ["refused"]);
  const { effects: own } = take(stateOf("b"), ask("b"));
  assert.equal(progressIn(own)[0], "running");
  const { effects: unable } = take(stateOf("b", { server: stoppedServer("b") }), ask("b"));
  assert.deepEqual(progressIn(unable), ["refused"]);
});

/** What an operator's call waits for on a leader that was elected in term 2, and had led term 1. */
function ledAgain(stage: Watch["stage"]): State {
  const watch: Watch = {
    reference: 3,
    to: "b",
    stage,
    term: 1,
    deadlineMs: 160_000,
    forced: false,
    because: "",
  };
  const record = recordOf({ term: 2 });
  return leaderState({}, { watch, durable: durableOf({ term: 2, record }) });
}

Deno.test("step() ends a switchover as failed where the old leader leads again after its handover", () => {
  const done = {
    handed_over: "b did not take over",
    elected: "b was elected and did not remain the leader",
    writable: "b was elected and did not remain the leader",
  };
  for (const stage of ["handed_over", "elected", "writable"] as const) {
    const { state, effects } = take(ledAgain(stage), { type: "tick", nowMs: 100_100 });
    assert.deepEqual(effects.filter(({ type }) => type === "progress"), [{
      type: "progress",
      reference: 3,
      step: `${done[stage]}: a leads again (term 2). The log of b says why; ask again when that ` +
        "has passed",
      outcome: "failed",
    }]);
    assert.equal(state.watch, null);
    assert.equal(switchoverOf(state), null);
    assert.deepEqual(actionsIn(effects), []);
  }
});

Deno.test("step() begins a switchover that was not handed over yet, whatever the term", () => {
  const { state } = take(ledAgain("waiting"), { type: "tick", nowMs: 100_100 });
  assert.equal(switchoverOf(state)?.stage, "stopping");
});

Deno.test("step() follows a handover to its end: elected, the primary, and followed", () => {
  const state = confirming();
  const handed = take(state, confirmed(state, true)).state;
  assert.equal(handed.watch?.stage, "handed_over");
  const record = recordOf({ term: 2, leader: inst("b"), electable: [inst("a"), inst("c")] });
  const contact = { host: "b", port: 5432 };
  const led = take(handed, request("b", heartbeatOf({ term: 2, record, contact }), 100_300));
  assert.deepEqual(progressIn(led.effects), ["running", "running"]);
  assert.equal(led.state.watch?.stage, "writable");
});
