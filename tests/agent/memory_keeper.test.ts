import assert from "node:assert/strict";
import { keepMemory } from "../../src/agent/memory_keeper.ts";
import { guardOrder } from "../../src/core/guard.ts";
import { leaderState, primaryServer, stateOf } from "../core/fixtures.ts";

const FULL = new Error("No space left on device");

function keeper({ closed = false, spared = false } = {}) {
  const clock = { nowMs: 0 };
  const said: unknown[] = [];
  let ends = 0;
  let looks = 0;
  const memory = keepMemory({
    path: "/state/state.json",
    driver: () => ({
      standing: () => ({ closed, fenceFailed: false }),
      end: () => {
        ends++;
        return Promise.resolve({ ok: true, result: { type: "done" } });
      },
    }),
    changed: () => void looks++,
    spared: () => spared,
    log: (level, event, fields) => void said.push([level, event, fields?.outcome]),
    nowMs: () => clock.nowMs,
  });
  return { memory, clock, said, ends: () => ends, looks: () => looks };
}

Deno.test("keepMemory() says why nothing is decided, every five seconds, and when that is over", () => {
  const { memory, clock, said, looks } = keeper();
  assert.equal(memory.obstacle(), null);
  const state = stateOf("b");
  for (clock.nowMs = 0; clock.nowMs <= 5000; clock.nowMs += 1000) memory.unwritten(FULL, state);
  assert.equal(memory.obstacle(), "No space left on device");
  assert.equal(looks(), 6);
  memory.written();
  assert.equal(memory.obstacle(), null);
  assert.deepEqual(said, [
    ["error", "state_file", "failed"],
    ["error", "state_file", "failed"],
    ["warning", "state_file", "done"],
  ]);
});

Deno.test("keepMemory() ends a primary when it may no longer run without its agent, and not before", () => {
  const state = leaderState();
  const order = guardOrder(state);
  assert.equal(order.kind, "hold");
  const untilMs = order.kind === "hold" ? order.untilMs : 0;
  const { memory, clock, ends } = keeper();
  clock.nowMs = untilMs - 1;
  memory.unwritten(FULL, state);
  assert.equal(ends(), 0);
  clock.nowMs = untilMs;
  memory.unwritten(FULL, state);
  assert.equal(ends(), 1);
});

Deno.test("keepMemory() ends nothing on a follower, and nothing that does not run", () => {
  const follower = keeper();
  follower.clock.nowMs = 1e9;
  follower.memory.unwritten(FULL, stateOf("b", { server: primaryServer("b") }));
  assert.equal(follower.ends(), 0);
  const stopped = keeper({ closed: true });
  stopped.clock.nowMs = 1e9;
  stopped.memory.unwritten(FULL, leaderState());
  assert.equal(stopped.ends(), 0);
  const paused = keeper({ spared: true });
  paused.clock.nowMs = 1e9;
  paused.memory.unwritten(FULL, leaderState());
  assert.equal(paused.ends(), 0);
});
