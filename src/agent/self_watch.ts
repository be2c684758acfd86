/**
 * What the agent knows of its own host without asking the core: the disks, and the condition of
 * PostgreSQL; and what it does about that by itself.
 *
 * @module
 */
import { join } from "node:path";
import type { Log } from "../core/log.ts";
import type { State } from "../core/state.ts";
import type { LocalServer } from "../postgres/server.ts";
import { listTablespaces } from "../postgres/tablespaces.ts";
import type { ServerDriver } from "./actions.ts";
import { monotonicMs } from "./clock.ts";
import { type ConditionWatch, watchCondition } from "./condition_watch.ts";
import { createEnder } from "./ending.ts";
import { type DiskWatch, watchDisks, type WatchedFolder } from "./disks.ts";

/** See the module. */
export interface SelfWatch {
  readonly disks: DiskWatch;
  readonly condition: Pick<ConditionWatch, "current">;
  /** To be called after every change of the core's state. */
  changed(): void;
  stop(): void;
}

/** Begins to watch. */
export function watchSelf(options: {
  readonly stateDir: string;
  readonly server: Pick<LocalServer, "dataDir" | "finding" | "setback"> | null;
  readonly state: () => State;
  /** Null until the local server is driven. */
  readonly driver: () => Pick<ServerDriver, "running" | "ended" | "end"> | null;
  /** Why the agent's own state cannot be written; null while it can. */
  readonly memory: () => string | null;
  /** True while PostgreSQL is left alone for maintenance. */
  readonly paused: () => boolean;
  readonly log: Log;
}): SelfWatch {
  const { stateDir, server, state, driver, memory, paused, log } = options;
  const dataDir = server?.dataDir ?? null;
  const condition = watchCondition(log);
  const disks = watchDisks([
    { use: "state", path: stateDir },
    ...(dataDir === null ? [] : [
      { use: "data" as const, path: dataDir },
      { use: "wal" as const, path: join(dataDir, "pg_wal") },
    ]),
  ], { log, changed, more: () => tablespaces(dataDir) });

  const ender = createEnder(
    () => driver()?.end() ?? Promise.resolve({ ok: true }),
    log,
  );

  function changed(): void {
    const nowMs = monotonicMs();
    condition.look({
      state: state(),
      finding: server?.finding() ?? null,
      running: driver()?.running() ?? null,
      ended: driver()?.ended() ?? "not",
      disks,
      setback: server?.setback() ?? null,
      memory: memory(),
    }, nowMs);
    const current = condition.current(nowMs);
    // Without a data directory in reach nobody can end the server's processes.
    if (dataDir === null || current === null || paused()) return;
    // Somebody has the server in hand.
    if (driver()?.running() === null) ender.look(state(), current);
  }

  return { disks, condition, changed, stop: disks.stop };
}

async function tablespaces(dataDir: string | null): Promise<readonly WatchedFolder[]> {
  if (dataDir === null) return [];
  return (await listTablespaces(dataDir)).map(({ path, holdsTables }) => ({
    use: holdsTables ? "tablespace" : "temporary",
    path,
  }));
}
