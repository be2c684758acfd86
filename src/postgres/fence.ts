/**
 * Making the server unable to acknowledge anything: immediate shutdown, then SIGKILL, and no
 * success until every one of its processes is gone. A postmaster's death is not enough, since a
 * backend that outlives it can still acknowledge a commit.
 *
 * @module
 */
import type { PostgresOptions } from "./options.ts";
import { type Failed, failed } from "./outcome.ts";
import { findPostmaster, serverProcesses } from "./postmaster.ts";
import { isAlive, lookAtProcess, type ProcessId, type ProcessLook, sendSignal } from "./process.ts";
import { until } from "./wait.ts";

/** What a fence needs to know. */
export interface Fenced {
  readonly dataDir: string;
  readonly options: Pick<PostgresOptions, "fenceGraceMs" | "fenceTimeoutMs">;
}

/** Ends the server. A frozen postmaster cannot obey, so it is killed at once. */
export async function fenceServer(
  place: Fenced,
  known: ProcessId | null,
): Promise<{ readonly ok: true } | Failed> {
  const { fenceGraceMs = 1_000, fenceTimeoutMs = 10_000 } = place.options;
  const postmaster = await findPostmaster(place.dataDir);
  const root = postmaster ?? known;
  const first = await serverProcesses(place.dataDir, root);
  if (postmaster !== null && !postmaster.frozen) {
    sendSignal(postmaster.pid, "SIGQUIT");
    await allGone(withRoot(first, postmaster), fenceGraceMs);
  }
  const deadlineMs = performance.now() + fenceTimeoutMs;
  while (true) {
    const left = await survivors(place, root);
    if (left.length === 0) return { ok: true };
    if (performance.now() >= deadlineMs) return cannotEnd(left);
    // The postmaster first, or it would start new processes in place of the ended ones.
    for (const { pid } of left.sort((a, b) => rank(a, root) - rank(b, root))) {
      sendSignal(pid, "SIGKILL");
    }
    await allGone(left, 200);
  }
}

function rank({ pid }: ProcessId, root: ProcessId | null): number {
  return pid === root?.pid ? 0 : 1;
}

async function survivors(place: Fenced, root: ProcessId | null): Promise<ProcessLook[]> {
  const found = await serverProcesses(place.dataDir, root);
  // The pid file may be gone, with the data directory or before it; the process is still known.
  const postmaster = await findPostmaster(place.dataDir) ?? await stillThere(root);
  return postmaster === null ? found : withRoot(found, postmaster);
}

async function stillThere(root: ProcessId | null): Promise<ProcessLook | null> {
  const look = root === null ? null : await lookAtProcess(root.pid);
  return look?.startedAt === root?.startedAt ? look : null;
}

function withRoot(processes: readonly ProcessLook[], root: ProcessLook): ProcessLook[] {
  return processes.some(({ pid }) => pid === root.pid) ? [...processes] : [root, ...processes];
}

async function allGone(processes: readonly ProcessId[], timeoutMs: number): Promise<void> {
  let left = [...processes];
  await until(async () => {
    const alive = await Promise.all(left.map(isAlive));
    left = left.filter((_, index) => alive[index]);
    return left.length === 0 ? true : null;
  }, { timeoutMs });
}

function cannotEnd(left: readonly ProcessLook[]): Failed {
  const pids = left.map(({ pid }) => pid).join(", ");
  return failed(
    `Cannot end PostgreSQL: SIGKILL has not ended process ${pids}. It waits for a device that does not answer, or the agent has no right to end it; cut the host off`,
  );
}
