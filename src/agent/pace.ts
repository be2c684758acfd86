/**
 * How fast a copy moves, and how long it will still take, from what it reported in the last seconds.
 *
 * A copy that stands still slows down to nothing within the window, instead of showing the speed
 * that it once had. Pure: the time is handed in.
 *
 * @module
 */

/** One report. Monotonic milliseconds, and bytes since the beginning. */
export interface PaceSample {
  readonly atMs: number;
  readonly doneBytes: number;
}

/** How it moves. */
export interface Pace {
  /** Null while too little is known. */
  readonly bytesPerSecond: number | null;
  /** Null while too little is known, and where nothing moves. */
  readonly remainingMs: number | null;
}

/** How far back a speed looks. */
const WINDOW_MS = 10_000;

/** A speed over less than this is chance. */
const LEAST_MS = 1_000;

/**
 * Adds a report, and forgets those that are too old to count. A report with less than the one before
 * begins anew: another program took over.
 */
export function withSample(
  samples: readonly PaceSample[],
  sample: PaceSample,
): readonly PaceSample[] {
  const last = samples.at(-1);
  if (last !== undefined && sample.doneBytes < last.doneBytes) return [sample];
  const fresh = samples.filter(({ atMs }) => sample.atMs - atMs <= WINDOW_MS);
  // One older report stays, so that the window is full from its beginning.
  const older = samples.findLast(({ atMs }) => sample.atMs - atMs > WINDOW_MS);
  return [...(older === undefined ? [] : [older]), ...fresh, sample];
}

/**
 * The speed over the last ten seconds.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const samples = [{ atMs: 0, doneBytes: 0 }, { atMs: 2_000, doneBytes: 4_000 }];
 * assert.deepEqual(paceOf(samples, 10_000, 2_000), { bytesPerSecond: 2_000, remainingMs: 3_000 });
 * assert.deepEqual(paceOf(samples, 10_000, 60_000), { bytesPerSecond: 0, remainingMs: null });
 * ```
 */
export function paceOf(
  samples: readonly PaceSample[],
  totalBytes: number,
  nowMs: number,
): Pace {
  const last = samples.at(-1);
  const first = samples.findLast(({ atMs }) => nowMs - atMs >= WINDOW_MS) ?? samples[0];
  if (last === undefined || first === undefined || nowMs - first.atMs < LEAST_MS) {
    return { bytesPerSecond: null, remainingMs: null };
  }
  const bytesPerSecond = Math.round(
    1000 * (last.doneBytes - first.doneBytes) / (nowMs - first.atMs),
  );
  const left = Math.max(0, totalBytes - last.doneBytes);
  return {
    bytesPerSecond,
    remainingMs: bytesPerSecond > 0 ? Math.round(1000 * left / bytesPerSecond) : null,
  };
}
