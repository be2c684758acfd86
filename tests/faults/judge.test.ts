import assert from "node:assert/strict";
import { longestGapMs, medianOf, overlaps } from "./judge.ts";
import { ruleset } from "./network.ts";
import { SCENARIOS, UNSUPPORTED } from "./scenarios.ts";

const by = (server: string, timeline: number, sentAtMs: number) => ({
  row: sentAtMs,
  through: "node1",
  sentAtMs,
  atMs: sentAtMs + 5,
  server,
  timeline,
});

Deno.test("longestGapMs() counts silence at both ends of the window, and nothing outside it", () => {
  const window = { fromMs: 100, untilMs: 1000 };
  assert.equal(longestGapMs([], window), 900);
  assert.equal(longestGapMs([50, 400, 450, 980, 5000], window), 530);
  assert.equal(longestGapMs([980, 400, 300], window), 580, "answers of several clients interleave");
});

Deno.test("overlaps() finds what a former primary acknowledged after its successor", () => {
  const before = [by("a", 1, 0), by("a", 1, 90)];
  const after = [by("b", 2, 100), by("b", 2, 200)];
  assert.deepEqual(overlaps([...before, ...after]), []);
  assert.deepEqual(overlaps([...before, by("a", 1, 104), ...after]), [], "sent before b answered");
  const late = by("a", 1, 106);
  assert.deepEqual(overlaps([...before, ...after, late]), [late]);
  assert.deepEqual(overlaps([by("a", 1, 0), by("c", 1, 100), by("a", 1, 200)]), [], "a restart");
});

Deno.test("medianOf() takes the middle, and of two the lower one", () => {
  assert.deepEqual([medianOf([]), medianOf([3, 1, 2]), medianOf([4, 1, 2, 3])], [null, 2, 2]);
});

Deno.test("ruleset() drops by address, port and chance, each way", () => {
  const host = { namespace: "mkf1", address: "10.213.77.1" };
  const text = ruleset(host, [
    { way: "arriving", peer: null, port: null, percent: 30 },
    { way: "leaving", peer: "10.213.77.2", port: 5432, percent: 100 },
  ]);
  const [arriving, leaving] = text.split("chain leaving");
  assert.match(
    arriving!,
    /ip saddr != \{ 10\.213\.77\.1, 127\.0\.0\.0\/8 \} numgen random mod 100 < 30 drop/,
  );
  assert.match(leaving!, /ip daddr 10\.213\.77\.2 tcp dport 5432 drop\n/);
  assert.match(leaving!, /ip daddr 10\.213\.77\.2 tcp sport 5432 drop\n/);
});

Deno.test("every scenario has a name of its own", () => {
  const names = [...SCENARIOS, ...UNSUPPORTED].map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});
