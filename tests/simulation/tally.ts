/**
 * How often everything happened: a run that exercises nothing proves nothing.
 */

/** Counts of one run, or of many. */
export interface Tally {
  steps: number;
  acknowledged: number;
  readonly counts: Map<string, number>;
  /** One more of `kind`: `what`. */
  note(kind: string, what: string): void;
}

/** An empty tally. */
export function createTally(): Tally {
  const counts = new Map<string, number>();
  return {
    steps: 0,
    acknowledged: 0,
    counts,
    note(kind, what) {
      const key = `${kind}: ${what}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
  };
}

/** Adds what `from` counted. */
export function addTally(
  to: Tally,
  from: Pick<Tally, "steps" | "acknowledged"> & { readonly counts: Iterable<[string, number]> },
): void {
  to.steps += from.steps;
  to.acknowledged += from.acknowledged;
  for (const [key, count] of from.counts) to.counts.set(key, (to.counts.get(key) ?? 0) + count);
}
