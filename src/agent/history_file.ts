/**
 * The history file: one line of JSON per change, each on disk before it is told.
 *
 * It is for people. A line that cannot be read is skipped, and a disk that takes no more lines
 * stops nothing: the newest are then known until the agent ends.
 *
 * @module
 */
import { type HistoryEntry, historyEntrySchema } from "../coordination/history.ts";
import type { Log } from "../core/log.ts";

/** Entries that are kept. */
export const KEPT_ENTRIES = 1000;

/** The history of one node. */
export interface HistoryFile {
  /** The newest entries, the oldest of them first. */
  readonly entries: () => readonly HistoryEntry[];
  /** Adds an entry; resolves when it is on disk, or could not be written and the log says why. */
  readonly add: (entry: HistoryEntry) => Promise<void>;
}

/** Opens `history.jsonl` in `stateDir`. Never throws. */
export async function openHistoryFile(
  options: { readonly stateDir: string; readonly log: Log; readonly kept?: number },
): Promise<HistoryFile> {
  const { stateDir, log, kept = KEPT_ENTRIES } = options;
  const path = `${stateDir}/history.jsonl`;
  const read = await readLines(path);
  if (read.because !== null) {
    log("warning", "history_file", { outcome: "failed", because: read.because });
  }
  let entries = read.lines.flatMap(decode).slice(-kept);
  let linesOnDisk = read.lines.length;
  /** The last line on disk may be cut short: the next one must not become a part of it. */
  let torn = read.torn;
  let writing: Promise<void> = Promise.resolve();

  async function write(all: readonly HistoryEntry[]): Promise<void> {
    try {
      const whole = torn || linesOnDisk >= 2 * kept;
      torn = true;
      if (whole) await replace(path, all);
      else await append(path, all.at(-1)!);
      torn = false;
      linesOnDisk = whole ? all.length : linesOnDisk + 1;
    } catch (error) {
      const because = `Cannot write ${path}: ${reason(error)}. Free or repair the disk.`;
      log("warning", "history_file", { outcome: "failed", because });
    }
  }
  return {
    entries: () => entries,
    add(entry) {
      const all = [...entries, entry].slice(-kept);
      entries = all;
      return writing = writing.then(() => write(all));
    },
  };
}

async function readLines(
  path: string,
): Promise<{ lines: string[]; torn: boolean; because: string | null }> {
  try {
    const text = await Deno.readTextFile(path);
    const lines = text.split("\n").filter((line) => line !== "");
    return { lines, torn: text !== "" && !text.endsWith("\n"), because: null };
  } catch (error) {
    const because = error instanceof Deno.errors.NotFound
      ? null
      : `Cannot read ${path}: ${reason(error)}. Earlier changes are missing in the history.`;
    return { lines: [], torn: false, because };
  }
}

function decode(line: string): HistoryEntry[] {
  try {
    const parsed = historyEntrySchema.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}

async function append(path: string, entry: HistoryEntry): Promise<void> {
  using file = await Deno.open(path, { append: true, create: true, mode: 0o600 });
  await writeSynced(file, `${JSON.stringify(entry)}\n`);
}

async function replace(path: string, entries: readonly HistoryEntry[]): Promise<void> {
  const temporary = `${path}.new`;
  {
    using file = await Deno.open(temporary, {
      write: true,
      create: true,
      truncate: true,
      mode: 0o600,
    });
    await writeSynced(file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  }
  await Deno.rename(temporary, path);
}

async function writeSynced(file: Deno.FsFile, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
  await file.sync();
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
