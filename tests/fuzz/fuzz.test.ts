/** The short form of `deno task fuzz`, with the same seeds in every run. */
import assert from "node:assert/strict";
import { diceOf } from "../simulation/dice.ts";
import { mutateBytes, mutateJson, mutateText } from "./mutate.ts";
import { LISTENING, play, PURE } from "./play.ts";

Deno.test("garbage breaks nothing, and is answered with the right errors", async () => {
  const { counts, failures, victim } = await play({
    seed: 1,
    only: [],
    cases: 72,
    goesOn: () => true,
  });
  assert.deepEqual(failures, []);
  assert.ok(victim !== null);
  assert.deepEqual([...counts.keys()].sort(), [...PURE, ...LISTENING].sort());
  for (const [target, outcomes] of counts) {
    assert.ok(outcomes.size > 1, `all cases of ${target} end alike: ${[...outcomes.keys()]}`);
  }
});

Deno.test("a mutation is never what it was made from, and its seed makes it again", () => {
  const text = '{"term":3,"because":"","members":["a","b"]}';
  const bytes = new TextEncoder().encode(text);
  for (let seed = 0; seed < 500; seed++) {
    const make = () => {
      const dice = diceOf(seed);
      return [mutateText(dice, text), mutateJson(dice, text), [...mutateBytes(dice, bytes)]];
    };
    const [changedText, changedJson, changedBytes] = make();
    assert.deepEqual(make(), [changedText, changedJson, changedBytes]);
    assert.notEqual(changedText, text);
    assert.notEqual(changedJson, text);
    assert.notDeepEqual(changedBytes, [...bytes]);
  }
});
