/**
 * One action at a time, except that a fence preempts.
 *
 * A fence aborts whatever runs and goes ahead beside it, since an action that waits on a hung
 * server may take a while to end. The preempted one reports its own failure.
 *
 * @module
 */
import type { ServerAction } from "../core/server.ts";
import type { ActionOutcome, RunOptions } from "./options.ts";
import { failed, messageOf } from "./outcome.ts";

/** Carries out one action. */
export type Perform = (action: ServerAction, options: RunOptions) => Promise<ActionOutcome>;

/** Wraps `perform` so that it never throws, never overlaps, and yields to a fence. */
export function dispatcher(
  perform: Perform,
): (action: ServerAction, options?: RunOptions) => Promise<ActionOutcome> {
  let running: { readonly type: string; readonly abort: AbortController } | null = null;
  let fencing: Promise<ActionOutcome> | null = null;

  return (action, options = {}) => {
    if (action.type !== "fence") return begin(action, options);
    // Whoever asks for a fence twice gets the end of the first.
    return fencing ??= begin(action, options).finally(() => fencing = null);
  };

  async function begin(action: ServerAction, options: RunOptions): Promise<ActionOutcome> {
    if (running !== null) {
      if (action.type !== "fence") {
        return failed(`Cannot ${action.type}: ${running.type} is under way`);
      }
      running.abort.abort();
    }
    const abort = new AbortController();
    const mine = { type: action.type, abort };
    running = mine;
    const outside = () => abort.abort();
    options.signal?.addEventListener("abort", outside, { once: true });
    if (options.signal?.aborted) abort.abort();
    try {
      const outcome = await perform(action, { ...options, signal: abort.signal });
      const preempted = abort.signal.aborted && !options.signal?.aborted;
      if (outcome.ok || !preempted) return outcome;
      return failed(`preempted by a fence (${outcome.because})`);
    } catch (error) {
      return failed(`Cannot ${action.type}: ${messageOf(error)}`);
    } finally {
      options.signal?.removeEventListener("abort", outside);
      if (running === mine) running = null;
    }
  }
}
