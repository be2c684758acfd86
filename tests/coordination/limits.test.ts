import assert from "node:assert/strict";
import {
  createFailureCounter,
  createRateLimiter,
  headerBytes,
  readBody,
} from "../../src/coordination/limits.ts";

const OPTIONS = { maxBytes: 10, timeoutMs: 1000, declaredBytes: null };

/** A body of the given chunks; it stays open where `end` is false. */
function bodyOf(chunks: readonly string[], end = true) {
  const cancelled = Promise.withResolvers<void>();
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      if (end) controller.close();
    },
    cancel: () => cancelled.resolve(),
  });
  return { stream, cancelled: cancelled.promise };
}

Deno.test("readBody() joins a body's chunks, however it is cut", async () => {
  for (const chunks of [["0123456789"], [..."0123456789"], ["012", "", "3456789"]]) {
    const read = await readBody(bodyOf(chunks).stream, OPTIONS);
    assert.ok(read.type === "read");
    assert.equal(new TextDecoder().decode(read.body), "0123456789");
  }
  assert.deepEqual(await readBody(null, OPTIONS), { type: "read", body: new Uint8Array() });
});

Deno.test("readBody() abandons a body that is longer than the limit", async () => {
  const { stream, cancelled } = bodyOf(["01234", "56789", "x"], false);
  assert.deepEqual(await readBody(stream, OPTIONS), { type: "too_large" });
  await cancelled;
});

Deno.test("readBody() reads nothing of a body that announces too much", async () => {
  const { stream } = bodyOf(["0"]);
  assert.deepEqual(await readBody(stream, { ...OPTIONS, declaredBytes: 11 }), {
    type: "too_large",
  });
  assert.equal(stream.locked, false);
});

Deno.test("readBody() abandons a body that does not end in time", async () => {
  const { stream, cancelled } = bodyOf(["0"], false);
  assert.deepEqual(await readBody(stream, { ...OPTIONS, timeoutMs: 10 }), { type: "too_slow" });
  await cancelled;
});

Deno.test("readBody() says when a body broke off", async () => {
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.error(new Error("reset")),
  });
  assert.deepEqual(await readBody(stream, OPTIONS), { type: "broken" });
});

Deno.test("createFailureCounter() limits each source for itself, once per window", () => {
  let now = 0;
  const count = createFailureCounter({ maxFailures: 2, failureWindowMs: 100 }, () => now);
  const verdicts = (source: string, times: number) =>
    Array.from({ length: times }, () => count(source));
  assert.deepEqual(verdicts("a", 4), ["tolerated", "tolerated", "limit_reached", "limited"]);
  assert.deepEqual(verdicts("b", 1), ["tolerated"]);
  now = 99;
  assert.deepEqual(verdicts("a", 1), ["limited"]);
  now = 100;
  assert.deepEqual(verdicts("a", 3), ["tolerated", "tolerated", "limit_reached"]);
});

Deno.test("createFailureCounter() forgets the oldest of too many sources", () => {
  const count = createFailureCounter({ maxFailures: 1, failureWindowMs: 1000 }, () => 0);
  count("first");
  for (let i = 0; i < 1024; i++) count(`source ${i}`);
  assert.equal(count("first"), "tolerated");
  assert.equal(count("source 1023"), "limit_reached");
});

Deno.test("headerBytes() counts names, values and separators", () => {
  assert.equal(headerBytes(new Headers({ a: "bcd", ef: "" })), 4 + 4 + 2 + 4);
});

Deno.test("createRateLimiter() gives each source a burst and then so many a second", () => {
  let now = 0;
  const mayAsk = createRateLimiter({ requestsPerSecond: 2, requestBurst: 3 }, () => now);
  const asked = (source: string, times: number) =>
    Array.from({ length: times }, () => mayAsk(source));
  assert.deepEqual(asked("a", 4), [true, true, true, false]);
  assert.deepEqual(asked("b", 1), [true]);
  now = 500;
  assert.deepEqual(asked("a", 2), [true, false]);
  now = 60_000;
  assert.deepEqual(asked("a", 4), [true, true, true, false]);
});
