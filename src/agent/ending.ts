/**
 * Servers that the agent ends by itself, so that a node comes back without hands.
 *
 * The core ends a primary: for want of a lease, or because it hangs and a standby can take over.
 * What hangs or lost its files on a node that does not lead stands in nobody's way, but it would
 * stay so for ever; ended, it is started or cloned anew like any other.
 *
 * @module
 */
import type { Log } from "../core/log.ts";
import { isVirgin } from "../core/record.ts";
import type { State } from "../core/state.ts";
import { monotonicMs } from "./clock.ts";
import type { Condition } from "./condition.ts";

/** For how long a condition has to last before the server is ended, in milliseconds. */
export const ENDINGS = {
  /** Nothing that it does can be kept: its files are gone. */
  orphaned: 0,
  /** A disk or a host that hangs for a moment is no reason. */
  hung: 30_000,
  not_answering: 30_000,
  /** Tried again for as long as it takes. */
  fence_failed: 1_000,
} as const satisfies { readonly [Name in Condition["name"]]?: number };

/**
 * Whether the server here is ended now.
 *
 * @param lastedMs how long the condition has lasted
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const here = { leads: false, busy: false, lastedMs: 31_000 };
 * assert.equal(mustEnd("hung", here), true);
 * assert.equal(mustEnd("hung", { ...here, leads: true }), false);
 * assert.equal(mustEnd("replaying", here), false);
 * ```
 */
export function mustEnd(
  condition: string,
  { leads, busy, lastedMs }: {
    readonly leads: boolean;
    readonly busy: boolean;
    readonly lastedMs: number;
  },
): boolean {
  const limits: Readonly<Record<string, number>> = ENDINGS;
  const limitMs = limits[condition];
  return limitMs !== undefined && !leads && !busy && lastedMs >= limitMs;
}

/** Ends what {@linkcode mustEnd} says. */
export interface Ender {
  look(state: State, condition: { readonly name: string; readonly since_ms: number }): void;
}

/**
 * Makes one.
 *
 * @param end ends the server with all its processes; never throws
 */
export function createEnder(
  end: () => Promise<{ readonly ok: true } | { readonly ok: false; readonly because: string }>,
  log: Log,
): Ender {
  let ending = false;
  let endedAtMs = -Infinity;

  async function run(name: string): Promise<void> {
    ending = true;
    log("warning", "fence", { outcome: "started", because: `PostgreSQL is ${name} here` });
    const ended = await end();
    ending = false;
    endedAtMs = monotonicMs();
    log(ended.ok ? "info" : "error", "fence", {
      outcome: ended.ok ? "done" : "failed",
      ...(ended.ok ? {} : { because: ended.because }),
    });
  }

  return {
    look(state, { name, since_ms: lastedMs }) {
      if (ending) return;
      const here = {
        // A server that ran before metako came is nobody's to end until the cluster has begun.
        leads: state.role.kind === "leader" || isVirgin(state.durable.record),
        busy: state.operation !== null,
        lastedMs: Math.min(lastedMs, monotonicMs() - endedAtMs),
      };
      if (mustEnd(name, here)) void run(name);
    },
  };
}
