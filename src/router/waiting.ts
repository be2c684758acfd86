/**
 * Where sessions wait for a server: first in, first out, and only so many.
 *
 * @module
 */

/** A place in the queue. It is kept through failed attempts, so that nobody is overtaken by bad luck. */
export interface Place {
  /** Resolves at the next wake-up, after `timeoutMs`, or when `signal` is aborted. */
  next(timeoutMs: number, signal: AbortSignal): Promise<void>;
  leave(): void;
}

/** The queue. */
export interface WaitingRoom {
  /** @returns null where all places are taken */
  enter(): Place | null;
  /** Wakes all, the first comer first. */
  wake(): void;
  size(): number;
  /** Places that were left, and how long they were held together. */
  totals(): { readonly waits: number; readonly waitedMs: number };
}

/** Makes a queue of at most `maximum` places. @param now a monotonic clock, in milliseconds */
export function createWaitingRoom(maximum: number, now: () => number): WaitingRoom {
  // In order of arrival; the value wakes whoever waits on the place at this moment.
  const places = new Map<Place, () => void>();
  const idle = () => {};
  let waits = 0;
  let waitedMs = 0;
  return {
    enter() {
      if (places.size >= maximum) return null;
      const enteredAtMs = now();
      const place: Place = {
        next(timeoutMs, signal) {
          return new Promise((resolve) => {
            const done = () => {
              clearTimeout(timer);
              signal.removeEventListener("abort", done);
              // A timer may fire although it was cleared (Deno 2.4): the place may wait for more by then.
              if (places.get(place) === done) places.set(place, idle);
              resolve();
            };
            const timer = setTimeout(done, Math.max(0, timeoutMs));
            signal.addEventListener("abort", done, { once: true });
            places.set(place, done);
            if (signal.aborted) done();
          });
        },
        leave() {
          if (!places.delete(place)) return;
          waits++;
          waitedMs += now() - enteredAtMs;
        },
      };
      places.set(place, idle);
      return place;
    },
    wake() {
      for (const wakeUp of [...places.values()]) wakeUp();
    },
    size: () => places.size,
    totals: () => ({ waits, waitedMs }),
  };
}
