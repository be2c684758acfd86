/**
 * Running PostgreSQL's own programs: as the server's user, in the C locale, with no environment
 * but what they need, and never longer than the action that wants them.
 *
 * @module
 */
import type { Owner } from "./files.ts";
import { killTree } from "./process.ts";

/** What to run. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly owner: Owner | null;
  readonly signal?: AbortSignal | undefined;
  /** Called with each piece of standard error as it comes. */
  readonly onStderr?: (text: string) => void;
}

/** How it ended. `code` is null where it could not be started or was aborted. */
export interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const KEPT_STDERR = 64 * 1024;

/** Runs a program to its end. Never throws: what went wrong is in `stderr`. */
export async function runCommand(command: Command): Promise<CommandEnd> {
  const { program, args, owner, signal } = command;
  if (signal?.aborted) return { code: null, stdout: "", stderr: "aborted" };
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args: [...args],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin", LC_ALL: "C" },
      cwd: "/",
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      ...(owner === null ? {} : { uid: owner.uid, gid: owner.gid }),
    }).spawn();
  } catch (error) {
    return { code: null, stdout: "", stderr: error instanceof Error ? error.message : `${error}` };
  }
  const stop = () => void killTree(child.pid);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const [status, stdout, stderr] = await Promise.all([
      child.status,
      collect(child.stdout, () => {}),
      collect(child.stderr, command.onStderr ?? (() => {})),
    ]);
    const code = signal?.aborted ? null : status.code;
    return { code, stdout, stderr: signal?.aborted ? `aborted\n${stderr}` : stderr };
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  each: (text: string) => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    const piece = decoder.decode(chunk, { stream: true });
    each(piece);
    text = (text + piece).slice(-KEPT_STDERR);
  }
  return text;
}

/** The last lines of a program's complaint, in one line, for a message. */
export function lastLines(text: string, count = 3): string {
  return text.split(/[\r\n]+/).map((line) => line.trim()).filter((line) => line !== "")
    .slice(-count).join(" | ");
}
