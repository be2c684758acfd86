/**
 * Starts the victim, and asks it how it is.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import type { VictimHealth, VictimPorts } from "./victim.ts";

/** A running victim. */
export interface Victim {
  readonly ports: VictimPorts;
  /** How it is, after its garbage was collected. @throws {Error} where it has died or hangs */
  readonly health: () => Promise<VictimHealth>;
  /** Ends it. @returns its exit code and the end of what it wrote on standard error */
  readonly stop: () => Promise<{ readonly code: number; readonly stderr: string }>;
}

/** Far longer than any answer takes on a busy machine. */
const HANGS_AFTER_MS = 60_000;

/** Starts one. @throws {Error} where it does not come up */
export async function startVictim(): Promise<Victim> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--v8-flags=--expose-gc",
      new URL("victim.ts", import.meta.url).pathname,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
    .getReader();
  const input = child.stdin.getWriter();

  async function nextLine<T>(): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const hangs = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("the victim hangs")), HANGS_AFTER_MS);
    });
    try {
      const { value, done } = await Promise.race([lines.read(), hangs]);
      if (done) throw new Error(`the victim has died: ${(await stderr).slice(-2000)}`);
      return JSON.parse(value) as T;
    } finally {
      clearTimeout(timer);
    }
  }
  return {
    ports: await nextLine<VictimPorts>(),
    async health() {
      await input.write(new TextEncoder().encode("\n"));
      return await nextLine<VictimHealth>();
    },
    async stop() {
      await input.close().catch(() => {});
      const timer = setTimeout(() => child.kill("SIGKILL"), HANGS_AFTER_MS);
      const { code } = await child.status;
      clearTimeout(timer);
      await lines.cancel();
      return { code, stderr: (await stderr).slice(-2000) };
    },
  };
}
