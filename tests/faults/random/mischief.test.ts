import assert from "node:assert/strict";
import { diceOf } from "../../simulation/dice.ts";
import { drawMischief, MISCHIEF } from "./mischief.ts";

Deno.test("drawMischief() draws every kind, and the heavy ones more often than the light ones", () => {
  const dice = diceOf(1);
  const counts = new Map<string, number>();
  for (let draw = 0; draw < 20_000; draw++) {
    const { name } = drawMischief(dice);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  assert.deepEqual([...counts.keys()].toSorted(), MISCHIEF.map(({ name }) => name).toSorted());
  for (const one of MISCHIEF) {
    for (const other of MISCHIEF) {
      if (one.weight < 2 * other.weight) continue;
      assert.ok(counts.get(one.name)! > counts.get(other.name)!, `${one.name}, ${other.name}`);
    }
  }
});

Deno.test("drawMischief() draws the same for the same seed", () => {
  const draws = (seed: number) => {
    const dice = diceOf(seed, "faults");
    return Array.from({ length: 50 }, () => drawMischief(dice).name);
  };
  assert.deepEqual(draws(7), draws(7));
  assert.notDeepEqual(draws(7), draws(8));
});

Deno.test("MISCHIEF undoes what it does to processes and links that live on", () => {
  const lasting = MISCHIEF.filter(({ name }) => /stopped|cut|cable|unheard|lost/.test(name));
  assert.ok(lasting.length >= 9);
  for (const { name, end, mostMs } of lasting) {
    assert.ok(end !== undefined && mostMs > 0, `${name} never ends`);
  }
});
