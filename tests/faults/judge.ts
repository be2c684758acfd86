/**
 * What the ledger of a run says. Pure.
 *
 * @module
 */
import type { Acknowledged } from "./clients.ts";

/** A stretch of time, on the clock of the ledger. */
export interface Window {
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * The longest time without an answer that overlaps a window.
 *
 * @param atMs when answers came, in any order
 * @returns milliseconds; a time that had not ended with the window counts up to its end
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(longestGapMs([10, 20, 500, 510], { fromMs: 15, untilMs: 520 }), 480);
 * assert.equal(longestGapMs([10], { fromMs: 15, untilMs: 520 }), 505);
 * ```
 */
export function longestGapMs(atMs: readonly number[], { fromMs, untilMs }: Window): number {
  let longest = 0;
  let previous = fromMs;
  for (const at of atMs.toSorted((a, b) => a - b)) {
    if (at < fromMs) continue;
    if (at > untilMs) break;
    longest = Math.max(longest, at - previous);
    previous = at;
  }
  return Math.max(longest, untilMs - previous);
}

/**
 * Acknowledgements of a server that another one had already followed: rows that were sent after
 * another server, on a newer timeline, had acknowledged one.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const by = (server: string, timeline: number, sentAtMs: number) => ({
 *   row: sentAtMs, through: "a", sentAtMs, atMs: sentAtMs + 5, server, timeline,
 * });
 * assert.equal(overlaps([by("a", 1, 0), by("b", 2, 100)]).length, 0);
 * assert.equal(overlaps([by("a", 1, 0), by("b", 2, 100), by("a", 1, 110)]).length, 1);
 * ```
 */
export function overlaps(acknowledged: readonly Acknowledged[]): readonly Acknowledged[] {
  const firstAtMs = new Map<string, { readonly timeline: number; readonly atMs: number }>();
  for (const { server, timeline, atMs } of acknowledged) {
    const known = firstAtMs.get(server)?.atMs ?? Infinity;
    if (atMs < known) firstAtMs.set(server, { timeline, atMs });
  }
  return acknowledged.filter(({ server, timeline, sentAtMs }) =>
    [...firstAtMs].some(([other, first]) =>
      other !== server && first.timeline > timeline && first.atMs < sentAtMs
    )
  );
}

/** The middle of the sorted values; of an even count the lower one; null of none. */
export function medianOf(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? null;
}
