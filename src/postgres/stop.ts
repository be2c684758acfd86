/**
 * A shutdown in order: PostgreSQL ends its sessions, waits until standbys have the shutdown
 * checkpoint, and leaves a data directory that needs no recovery.
 *
 * @module
 */
import type { ActionOutcome } from "./options.ts";
import { openSession } from "./connection.ts";
import { wasShutDown } from "./controldata.ts";
import { failed, finished } from "./outcome.ts";
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
    await checkpointFirst(place, stopTimeoutMs);
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

/** Writes out what there is before sessions are ended, so that the shutdown itself is short. */
async function checkpointFirst(place: Place, timeoutMs: number): Promise<void> {
  const opened = await openSession(localTarget(place), place.options.timeoutMs);
  if (!opened.ok) return;
  await opened.session.query("checkpoint", timeoutMs);
  opened.session.close();
}
