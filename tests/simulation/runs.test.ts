/**
 * The short form of `deno task sim` that every change has to pass: two hundred storms of two
 * simulated minutes each, and peace after each of them.
 */
import assert from "node:assert/strict";
import { playSeeds } from "./batch.ts";
import { play } from "./play.ts";
import { scenarioOf } from "./scenario.ts";
import { createTranscript, lineText } from "./transcript.ts";

const SEEDS = 200;
const SEEDS_PER_TEST = 25;
const STORM_MS = 120_000;

for (let first = 1; first <= SEEDS; first += SEEDS_PER_TEST) {
  const last = first + SEEDS_PER_TEST - 1;
  Deno.test(`play() keeps every invariant under the faults of seeds ${first} to ${last}`, () => {
    const result = playSeeds({ first, last, stride: 1 }, { stormMs: STORM_MS });
    assert.deepEqual(result.failures, []);
    assert.equal(result.seeds, SEEDS_PER_TEST);
    assert.ok(result.acknowledged > 1000, `only ${result.acknowledged} commits were acknowledged`);
  });
}

Deno.test("play() tells the same story for the same seed, and another for another", () => {
  const story = (seed: number) => {
    const transcript = createTranscript();
    play(scenarioOf(seed, { stormMs: STORM_MS }), transcript.take);
    return transcript.lines.map(lineText);
  };
  const told = story(11);
  assert.ok(told.length > 100);
  assert.deepEqual(story(11), told);
  assert.notDeepEqual(story(12), told);
});

Deno.test("scenarioOf() draws every size from 2 to 7, with and without witnesses", () => {
  const sizes = new Set<number>();
  const witnesses = new Set<number>();
  for (let seed = 1; seed <= 200; seed++) {
    const { members } = scenarioOf(seed);
    sizes.add(members.length);
    witnesses.add(members.filter(({ kind }) => kind === "witness").length);
  }
  assert.deepEqual([...sizes].sort(), [2, 3, 4, 5, 6, 7]);
  assert.deepEqual([...witnesses].sort(), [0, 1, 2]);
});
