/**
 * Has a running server write out what it has in memory: a checkpoint, during which it serves.
 *
 * @module
 */
import { openSession, type Target } from "./connection.ts";
import type { PostgresOptions } from "./options.ts";

/** Gives up after `limitMs`, and says in the log how it ended. Never throws. */
export async function writeOut(
  target: Target,
  { timeoutMs, log }: Pick<PostgresOptions, "timeoutMs" | "log">,
  { because, limitMs }: { readonly because: string; readonly limitMs: number },
): Promise<void> {
  const beganMs = performance.now();
  const opened = await openSession(target, timeoutMs);
  const outcome = opened.ok ? await opened.session.query("checkpoint", limitMs) : opened;
  if (opened.ok) opened.session.close();
  log(outcome.ok ? "info" : "warning", "checkpoint", {
    outcome: outcome.ok ? "done" : "failed",
    because: outcome.ok ? because : outcome.because,
    elapsed_ms: Math.round(performance.now() - beganMs),
  });
}

/** Why it is asked for before a switchover. */
export const BEFORE_STOP = "the server is about to be stopped";
