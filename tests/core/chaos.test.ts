/**
 * Random histories: whatever happens, nobody loses a row that a client was told is safe, and when it
 * stops happening the cluster comes back. A failing seed prints its story.
 */
import assert from "node:assert/strict";
import { play } from "./chaos.ts";

const SEEDS = 150;
const SEEDS_PER_TEST = 25;

for (let first = 0; first < SEEDS; first += SEEDS_PER_TEST) {
  const last = first + SEEDS_PER_TEST - 1;
  Deno.test(`cluster loses nothing and comes back under the faults of seeds ${first} to ${last}`, () => {
    for (let seed = first; seed <= last; seed++) {
      const { world, problems } = play(seed);
      if (problems.length === 0) continue;
      console.log(`The story of seed ${seed}:\n${world.story.join("\n")}`);
      assert.fail(`seed ${seed}: ${problems.slice(0, 5).join("; ")}`);
    }
  });
}

Deno.test("play() tells the same story for the same seed", () => {
  assert.deepEqual(play(7).world.story, play(7).world.story);
});

Deno.test("play() makes trouble worth the name: rows acknowledged, leaders lost, states forgotten", () => {
  const counts = { rows: 0, terms: 0, lost: 0, clones: 0, handovers: 0, resumed: 0 };
  for (let seed = 0; seed < 30; seed++) {
    const { world } = play(seed);
    counts.rows += world.acknowledged.size;
    for (const node of world.nodes.values()) {
      counts.terms = Math.max(counts.terms, node.durable.term);
      counts.clones += node.reports.filter((event) => event === "clone").length;
      counts.handovers += node.reports.filter((event) => event === "handover").length;
      counts.resumed += node.reports.filter((event) => event === "resume").length;
    }
    counts.lost += world.story.filter((line) => line.includes("state file lost")).length;
  }
  assert.ok(counts.rows > 10_000, JSON.stringify(counts));
  assert.ok(counts.terms > 10, JSON.stringify(counts));
  for (const count of Object.values(counts)) assert.ok(count > 0, JSON.stringify(counts));
});
