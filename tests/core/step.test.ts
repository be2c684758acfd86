import assert from "node:assert/strict";
import type { Event } from "../../src/core/event.ts";
import { initialState, NOTHING_DURABLE } from "../../src/core/initial.ts";
import type { State } from "../../src/core/state.ts";
import { nextWakeAtMs, step } from "../../src/core/step.ts";
import {
  deeds,
  durableOf,
  heartbeatOf,
  leaderState,
  request,
  standbyServer,
  stateOf,
  take,
} from "./fixtures.ts";
import { createWorld, settingsFor, type World } from "./world.ts";

/** States of every kind that a cluster really goes through. */
function statesOf(world: World, forMs: number): State[] {
  const found: State[] = [];
  for (let index = 0; index < forMs / 50; index++) {
    world.run(50);
    for (const { state } of world.nodes.values()) if (state !== null) found.push(state);
  }
  return found;
}

function manyStates(): State[] {
  const world = createWorld(["n1", "n2", "w1"]);
  const states = statesOf(world, 6000);
  world.operator("n1", "n2");
  states.push(...statesOf(world, 2000));
  world.crashServer("n2");
  states.push(...statesOf(world, 1000));
  world.crash("n2");
  states.push(...statesOf(world, 6000));
  return states;
}

const STATES = manyStates();

Deno.test("step() gives the same for the same state and event, and changes neither", () => {
  for (const state of STATES.slice(0, 300)) {
    const event: Event = { type: "tick", nowMs: state.nowMs + 700 };
    const before = structuredClone(state);
    const [one, other] = [step(state, event), step(state, event)];
    assert.deepEqual(one, other);
    assert.deepEqual(state, before);
  }
});

Deno.test("step() takes a clock that goes back for one that stands still", () => {
  const { state } = take(stateOf("b"), { type: "tick", nowMs: 5 });
  assert.equal(state.nowMs, 100_000);
});

Deno.test("nextWakeAtMs() is always in the future", () => {
  const kinds = new Set<string>();
  for (const state of STATES) {
    assert.ok(nextWakeAtMs(state) > state.nowMs);
    kinds.add(state.role.kind === "leader" ? state.role.phase : state.role.kind);
  }
  for (const kind of ["follower", "leading", "switching", "promoting"]) {
    assert.ok(kinds.has(kind), `${kind} was among them: ${[...kinds].join(", ")}`);
  }
});

Deno.test("step() does nothing at a tick that comes before the wake-up", () => {
  for (const state of STATES) {
    const wakeMs = nextWakeAtMs(state);
    const early = Math.min(wakeMs, state.nowMs + 10_000) - 0.5;
    if (early < state.nowMs) continue;
    const { effects, state: after } = step(state, { type: "tick", nowMs: early });
    assert.deepEqual(deeds(effects), []);
    assert.equal(after.role.kind, state.role.kind);
    assert.deepEqual(after.durable, state.durable);
  }
});

Deno.test("step() handles what comes twice, too late, or about nothing, without acting on it", () => {
  const strange: Event[] = [
    { type: "action_done", nowMs: 100_000, operation: 999, result: { type: "done" } },
    {
      type: "action_failed",
      nowMs: 100_000,
      operation: 999,
      failure: "failed",
      because: "",
    },
    { type: "no_answer", nowMs: 100_000, request: 999, reason: "silent" },
    {
      type: "answer",
      nowMs: 100_000,
      request: 999,
      from: "b",
      message: { type: "noted", term: 99 },
    },
    {
      type: "probed",
      nowMs: 100_000,
      node: "c",
      agent: "refused",
      server: "refused",
      primary: false,
    },
    { type: "suspended", nowMs: 100_000, gapMs: 2999 },
  ];
  for (const state of [leaderState(), stateOf("b")]) {
    for (const event of strange) {
      const { state: after, effects } = take(state, event);
      assert.deepEqual(deeds(effects), [], event.type);
      assert.deepEqual(after.durable, state.durable);
      assert.equal(after.role.kind, state.role.kind);
    }
  }
});

Deno.test("step() ignores the end of an action that a fence has taken the place of", () => {
  const promote = { type: "promote", sync: { names: [], required: 0 } } as const;
  const state = leaderState({ phase: "promoting" }, {
    operation: { id: 50, action: promote, startedAtMs: 0 },
    nextId: 51,
  });
  const lapsed = take(state, { type: "tick", nowMs: 103_000 });
  assert.deepEqual(deeds(lapsed.effects).at(-1), {
    type: "operate",
    operation: 51,
    action: { type: "fence" },
  });
  const late = take(lapsed.state, {
    type: "action_done",
    nowMs: 103_010,
    operation: 50,
    result: { type: "done" },
  });
  assert.deepEqual(late.effects, []);
  assert.equal(late.state.operation?.id, 51);
});

Deno.test("step() persists nothing twice: a heartbeat that says nothing new is only answered", () => {
  const first = take(stateOf("b"), request("a", heartbeatOf({ writable: false })));
  const again = take(first.state, request("a", heartbeatOf({ writable: false }), 100_500));
  assert.deepEqual(again.effects.map(({ type }) => type), ["answer"]);
});

Deno.test("initialState() promises silence for a lease and a margin, unless it never took part", () => {
  const settings = settingsFor(["a", "b", "c"], "b");
  const started = initialState({ settings, durable: durableOf(), nowMs: 500, seed: 7 });
  assert.deepEqual(started.promise, { term: 1, leader: null, untilMs: 4000 });
  const fresh = initialState({ settings, durable: NOTHING_DURABLE, nowMs: 500, seed: 7 });
  assert.equal(fresh.promise, null);
  const observed = take(started, { type: "observed", nowMs: 600, server: standbyServer("b") });
  assert.deepEqual(deeds(observed.effects), []);
  assert.equal(nextWakeAtMs(observed.state), 4000);
});
