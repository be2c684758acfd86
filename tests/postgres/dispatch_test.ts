import assert from "node:assert/strict";
import type { ServerAction } from "../../src/core/server.ts";
import { dispatcher, type Perform } from "../../src/postgres/dispatch.ts";
import type { ActionOutcome } from "../../src/postgres/server.ts";
import { failed, finished } from "../../src/postgres/outcome.ts";
import { pause, until } from "../../src/postgres/wait.ts";

const STOP: ServerAction = { type: "stop" };
const FENCE: ServerAction = { type: "fence" };

/** An action that ends when it is aborted, or at once where it is a fence. */
const patient: Perform = async (action, { signal }) => {
  if (action.type === "fence") return finished({ type: "done" });
  await pause(5_000, signal);
  return failed(signal?.aborted ? "it was aborted" : "it ran out");
};

Deno.test("dispatcher() refuses a second action while one is under way", async () => {
  const run = dispatcher(patient);
  const first = run(STOP);
  assert.deepEqual(await run({ type: "prepare" }), failed("Cannot prepare: stop is under way"));
  await run(FENCE);
  await first;
});

Deno.test("dispatcher() lets a fence preempt, and the preempted action says so", async () => {
  const run = dispatcher(patient);
  const first = run(STOP);
  assert.deepEqual(await run(FENCE), finished({ type: "done" }));
  assert.deepEqual(await first, failed("preempted by a fence (it was aborted)"));
});

Deno.test("dispatcher() gives two who want a fence the end of one", async () => {
  const fence = Promise.withResolvers<ActionOutcome>();
  let fences = 0;
  const run = dispatcher(() => {
    fences++;
    return fence.promise;
  });
  const both = [run(FENCE), run(FENCE)];
  fence.resolve(finished({ type: "done" }));
  assert.deepEqual(await Promise.all(both), Array(2).fill(finished({ type: "done" })));
  assert.equal(fences, 1);
  await run(FENCE);
  assert.equal(fences, 2);
});

Deno.test("dispatcher() passes the caller's abort on, and does not call it a fence", async () => {
  const run = dispatcher(patient);
  const abort = new AbortController();
  const first = run(STOP, { signal: abort.signal });
  abort.abort();
  assert.deepEqual(await first, failed("it was aborted"));
  const late = await run(STOP, { signal: abort.signal });
  assert.deepEqual(late, failed("it was aborted"));
});

Deno.test("dispatcher() turns what is thrown into a failure and is free again", async () => {
  let calls = 0;
  const run = dispatcher(() => {
    calls += 1;
    return Promise.reject(new Error("no disk"));
  });
  assert.deepEqual(await run(STOP), failed("Cannot stop: no disk"));
  assert.deepEqual(await run(STOP), failed("Cannot stop: no disk"));
  assert.equal(calls, 2);
});

Deno.test("until() looks once more when its time is over", async () => {
  let looks = 0;
  const waited = await until(() => {
    looks += 1;
    return Promise.resolve(looks === 2 ? "there" : null);
  }, { timeoutMs: 5, everyMs: 10 });
  assert.deepEqual(waited, { end: "value", value: "there" });
});

Deno.test("until() ends on time-out and on abort", async () => {
  const never = () => Promise.resolve(null);
  assert.deepEqual(await until(never, { timeoutMs: 5, everyMs: 2 }), { end: "timeout" });
  const signal = AbortSignal.abort();
  assert.deepEqual(await until(never, { timeoutMs: 5_000, signal }), { end: "aborted" });
});
