/**
 * The short form of `deno task sim` that every change has to pass: a thousand storms of one
 * simulated minute each, and peace after each of them. Together they have to see nearly everything
 * that whole storms see.
 *
 * A seed that fails here is shown by `deno task sim --seed N --storm 60`.
 */
import assert from "node:assert/strict";
import { type BatchResult, joinBatches, playSeeds } from "./batch.ts";
import { SCRIPTS } from "./directed/all.ts";
import { playScript } from "./directed/play.ts";
import { coverageGaps, RARE_IN_SHORT_STORMS } from "./coverage.ts";
import { play } from "./play.ts";
import { scenarioOf } from "./scenario.ts";
import { createTranscript, lineText } from "./transcript.ts";

const SEEDS = 1000;
const SEEDS_PER_STEP = 100;
const STORM_MS = 60_000;

Deno.test("play() keeps every invariant in a thousand storms, which see all there is to see", async (test) => {
  const batches: BatchResult[] = [];
  for (let first = 1; first <= SEEDS; first += SEEDS_PER_STEP) {
    const last = first + SEEDS_PER_STEP - 1;
    await test.step(`seeds ${first} to ${last}`, () => {
      const batch = playSeeds({ first, last, stride: 1 }, { stormMs: STORM_MS });
      assert.deepEqual(batch.failures, []);
      batches.push(batch);
    });
  }
  await test.step("nothing is missing, and nothing is new", () => {
    const { seeds, acknowledged, counts } = joinBatches(batches);
    assert.equal(seeds, SEEDS);
    assert.ok(acknowledged > 100_000, `only ${acknowledged} commits were acknowledged`);
    assert.deepEqual(coverageGaps({ counts: new Map(counts) }, RARE_IN_SHORT_STORMS), []);
  });
});

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

Deno.test("playScript() keeps every invariant in each directed schedule and story, and none gets stuck", () => {
  for (const script of SCRIPTS) {
    assert.deepEqual([script.id, playScript(script)], [script.id, {
      violation: null,
      stuck: null,
    }]);
  }
});
