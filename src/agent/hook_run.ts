/**
 * Runs one command of the operator's, within a time limit, and keeps what it prints.
 *
 * It gets no shell, no input, and no environment but `PATH` and what the event says: the agent's own
 * environment may hold secrets. Whatever it leaves running in the background is not waited for.
 *
 * @module
 */

/** How a command ended. */
export interface HookEnd {
  /** It ended by itself, in time, with 0. */
  readonly ok: boolean;
  /** Empty where it is ok. */
  readonly because: string;
  /** What it printed, both streams together, cut to {@linkcode MAXIMUM_OUTPUT}. */
  readonly output: string;
  readonly elapsedMs: number;
}

/** Characters of output that are kept. */
export const MAXIMUM_OUTPUT = 2000;

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 500;

/** How long its output is read after its end, where something else holds the pipe open. */
const DRAIN_MS = 100;

const FALLBACK_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs `words`. Never throws. */
export async function runHook(
  words: readonly string[],
  { environment, timeoutMs }: {
    readonly environment: Readonly<Record<string, string>>;
    readonly timeoutMs: number;
  },
): Promise<HookEnd> {
  const startedAtMs = performance.now();
  const done = (because: string, output: string): HookEnd => ({
    ok: because === "",
    because,
    output,
    elapsedMs: Math.round(performance.now() - startedAtMs),
  });
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(words[0] ?? "", {
      args: words.slice(1),
      cwd: "/",
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? FALLBACK_PATH, ...environment },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    return done(`it cannot be started: ${error instanceof Error ? error.message : error}`, "");
  }
  const output = collect([child.stdout, child.stderr]);
  const timers = [
    setTimeout(() => kill(child, "SIGTERM"), timeoutMs),
    setTimeout(() => kill(child, "SIGKILL"), timeoutMs + GRACE_MS),
  ];
  const status = await child.status;
  for (const timer of timers) clearTimeout(timer);
  const text = await output.end();
  if (performance.now() - startedAtMs >= timeoutMs && !status.success) {
    return done(`it did not end within ${timeoutMs} ms`, text);
  }
  if (status.success) return done("", text);
  return done(
    status.signal === null ? `it ended with ${status.code}` : `it was ended by ${status.signal}`,
    text,
  );
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended.
  }
}

function collect(streams: readonly ReadableStream<Uint8Array>[]) {
  let text = "";
  const readers = streams.map((stream) => stream.getReader());
  const reading = Promise.all(readers.map(async (reader) => {
    const decoder = new TextDecoder();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      if (text.length < MAXIMUM_OUTPUT) text += decoder.decode(value, { stream: true });
    }
  })).catch(() => {});
  return {
    async end(): Promise<string> {
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, DRAIN_MS);
      await Promise.race([reading, late.promise]);
      clearTimeout(timer);
      await Promise.all(readers.map((reader) => reader.cancel().catch(() => {})));
      await reading;
      return text.slice(0, MAXIMUM_OUTPUT).trim();
    },
  };
}
