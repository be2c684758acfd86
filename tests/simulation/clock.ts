/**
 * Each host's own clock: it starts anywhere and runs a little too fast or too slow. A suspended
 * host's clock stands still, as the monotonic clock of Linux does.
 */

/** Turns the world's time into a host's, and back. */
export interface Clock {
  offsetMs: number;
  /** Milliseconds of this clock per millisecond of the world; 1 ± the stated drift. */
  readonly rate: number;
}

/** What the host's clock shows. */
export function localMs(clock: Clock, nowMs: number): number {
  return clock.offsetMs + nowMs * clock.rate;
}

/** When the host's clock will show `shownMs`, if nobody suspends it. */
export function worldMs(clock: Clock, shownMs: number): number {
  return (shownMs - clock.offsetMs) / clock.rate;
}

/** The clock stood still for `forMs` of the world's time. */
export function standStill(clock: Clock, forMs: number): void {
  clock.offsetMs -= forMs * clock.rate;
}
