/**
 * The node's clocks.
 *
 * The core lives on the monotonic clock. That one stands still while a host is suspended, so the
 * wall clock is held beside it: when the two drift apart by more than a lease, time has passed that
 * the core did not see, and a lease that looks valid is not.
 *
 * @module
 */

/** Milliseconds since an arbitrary moment; never goes back. */
export function monotonicMs(): number {
  return performance.now();
}

/** How often the two clocks are compared. */
const COMPARE_EVERY_MS = 200;

/** Drift below this is jitter of the comparison itself, and slow slewing by NTP. */
const IGNORED_MS = 50;

/**
 * Calls back with the size of every jump between the clocks, in milliseconds, either direction.
 *
 * @returns a function that ends the watch
 */
export function watchForSuspension(onJump: (gapMs: number) => void): () => void {
  let offsetMs = Date.now() - performance.now();
  const timer = setInterval(() => {
    const nowOffsetMs = Date.now() - performance.now();
    const gapMs = Math.abs(nowOffsetMs - offsetMs);
    offsetMs = nowOffsetMs;
    if (gapMs > IGNORED_MS) onJump(gapMs);
  }, COMPARE_EVERY_MS);
  return () => clearInterval(timer);
}
