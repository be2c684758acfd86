/**
 * From operating system signals to an `AbortSignal`.
 *
 * A command that runs until it is told to stop holds one of these. The first SIGINT, SIGTERM or
 * SIGHUP aborts it; later ones are swallowed, so that an impatient second Ctrl-C cannot cut an
 * orderly stop short. SIGKILL still does.
 *
 * @module
 */

/** See the module. */
export interface Interrupt {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
  /** Gives the operating system's signals their default meaning back. */
  readonly dispose: () => void;
}

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Starts to listen.
 *
 * @param options.hangup false: SIGHUP means something else here, and is left alone
 */
export function listenForInterrupt(options: { readonly hangup?: boolean } = {}): Interrupt {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const signals = SIGNALS.filter((name) => name !== "SIGHUP" || options.hangup !== false);
  for (const name of signals) Deno.addSignalListener(name, abort);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const name of signals) Deno.removeSignalListener(name, abort);
    },
  };
}

/** Calls back at every SIGHUP. @returns a function that ends it */
export function onHangup(callback: () => void): () => void {
  if (Deno.build.os === "windows") return () => {};
  Deno.addSignalListener("SIGHUP", callback);
  return () => Deno.removeSignalListener("SIGHUP", callback);
}

/**
 * Waits, at most until the signal aborts.
 *
 * @returns true where the whole time passed, false where the signal cut it short
 */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const cut = () => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", cut);
      resolve(true);
    }, ms);
    signal.addEventListener("abort", cut, { once: true });
  });
}
