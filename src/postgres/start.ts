/**
 * Starting the postmaster so that it outlives the agent, and waiting until it accepts connections.
 *
 * `pg_ctl start` puts the server into a session of its own with its output in a file, so nothing
 * ties it to the agent: an agent's restart never restarts PostgreSQL.
 *
 * @module
 */
import { join } from "node:path";
import { lastLines } from "./command.ts";
import { openSession, type Session } from "./connection.ts";
import { exists, removeDurably, writeDurably } from "./files.ts";
import { type Failed, failed, messageOf } from "./outcome.ts";
import { localTarget, logPath, type Place, runProgram, serverFile } from "./place.ts";
import { findPostmaster, serverProcesses } from "./postmaster.ts";
import { until } from "./wait.ts";

const LOG_LIMIT_BYTES = 32 * 1024 * 1024;
const APPEARS_MS = 5_000;
const ATTEMPT_MS = 2_000;

/**
 * Starts the server in the role that the signal file says, and opens a session on it. After starts
 * in vain it waits first (tries.ts).
 */
export async function startServer(
  place: Place,
  role: "primary" | "standby",
  signal?: AbortSignal,
): Promise<{ readonly ok: true; readonly session: Session } | Failed> {
  const { starts } = place;
  await starts.before(signal);
  if (signal?.aborted) return failed("The start of PostgreSQL was aborted before it began");
  const outcome = await tryToStart(place, role, signal);
  if (outcome.ok) starts.succeeded();
  else if (!signal?.aborted) starts.failed(outcome.because);
  return outcome;
}

async function tryToStart(
  place: Place,
  role: "primary" | "standby",
  signal: AbortSignal | undefined,
): Promise<{ readonly ok: true; readonly session: Session } | Failed> {
  try {
    const clear = await clearPidFile(place);
    if (clear !== null) return clear;
    await setSignalFile(place, role);
    await rotateLog(place);
  } catch (error) {
    return failed(`Cannot start PostgreSQL in ${place.dataDir}: ${messageOf(error)}`);
  }
  const before = await logSize(place);
  const started = await runProgram(place, "pg_ctl", [
    "start",
    "-W",
    "-s",
    "-D",
    place.dataDir,
    "-l",
    logPath(place),
  ], { signal });
  if (started.code !== 0) {
    return failed(
      `Cannot start PostgreSQL in ${place.dataDir}: ${lastLines(started.stderr || started.stdout)}`,
    );
  }
  return await acceptsConnections(place, before, signal);
}

/** Opens a session on a server that is starting; fails at once where its process ends instead. */
export async function acceptsConnections(
  place: Place,
  logOffset: number,
  signal?: AbortSignal,
): Promise<{ readonly ok: true; readonly session: Session } | Failed> {
  const { startTimeoutMs = 60_000 } = place.options;
  const beganMs = performance.now();
  let seen = false;
  const waited = await until<{ ok: true; session: Session } | Failed>(async () => {
    const alive = await findPostmaster(place.dataDir) !== null;
    seen ||= alive;
    const overdue = performance.now() - beganMs > APPEARS_MS;
    if (!alive && (seen || overdue || await logSays(place, logOffset, "FATAL"))) {
      return await diedAtStart(place, logOffset);
    }
    if (!alive) return null;
    const opened = await openSession(localTarget(place), ATTEMPT_MS);
    if (opened.ok) return opened;
    const hopeless = opened.code === "28P01" || opened.code === "28000" || opened.code === "3D000";
    return hopeless ? failed(opened.because) : null;
  }, { timeoutMs: startTimeoutMs, everyMs: 15, signal });
  switch (waited.end) {
    case "value":
      return waited.value;
    case "aborted":
      return failed("The start of PostgreSQL was aborted; a server may be coming up");
    case "timeout":
      return failed(
        `PostgreSQL in ${place.dataDir} accepts no connections after ${startTimeoutMs}ms; it goes on starting. See ${
          logPath(place)
        }`,
      );
  }
}

/** Makes the data directory start in that role: as a standby exactly where standby.signal is. */
export async function setSignalFile(place: Place, role: "primary" | "standby"): Promise<void> {
  const path = join(place.dataDir, "standby.signal");
  const there = await exists(path);
  if (role === "standby" && !there) await writeDurably(path, "", serverFile(place));
  if (role === "primary" && there) await removeDurably(path);
}

/**
 * Removes the pid file, and the socket's lock, of a postmaster that has ended. PostgreSQL itself does not start while a process
 * of that number exists, be it a zombie that nobody counts (containers often have no init) or a
 * stranger. What it protects against is looked for here: a process that outlived its postmaster.
 */
async function clearPidFile(place: Place): Promise<Failed | null> {
  const path = join(place.dataDir, "postmaster.pid");
  if (!(await exists(path)) || await findPostmaster(place.dataDir) !== null) return null;
  const left = await serverProcesses(place.dataDir, null);
  if (left.length > 0) {
    const pids = left.map(({ pid }) => pid).join(", ");
    return failed(
      `Cannot start PostgreSQL in ${place.dataDir}: process ${pids} of the server before still runs. It has to be fenced first`,
    );
  }
  await removeDurably(path);
  await removeDurably(join(place.privateDir, `.s.PGSQL.${place.options.port}.lock`));
  return null;
}

async function diedAtStart(place: Place, logOffset: number): Promise<Failed> {
  const tail = await logSince(place, logOffset);
  const telling = tail.split("\n").filter((line) => /FATAL|ERROR|PANIC|HINT|could not/.test(line));
  const remedy = /Address already in use/.test(tail)
    ? `. Another program listens on port ${place.options.port}: end it, or change local_db.port`
    : `. See ${logPath(place)}`;
  return failed(
    `Cannot start PostgreSQL in ${place.dataDir}: ${
      lastLines(telling.join("\n") || tail)
    }${remedy}`,
  );
}

async function logSays(place: Place, offset: number, word: string): Promise<boolean> {
  return (await logSince(place, offset)).includes(word);
}

async function logSince(place: Place, offset: number): Promise<string> {
  try {
    const bytes = await Deno.readFile(logPath(place));
    return new TextDecoder().decode(bytes.subarray(Math.max(offset, bytes.length - 16_384)));
  } catch {
    return "";
  }
}

async function logSize(place: Place): Promise<number> {
  return (await Deno.stat(logPath(place)).catch(() => null))?.size ?? 0;
}

async function rotateLog(place: Place): Promise<void> {
  if (await logSize(place) > LOG_LIMIT_BYTES) {
    await Deno.rename(logPath(place), `${logPath(place)}.1`);
  }
}
