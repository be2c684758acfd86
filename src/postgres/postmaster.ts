/**
 * The postmaster of a data directory, and everything it left running.
 *
 * `postmaster.pid` names it, and may be stale or name a number that something else has taken
 * since. Every server process works inside its data directory, which settles whose it is where
 * /proc can be read; elsewhere the start times have to agree.
 *
 * @module
 */
import { join } from "node:path";
import { readIfThere } from "./files.ts";
import { replayedSegment } from "./look.ts";
import {
  commandLine,
  lookAtProcess,
  postgresProcesses,
  type ProcessId,
  type ProcessLook,
  workingDirectory,
} from "./process.ts";

/** A running postmaster; `phase` is the last line of its pid file ("ready", "starting", …). */
export interface Postmaster extends ProcessLook {
  readonly phase: string;
}

/** How far the pid file's start time may be from the process table's, in seconds. */
const START_SLACK_S = 5;

/** The live postmaster of the directory, or null. */
export async function findPostmaster(dataDir: string): Promise<Postmaster | null> {
  const text = await readIfThere(join(dataDir, "postmaster.pid")).catch(() => null);
  if (text === null) return null;
  const lines = text.split("\n");
  const pid = Math.abs(Number.parseInt(lines[0] ?? "", 10));
  if (!(pid > 1)) return null;
  const look = await lookAtProcess(pid);
  if (look === null || !(await belongs(look, dataDir, Number(lines[2])))) return null;
  return { ...look, phase: (lines[7] ?? "").trim() };
}

/** The first of the Unix sockets that its pid file names, running or not; null where it names none. */
export async function socketPath(dataDir: string): Promise<string | null> {
  const text = await readIfThere(join(dataDir, "postmaster.pid")).catch(() => null);
  const [port, folder] = (text ?? "").split("\n").slice(3);
  return folder?.startsWith("/") ? `${folder}/.s.PGSQL.${port}` : null;
}

/**
 * All processes of the directory's server, the postmaster included, also those that outlived it.
 *
 * @param postmaster the last one known, where its pid file is gone
 */
export async function serverProcesses(
  dataDir: string,
  postmaster: ProcessId | null,
): Promise<ProcessLook[]> {
  const folder = await Deno.realPath(dataDir).catch(() => dataDir);
  const mine: ProcessLook[] = [];
  for (const look of await postgresProcesses()) {
    const place = await workingDirectory(look.pid);
    const inside = place === null
      ? postmaster !== null &&
        [look.pid, look.parent, look.session].includes(postmaster.pid)
      : place === folder || place === `${folder} (deleted)`;
    if (inside) mine.push(look);
  }
  return mine;
}

/** The WAL segment that the server's startup process replays; null where there is no telling. */
export async function replaying({ pid }: ProcessId): Promise<string | null> {
  const children = (await postgresProcesses()).filter(({ parent }) => parent === pid);
  const titles = await Promise.all(children.map(({ pid }) => commandLine(pid)));
  return titles.map((words) => replayedSegment(words.join(" "))).find((name) => name !== null) ??
    null;
}

async function belongs(look: ProcessLook, dataDir: string, startedAtS: number): Promise<boolean> {
  const place = await workingDirectory(look.pid);
  if (place !== null) return place === await Deno.realPath(dataDir).catch(() => dataDir);
  const seenAtS = Date.parse(look.startedAt) / 1000;
  if (!Number.isFinite(seenAtS)) return look.name.startsWith("postgres");
  return Math.abs(seenAtS - startedAtS) <= START_SLACK_S;
}
