/**
 * Waiting for something outside to become true: short pauses, a deadline, an abort.
 *
 * @module
 */

/** How a wait ended. */
export type Waited<T> =
  | { readonly end: "value"; readonly value: T }
  | { readonly end: "timeout" }
  | { readonly end: "aborted" };

/** How long to wait, how often to look, and what ends it early. */
export interface Patience {
  readonly timeoutMs: number;
  readonly everyMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks again and again until `look` gives something other than null.
 *
 * The first look is immediate, and one more is taken when the time is over, so that a slow look
 * never hides what had already happened. Default pause between looks: 10 ms.
 */
export async function until<T>(
  look: () => Promise<T | null>,
  { timeoutMs, everyMs = 10, signal }: Patience,
): Promise<Waited<T>> {
  const deadlineMs = performance.now() + timeoutMs;
  while (true) {
    if (signal?.aborted) return { end: "aborted" };
    const last = performance.now() >= deadlineMs;
    const value = await look();
    if (value !== null) return { end: "value", value };
    if (last) return { end: "timeout" };
    await pause(everyMs, signal);
  }
}

/** Waits `ms` milliseconds, or less where the signal aborts. Never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}
