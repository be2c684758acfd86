import assert from "node:assert/strict";
import { rememberTries } from "../../src/postgres/tries.ts";

function tries(what: "start" | "clone" = "start") {
  const clock = { nowMs: 0 };
  const waited: number[] = [];
  const memory = rememberTries(what, {
    log: () => {},
    nowMs: () => clock.nowMs,
    wait(ms) {
      waited.push(ms);
      clock.nowMs += ms;
      return Promise.resolve();
    },
  });
  return { memory, clock, waited };
}

Deno.test("rememberTries() waits from the second failure on, longer and longer, up to a cap", async () => {
  const { memory, waited } = tries();
  for (let time = 0; time < 9; time++) {
    await memory.before(undefined);
    memory.failed("no room");
  }
  assert.deepEqual(waited, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

Deno.test("rememberTries() forgets failures once a server has lasted, and not before", async () => {
  const { memory, clock, waited } = tries();
  memory.failed("no room");
  memory.failed("no room");
  memory.succeeded();
  clock.nowMs += 4_999;
  assert.equal(memory.setback()?.failures, 2);
  clock.nowMs += 1;
  assert.equal(memory.setback(), null);
  await memory.before(undefined);
  assert.deepEqual(waited, []);
});

Deno.test("rememberTries() counts a server that ends right after its start, unless it was ended", () => {
  const { memory, clock } = tries();
  memory.succeeded();
  clock.nowMs += 1000;
  memory.died();
  assert.deepEqual(memory.setback(), {
    what: "start",
    failures: 1,
    because: "PostgreSQL ended within 5 s of its start",
    waitsMs: 0,
  });
  memory.succeeded();
  memory.ending();
  memory.died();
  assert.equal(memory.setback()?.failures, 1);
});

Deno.test("rememberTries() takes the death of a server that had lasted for no failure", () => {
  const { memory, clock } = tries();
  memory.failed("no room");
  memory.succeeded();
  clock.nowMs += 60_000;
  memory.died();
  assert.equal(memory.setback(), null);
});

Deno.test("rememberTries() tells while it waits until when", async () => {
  const shown: unknown[] = [];
  const clock = { nowMs: 0 };
  const memory = rememberTries("clone", {
    log: (...said) => void shown.push(said),
    nowMs: () => clock.nowMs,
    wait() {
      clock.nowMs += 500;
      shown.push(memory.setback()?.waitsMs);
      return Promise.resolve();
    },
  });
  memory.failed("a");
  memory.failed("b");
  await memory.before(undefined);
  const because = "it failed 2 times in a row; the next try begins in 4000ms";
  assert.deepEqual(shown, [["warning", "clone", { outcome: "waiting", because }], 3500]);
});
