/**
 * What was tried in vain, how often, and how soon it is tried again.
 *
 * The core asks for a start or a copy again a second or two after one has failed, for ever. Where the
 * disk is full or a setting is wrong that helps nobody and fills the log, so that from the second
 * failure on each try waits, longer and longer, and `status` says why. A server that ends within five
 * seconds of its start counts as one that did not start: a standby accepts connections before it meets
 * what it cannot replay.
 *
 * @module
 */
import type { Log } from "../core/log.ts";
import { pause } from "./wait.ts";

/** Tries in a row that came to nothing. */
export interface Setback {
  readonly what: "start" | "clone";
  readonly failures: number;
  /** Why the last one did. */
  readonly because: string;
  /** Until the next one begins, in milliseconds; 0 where nothing waits. */
  readonly waitsMs: number;
}

/** What is remembered of one thing that is tried. */
export interface Tries {
  /** Waits until the next try may begin, or `signal` aborts. */
  before(signal: AbortSignal | undefined): Promise<void>;
  failed(because: string): void;
  succeeded(): void;
  /** The server is gone, unasked. */
  died(): void;
  /** The agent ends the server: what becomes of it now says nothing about its start. */
  ending(): void;
  /** Null where the last try did not fail, or what it brought has lasted. */
  setback(): Setback | null;
}

const STABLE_MS = 5_000;

/** The first pause, and the longest: a copy loads the leader, a start only this host. */
const PAUSES = {
  start: { firstMs: 1_000, longestMs: 30_000 },
  clone: { firstMs: 4_000, longestMs: 60_000 },
} as const satisfies Record<Setback["what"], unknown>;

/**
 * How long a try waits after so many failures in a row, in milliseconds.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const pauses = [0, 1, 2, 3, 9].map((failures) => pauseAfter("start", failures));
 * assert.deepEqual(pauses, [0, 0, 1_000, 2_000, 30_000]);
 * assert.equal(pauseAfter("clone", 3), 8_000);
 * ```
 */
export function pauseAfter(what: Setback["what"], failures: number): number {
  const { firstMs, longestMs } = PAUSES[what];
  return failures < 2 ? 0 : Math.min(longestMs, firstMs * 2 ** (failures - 2));
}

/** Remembers nothing yet. `wait` and the clock are replaced in tests. */
export function rememberTries(
  what: Setback["what"],
  { log, nowMs = () => performance.now(), wait = pause }: {
    readonly log: Log;
    readonly nowMs?: () => number;
    readonly wait?: typeof pause;
  },
): Tries {
  let failures = 0;
  let because = "";
  /** When the server that runs came up; null: it did not, or was ended. */
  let upSinceMs: number | null = null;
  let waitsUntilMs = 0;

  function failed(reason: string): void {
    failures += 1;
    because = reason;
    upSinceMs = null;
  }

  function lasts(): boolean {
    return upSinceMs !== null && nowMs() - upSinceMs >= STABLE_MS;
  }

  function settle(): void {
    if (lasts()) failures = 0;
  }

  return {
    async before(signal) {
      settle();
      const waitMs = pauseAfter(what, failures);
      if (waitMs === 0) return;
      log("warning", what, {
        outcome: "waiting",
        because: `it failed ${failures} times in a row; the next try begins in ${waitMs}ms`,
      });
      waitsUntilMs = nowMs() + waitMs;
      await wait(waitMs, signal);
      waitsUntilMs = 0;
    },
    failed,
    succeeded: () => void (upSinceMs = nowMs()),
    died() {
      const early = upSinceMs !== null && !lasts();
      settle();
      if (early) failed(`PostgreSQL ended within ${STABLE_MS / 1000} s of its start`);
      upSinceMs = null;
    },
    ending() {
      settle();
      upSinceMs = null;
    },
    setback() {
      settle();
      if (failures === 0) return null;
      const waitsMs = Math.max(0, Math.round(waitsUntilMs - nowMs()));
      return { what, failures, because, waitsMs };
    },
  };
}
