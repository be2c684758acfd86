/**
 * Which counters of one sender were seen: a sliding bitmap, as in IPsec (RFC 4303, section 3.4.3).
 *
 * Requests of one sender run concurrently and may overtake each other, so a counter below the
 * largest is fine once, within the window; below the window it counts as seen.
 *
 * @module
 */

/** The counters of one sender. */
export interface ReplayWindow {
  /** The largest counter accepted; 0 before the first. */
  highest: number;
  /** Bit `counter % size` is set where a counter within the window was seen. */
  readonly bits: Uint32Array;
}

/** How far a request may lag behind the newest of its sender. A multiple of 32. */
export const WINDOW_SIZE = 1024;

/** A window that has seen nothing. */
export function createReplayWindow(): ReplayWindow {
  return { highest: 0, bits: new Uint32Array(WINDOW_SIZE / 32) };
}

/**
 * Takes a counter into the window, which it changes.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const window = createReplayWindow();
 * assert.deepEqual([2, 1, 2, 5000, 3].map((n) => acceptCounter(window, n)), [
 *   true, // new
 *   true, // late, but not seen yet
 *   false, // seen
 *   true,
 *   false, // below the window
 * ]);
 * ```
 *
 * @param counter a positive safe integer
 * @returns false where it was seen, or is too old to tell
 */
export function acceptCounter(window: ReplayWindow, counter: number): boolean {
  if (counter <= window.highest - WINDOW_SIZE) return false;
  if (counter > window.highest) {
    forgetBetween(window, counter);
    window.highest = counter;
  } else if (isSet(window, counter)) {
    return false;
  }
  const slot = counter % WINDOW_SIZE;
  window.bits[slot >>> 5]! |= 1 << (slot & 31);
  return true;
}

/** Clears the slots that the window's move to `counter` hands to other counters. */
function forgetBetween(window: ReplayWindow, counter: number): void {
  if (counter - window.highest >= WINDOW_SIZE) {
    window.bits.fill(0);
    return;
  }
  for (let skipped = window.highest + 1; skipped <= counter; skipped++) {
    const slot = skipped % WINDOW_SIZE;
    window.bits[slot >>> 5]! &= ~(1 << (slot & 31));
  }
}

function isSet(window: ReplayWindow, counter: number): boolean {
  const slot = counter % WINDOW_SIZE;
  return (window.bits[slot >>> 5]! & (1 << (slot & 31))) !== 0;
}
