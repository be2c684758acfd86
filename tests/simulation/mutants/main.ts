/**
 * `deno task sim:mutants`: plays the simulator against each planted fault until an invariant breaks.
 *
 *     deno task sim:mutants [--only id,id] [--jobs 2] [--seeds 300] [--results FILE]
 *         [--directed] [--check]
 *
 * Each mutant is played in the directed schedules first, then in short storms, in which most of the
 * others die at once, and then in whole ones; those held to be equivalent come last. With --results every verdict is noted in a file as it
 * comes, and a run that is started again goes on from there. With --directed there are no storms, with
 * --check the faults are only planted.
 *
 * A mutant whose text is not found, or that throws, is an error; one that survives is printed and fails the task,
 * unless the catalogue argues that it cannot be told from the original.
 */
import { parseArgs } from "node:util";
import { MUTANTS } from "./all.ts";
import type { Mutant } from "./mutant.ts";
import { createNotes, type Verdict, verdictLine } from "./notes.ts";
import { createPlot, plant, playPlot } from "./plot.ts";

/** What the simulator says of a run in which the core threw: then the fault is not the one meant. */
const THROWN = "core";
const AS_EXPECTED: readonly Verdict["outcome"][] = ["killed", "equivalent"];

const { values } = parseArgs({
  args: Deno.args,
  options: {
    only: { type: "string" },
    jobs: { type: "string", default: "1" },
    seeds: { type: "string", default: "300" },
    results: { type: "string" },
    directed: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
  },
});

const only = values.only?.split(",");
const chosen = MUTANTS.filter(({ id }) => only === undefined || only.includes(id));
const notes = createNotes(values.results ?? null);
const queue = chosen.filter(({ id }) => !notes.has(id))
  .toSorted((a, b) => Number(a.equivalent !== undefined) - Number(b.equivalent !== undefined));
const known = chosen.length - queue.length;
const total = queue.length;
const startedMs = performance.now();
await Promise.all(Array.from({ length: Number(values.jobs) }, work));

const verdicts = chosen.map(({ id }) => notes.get(id)).filter((verdict) => verdict !== undefined);
if (known > 0) console.log(`${known} were known from an earlier run`);
if (!values.check) console.log(verdicts.map(verdictLine).join("\n"));
const wrong = verdicts.filter(({ outcome }) => !AS_EXPECTED.includes(outcome));
console.log(`${chosen.length} mutants, ${wrong.length} not as the catalogue says`);
if (wrong.length > 0) Deno.exit(1);

/** One of the jobs: takes the next mutant as long as there is one. */
async function work(): Promise<void> {
  const plot = createPlot();
  try {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const uproot = plant(plot, mutant);
      if (!values.check) await examine(plot, mutant);
      uproot();
    }
  } finally {
    Deno.removeSync(plot, { recursive: true });
  }
}

async function examine(plot: string, mutant: Mutant): Promise<void> {
  const seeds = values.directed ? null : mutant.seeds ?? Number(values.seeds);
  const found = await playPlot(plot, seeds);
  const outcome: Verdict["outcome"] = found.killedBy === THROWN
    ? "throws"
    : mutant.equivalent === undefined
    ? found.killedBy === null ? "SURVIVED" : "killed"
    : found.killedBy === null
    ? "equivalent"
    : "contradicted";
  const verdict = { id: mutant.id, what: mutant.what, outcome, ...found };
  notes.add(verdict);
  const done = total - queue.length;
  const restS = (performance.now() - startedMs) / 1000 / done * queue.length;
  console.error(
    `${verdictLine(verdict)} ${done} of ${total}, some ${Math.ceil(restS / 60)} min left`,
  );
}
