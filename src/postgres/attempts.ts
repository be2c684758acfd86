/**
 * How often data are replaced.
 *
 * A node that falls behind again and again, as fast as it is copied, would copy for ever, and load
 * the leader with it. After three replacements within an hour against one timeline of the leader it
 * stays as it is, and says so; a new leader, or a restart of the agent, begins anew.
 *
 * @module
 */
import type { Tries } from "./tries.ts";

/** Data that were replaced by a rewind or a copy. */
export interface Replacement {
  /** The leader's timeline then. */
  readonly timeline: number;
  /** Monotonic milliseconds. */
  readonly atMs: number;
}

/** What one server's agent remembers of its attempts. */
export interface Attempts {
  replaced: readonly Replacement[];
  /** What became of the copies. */
  readonly copies: Tries;
}

const LIMIT = 3;
const WINDOW_MS = 3_600_000;

/** Nothing was attempted yet. */
export function noAttempts(copies: Tries): Attempts {
  return { replaced: [], copies };
}

/**
 * Why data are not replaced once more; null where they may be.
 *
 * @param timeline the leader's
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const thrice = [0, 10, 20].map((atMs) => ({ timeline: 4, atMs }));
 * assert.match(whyEnough(thrice, 4, 30) ?? "", /replaced 3 times within the hour/);
 * assert.equal(whyEnough(thrice, 5, 30), null);
 * assert.equal(whyEnough(thrice, 4, 3_600_005), null);
 * ```
 */
export function whyEnough(
  replaced: readonly Replacement[],
  timeline: number,
  nowMs: number,
): string | null {
  const lately = replaced.filter((each) =>
    each.timeline === timeline && nowMs - each.atMs < WINDOW_MS
  );
  if (lately.length < LIMIT) return null;
  return `The data directory was replaced ${lately.length} times within the hour and could not follow ` +
    `timeline ${timeline} each time. If it falls behind while it is copied, raise wal_keep_size on ` +
    "the leader, or free its disk; then restart the agent here";
}
