/**
 * A shutdown in order: PostgreSQL ends its sessions, waits until standbys have the shutdown
 * checkpoint, and leaves a data directory that needs no recovery.
 *
 * @module
 */
import { join } from "node:path";
import type { ActionOutcome } from "./options.ts";
import { openSession } from "./connection.ts";
import { wasShutDown } from "./controldata.ts";
import { readDiskSpace } from "./disk.ts";
import { type Failed, failed, finished } from "./outcome.ts";
import { localTarget, type Place, readControl } from "./place.ts";
import { findPostmaster } from "./postmaster.ts";
import { isAlive, sendSignal } from "./process.ts";
import { until } from "./wait.ts";

/** Stops the server; the result is its last checkpoint. One that is down in order is fine. */
export async function stopServer(place: Place, signal?: AbortSignal): Promise<ActionOutcome> {
  const { stopTimeoutMs = 20_000 } = place.options;
  const deadlineMs = performance.now() + stopTimeoutMs;
  const postmaster = await findPostmaster(place.dataDir);
  if (postmaster !== null) {
    const obstacle = await noRoom(place);
    if (obstacle !== null) return obstacle;
    await settle(place, stopTimeoutMs, signal);
    if (!sendSignal(postmaster.pid, "SIGINT") && await isAlive(postmaster)) {
      return failed(`Cannot stop PostgreSQL: no right to signal process ${postmaster.pid}`);
    }
    const waited = await until(async () => await isAlive(postmaster) ? null : true, {
      timeoutMs: deadlineMs - performance.now(),
      signal,
    });
    if (waited.end !== "value") {
      return failed(`PostgreSQL has not shut down within ${stopTimeoutMs}ms`);
    }
  }
  const control = await readControl(place);
  if (control === null) return failed(`Cannot read the control file in ${place.dataDir}`);
  if (!wasShutDown(control)) {
    return failed(
      `PostgreSQL in ${place.dataDir} is down, but not in order: "${control.clusterState}"`,
    );
  }
  const checkpoint = { timeline: control.checkpointTimeline, lsn: control.checkpointLsn };
  return finished({ type: "stopped", checkpoint });
}

/**
 * Why the last checkpoint could not be written; null where it can. A shutdown that fails half-way
 * leaves a server that does not come up again, so it is not begun.
 */
async function noRoom({ dataDir, options }: Place): Promise<Failed | null> {
  const { shutdownFloorMiB = 16 } = options;
  for (const folder of [dataDir, join(dataDir, "pg_wal")]) {
    const space = await readDiskSpace(folder);
    const freeMiB = Math.floor((space?.freeBytes ?? Infinity) / 1024 ** 2);
    if (freeMiB >= shutdownFloorMiB) continue;
    return failed(
      `Cannot shut PostgreSQL down in order: ${folder} has ${freeMiB} MiB left, and its last ` +
        `checkpoint may need ${shutdownFloorMiB} MiB. Free some; once nothing can be written at ` +
        "all, a standby with room takes over by itself",
      "unsupported",
    );
  }
  return null;
}

/** What runs may come to its end, since nothing new begins; a client that never ends does not hold the rest. */
const LAST_STATEMENTS_MS = 500;
const WORKING = "select count(*) as working from pg_stat_activity " +
  "where backend_type = 'client backend' and state <> 'idle' and pid <> pg_backend_pid()";

/** Before sessions are ended: writes out what is left, so that the shutdown itself is short, and lets statements end. */
async function settle(place: Place, timeoutMs: number, signal?: AbortSignal): Promise<void> {
  const opened = await openSession(localTarget(place), place.options.timeoutMs);
  if (!opened.ok) return;
  const { session } = opened;
  await session.query("checkpoint", timeoutMs);
  await until(async () => {
    const told = await session.query(WORKING, LAST_STATEMENTS_MS);
    return told.ok && told.rows[0]?.working !== "0" ? null : true;
  }, { timeoutMs: LAST_STATEMENTS_MS, signal });
  session.close();
}
