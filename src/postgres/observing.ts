/**
 * Looking at a server within a time limit, and remembering what was found.
 *
 * @module
 */
import type { ServerObservation } from "../core/server.ts";
import type { Finding } from "./look.ts";
import type { Observed } from "./observe.ts";
import { messageOf } from "./outcome.ts";
import { pause } from "./wait.ts";

/** File systems included, a look takes this much longer than the server may at most. */
const SLACK_MS = 100;

/** The part of a local server that looks. */
export interface Observing {
  /** Never throws; "unresponsive" where the look takes longer than it may. */
  observe(): Promise<ServerObservation>;
  /** What the last look found; null before the first. */
  finding(): Finding | null;
}

/** Looks by `look`, and gives up on what takes longer than `options` say at its beginning. */
export function observing(
  look: () => Promise<Observed>,
  options: { readonly timeoutMs: number },
): Observing {
  let finding: Finding | null = null;

  return {
    finding: () => finding,
    async observe() {
      const over = new AbortController();
      const { timeoutMs } = options;
      const late = pause(timeoutMs + SLACK_MS, over.signal)
        .then(() => silent(`it could not be looked at within ${timeoutMs}ms`));
      const safe = look()
        .catch((error) => silent(`it could not be looked at: ${messageOf(error)}`));
      try {
        const found = await Promise.race([safe, late]);
        finding = found.finding;
        return found.server;
      } finally {
        over.abort();
      }
    },
  };
}

function silent(because: string): Observed {
  return { finding: "silent", server: { state: "unresponsive", because } };
}
