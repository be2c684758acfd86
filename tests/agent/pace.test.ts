/** The speed of a copy, from its reports. */
import assert from "node:assert/strict";
import { paceOf, type PaceSample, withSample } from "../../src/agent/pace.ts";

const reports = (count: number, bytesPerSecond: number): readonly PaceSample[] => {
  let samples: readonly PaceSample[] = [];
  for (let second = 0; second < count; second++) {
    samples = withSample(samples, { atMs: second * 1000, doneBytes: second * bytesPerSecond });
  }
  return samples;
};

Deno.test("paceOf() knows nothing before a second has passed", () => {
  const unknown = { bytesPerSecond: null, remainingMs: null };
  assert.deepEqual(paceOf([], 100, 5_000), unknown);
  assert.deepEqual(paceOf([{ atMs: 0, doneBytes: 50 }], 100, 999), unknown);
});

Deno.test("paceOf() follows a copy that slows down, within the window", () => {
  let samples = reports(60, 1000);
  assert.equal(paceOf(samples, 100_000, 59_000).bytesPerSecond, 1000);
  for (let second = 60; second < 80; second++) {
    samples = withSample(samples, { atMs: second * 1000, doneBytes: 59_000 + (second - 59) * 10 });
  }
  assert.deepEqual(paceOf(samples, 60_200, 79_000), { bytesPerSecond: 10, remainingMs: 100_000 });
});

Deno.test("paceOf() comes down to nothing where reports stop, and promises no end", () => {
  const samples = reports(20, 1000);
  const half = paceOf(samples, 100_000, 24_000).bytesPerSecond!;
  assert.ok(half > 0 && half < 1000, `${half}`);
  assert.deepEqual(paceOf(samples, 100_000, 30_000), { bytesPerSecond: 0, remainingMs: null });
});

Deno.test("withSample() keeps a window, and begins anew where another program took over", () => {
  assert.ok(reports(1000, 1).length <= 13);
  assert.deepEqual(withSample(reports(5, 1000), { atMs: 9_000, doneBytes: 0 }), [
    { atMs: 9_000, doneBytes: 0 },
  ]);
});
