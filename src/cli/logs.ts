/**
 * `metako logs`: an agent's log for people, from a file or standard input.
 *
 * Lines that are no JSON objects, as a supervisor may add, are printed as they are.
 *
 * @module
 */
import { printable } from "../agent/mod.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { listenForInterrupt, pause } from "./interrupt.ts";
import { type Terminal, type Tint, tinted } from "./terminal.ts";

/** What the command line said. */
export interface LogsOptions {
  /** A file; null: standard input. */
  readonly file: string | null;
  /** Go on when the file grows, until SIGINT. */
  readonly follow: boolean;
  /** Quieter lines are left out. */
  readonly level: LogWord;
}

/** The levels, the quietest first. */
export const LOG_WORDS = ["debug", "info", "warning", "error"] as const;

/** One of {@linkcode LOG_WORDS}. */
export type LogWord = typeof LOG_WORDS[number];

const FOLLOW_INTERVAL_MS = 250;

const TINTS: Readonly<Record<LogWord, Tint | null>> = {
  debug: "quiet",
  info: null,
  warning: "doubtful",
  error: "bad",
};

/** Prints the log. */
export async function logsCommand(options: LogsOptions, terminal: Terminal): Promise<ExitCode> {
  const print = (line: string) => {
    const text = renderLogLine(line, options.level, terminal);
    if (text !== null) terminal.print(text);
  };
  if (options.file === null) {
    await readLines(Deno.stdin.readable, print);
    return EXIT.ok;
  }
  const interrupt = listenForInterrupt();
  try {
    await followFile(options.file, options.follow ? interrupt.signal : AbortSignal.abort(), print);
    return EXIT.ok;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    terminal.complain(
      `Cannot read the log ${options.file}: ${reason}. Name a file that an agent's standard output` +
        " goes to, or pipe it: journalctl -u metako -o cat | metako logs",
    );
    return EXIT.failed;
  } finally {
    interrupt.dispose();
  }
}

/**
 * One line for people: time, level, node, event, outcome, then the reason and the other fields.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const line = '{"time":"2026-01-01T10:00:00.123Z","level":"INFO","event":"vote","node":"node1",' +
 *   '"outcome":"granted","because":"handover","peer":"node2"}';
 * assert.equal(
 *   renderLogLine(line, "info", { colour: false }),
 *   "2026-01-01 10:00:00.123 info    node1 vote granted: handover (peer node2)",
 * );
 * ```
 *
 * @returns null where the line is quieter than `level`
 */
export function renderLogLine(
  line: string,
  level: LogWord,
  look: { readonly colour: boolean },
): string | null {
  const fields = parse(line);
  if (fields === null) return printable(line);
  const { time, level: said, event, node, outcome, because, ...rest } = fields;
  const word = LOG_WORDS.find((each) => each === String(said).toLowerCase()) ?? "info";
  if (LOG_WORDS.indexOf(word) < LOG_WORDS.indexOf(level)) return null;
  const when = printable(String(time ?? "")).replace("T", " ").replace(/Z$/, "");
  const what = printable([event, outcome].filter((part) => part !== undefined).join(" "));
  const why = printable(String(because ?? ""));
  const more = Object.entries(rest).filter(([, value]) => value !== "" && value !== null)
    .map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
  return [
    tinted(when, "quiet", look),
    tinted(word.padEnd(7), TINTS[word], look),
    printable(String(node ?? "-")),
    tinted(what, "strong", look) + (why === "" ? "" : `: ${why}`) +
    (more === "" ? "" : tinted(` (${printable(more)})`, "quiet", look)),
  ].join(" ");
}

function parse(line: string): Record<string, unknown> | null {
  if (!line.startsWith("{")) return null;
  try {
    const value = JSON.parse(line);
    return typeof value === "object" && value !== null && "event" in value ? value : null;
  } catch {
    return null;
  }
}

/** Reads a file to its end, and then what is added, until `signal`; a file that shrank begins anew. */
export async function followFile(
  path: string,
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<void> {
  let position = 0;
  let inode: number | null = null;
  let lines = lineSplitter(onLine);
  do {
    using file = await Deno.open(path, { read: true });
    const { size, ino } = await file.stat();
    if (size < position || inode !== null && ino !== inode) {
      position = 0;
      lines = lineSplitter(onLine);
    }
    inode = ino;
    await file.seek(position, Deno.SeekMode.Start);
    const buffer = new Uint8Array(64 * 1024);
    for (let read = await file.read(buffer); read !== null; read = await file.read(buffer)) {
      position += read;
      lines.push(buffer.subarray(0, read));
    }
  } while (!signal.aborted && await pause(FOLLOW_INTERVAL_MS, signal));
  lines.end();
}

async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const lines = lineSplitter(onLine);
  for await (const chunk of stream) lines.push(chunk);
  lines.end();
}

function lineSplitter(onLine: (line: string) => void) {
  const decoder = new TextDecoder();
  let rest = "";
  return {
    push(chunk: Uint8Array) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      parts.forEach(onLine);
    },
    end() {
      if (rest !== "") onLine(rest);
      rest = "";
    },
  };
}
