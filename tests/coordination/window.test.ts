import assert from "node:assert/strict";
import fc from "fast-check";
import { acceptCounter, createReplayWindow, WINDOW_SIZE } from "../../src/coordination/window.ts";

/** The specification: a set of everything seen, and the largest. */
function createModel() {
  const seen = new Set<number>();
  let highest = 0;
  return (counter: number) => {
    if (counter <= highest - WINDOW_SIZE || seen.has(counter)) return false;
    seen.add(counter);
    highest = Math.max(highest, counter);
    return true;
  };
}

Deno.test("acceptCounter() agrees with a set of all counters seen", () => {
  const near = fc.integer({ min: -4, max: 4 });
  const steps = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: near },
      { weight: 1, arbitrary: near.map((offset) => WINDOW_SIZE + offset) },
      { weight: 1, arbitrary: near.map((offset) => offset - WINDOW_SIZE) },
      { weight: 1, arbitrary: fc.integer({ min: -1100, max: 1100 }) },
    ),
    { minLength: 50, maxLength: 200 },
  );
  fc.assert(fc.property(steps, (jumps) => {
    const window = createReplayWindow();
    const model = createModel();
    let at = 1;
    for (const jump of jumps) {
      at = Math.max(1, at + jump);
      assert.equal(acceptCounter(window, at), model(at), `${at} of ${jumps}`);
    }
  }));
});

Deno.test("acceptCounter() accepts the lowest counter of the window, and none below", () => {
  const window = createReplayWindow();
  assert.equal(acceptCounter(window, 5000), true);
  assert.equal(acceptCounter(window, 5000 - WINDOW_SIZE + 1), true);
  assert.equal(acceptCounter(window, 5000 - WINDOW_SIZE), false);
});

Deno.test("acceptCounter() works up to the largest safe integer", () => {
  const window = createReplayWindow();
  assert.equal(acceptCounter(window, 1), true);
  assert.equal(acceptCounter(window, Number.MAX_SAFE_INTEGER), true);
  assert.equal(acceptCounter(window, Number.MAX_SAFE_INTEGER), false);
  assert.equal(acceptCounter(window, Number.MAX_SAFE_INTEGER - 1), true);
});
