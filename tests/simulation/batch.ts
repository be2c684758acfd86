/**
 * Many seeds, one after the other, and what they show together.
 */
import { play } from "./play.ts";
import { scenarioOf } from "./scenario.ts";
import { addTally, createTally } from "./tally.ts";

/** What a batch gives back; plain data, so that a worker can send it. */
export interface BatchResult {
  readonly seeds: number;
  readonly simulatedMs: number;
  readonly steps: number;
  readonly acknowledged: number;
  readonly counts: readonly [string, number][];
  readonly failures: readonly Failure[];
}

/** A seed that broke an invariant. */
export interface Failure {
  readonly seed: number;
  readonly checker: string;
  readonly what: string;
  readonly atMs: number;
}

/** Plays every `stride`-th of the seeds from `first` to `last`. */
export function playSeeds(
  range: { readonly first: number; readonly last: number; readonly stride: number },
  options: { readonly stormMs?: number; readonly stopAfter?: number } = {},
): BatchResult {
  const tally = createTally();
  const failures: Failure[] = [];
  let seeds = 0;
  let simulatedMs = 0;
  for (let seed = range.first; seed <= range.last; seed += range.stride) {
    const outcome = play(scenarioOf(seed, options));
    seeds++;
    simulatedMs += outcome.simulatedMs;
    addTally(tally, outcome.tally);
    const { violation } = outcome;
    if (violation !== null) {
      failures.push({
        seed,
        checker: violation.checker,
        what: violation.what,
        atMs: violation.atMs,
      });
    }
    if (failures.length >= (options.stopAfter ?? Infinity)) break;
  }
  const { steps, acknowledged, counts } = tally;
  return { seeds, simulatedMs, steps, acknowledged, counts: [...counts], failures };
}

/** Several batches as one. */
export function joinBatches(batches: readonly BatchResult[]): BatchResult {
  const tally = createTally();
  for (const batch of batches) addTally(tally, batch);
  const sum = (of: (batch: BatchResult) => number) =>
    batches.reduce((total, batch) => total + of(batch), 0);
  return {
    seeds: sum((batch) => batch.seeds),
    simulatedMs: sum((batch) => batch.simulatedMs),
    steps: tally.steps,
    acknowledged: tally.acknowledged,
    counts: [...tally.counts],
    failures: batches.flatMap((batch) => batch.failures).sort((a, b) => a.seed - b.seed),
  };
}
