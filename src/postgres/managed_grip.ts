/**
 * The hold through the data directory and the process.
 *
 * @module
 */
import { join } from "node:path";
import { formatLsn } from "../core/lsn.ts";
import type { Position } from "../core/record.ts";
import { changeSettings, prepareFiles } from "./change.ts";
import { openSession } from "./connection.ts";
import { readDiskSpace } from "./disk.ts";
import { readIfThere, writeDurably } from "./files.ts";
import type { Grip, Opened } from "./grip.ts";
import { historyFileName } from "./history.ts";
import { adopt, readContents } from "./identity.ts";
import { done, failed, type Step } from "./outcome.ts";
import { localTarget, type Place, serverFile } from "./place.ts";
import { findPostmaster } from "./postmaster.ts";
import { lookAtProcess, sendSignal } from "./process.ts";
import { readRole } from "./settings.ts";
import { foreignMessage } from "./standby.ts";
import { startServer } from "./start.ts";

const MIB = 1024 ** 2;

/** Holds the server of a place. */
export function managedGrip(place: Place): Grip {
  const { options, dataDir } = place;
  return {
    options,
    target: localTarget(place),
    change: (settings, incarnation, limits) => changeSettings(place, settings, incarnation, limits),
    role: () => readRole(dataDir),
    adopt: (systemIdentifier) => adopt(place, systemIdentifier),
    walFile: async (_, name) => await readIfThere(join(dataDir, "pg_wal", name)) ?? "",
    skipTimelines: (end, beyond) => skipTimelines(place, end, beyond),
    endReceiver: (pid) => endReceiver(place, pid),
    enoughSpace: () => enoughSpace(place),
    standby: (expectedSystem, signal) => standby(place, expectedSystem, signal),
  };
}

async function standby(
  place: Place,
  expectedSystem: string | null,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  if (await findPostmaster(place.dataDir) !== null) {
    return await openSession(localTarget(place), place.options.timeoutMs);
  }
  const contents = await readContents(place);
  if (contents.kind === "absent") return failed(`There is no data directory ${place.dataDir}`);
  if (contents.kind === "refused") return failed(contents.because, "foreign");
  const { systemIdentifier } = contents.control;
  if (expectedSystem !== null && expectedSystem !== systemIdentifier) {
    return failed(foreignMessage(systemIdentifier, expectedSystem), "foreign");
  }
  const adopted = await adopt(place, systemIdentifier);
  if (!adopted.ok) return adopted;
  const settings = { role: "standby", following: null } as const;
  const written = await prepareFiles(place, settings, adopted.value);
  if (!written.ok) return written;
  return await startServer(place, "standby", signal);
}

/**
 * PostgreSQL takes the first number behind its own for which pg_wal has no history file, and the
 * standbys ask for every file in between. So a file for each number that is not to be taken keeps it
 * off, and says that nothing ever happened on that timeline.
 */
async function skipTimelines(place: Place, end: Position, beyond: number): Promise<Step<null>> {
  const folder = join(place.dataDir, "pg_wal");
  const own = end.timeline === 1
    ? ""
    : await readIfThere(join(folder, historyFileName(end.timeline)));
  if (own === null) return failed(`Cannot read pg_wal/${historyFileName(end.timeline)}`);
  const left = `${end.timeline}\t${formatLsn(end.lsn)}\tskipped by metako`;
  for (let timeline = end.timeline + 1; timeline <= beyond; timeline++) {
    const path = join(folder, historyFileName(timeline));
    if (await readIfThere(path) !== null) continue;
    await writeDurably(path, `${own}${left}\n`, serverFile(place));
  }
  return done(null);
}

/** A startup process that is busy replaying ends its receiver late; the receiver itself obeys. */
async function endReceiver(place: Place, pid: number): Promise<void> {
  const [postmaster, receiver] = await Promise.all([
    findPostmaster(place.dataDir),
    lookAtProcess(pid),
  ]);
  if (postmaster !== null && receiver?.parent === postmaster.pid) sendSignal(pid, "SIGTERM");
}

/** Both where the data are and where WAL is, which may be two disks. */
async function enoughSpace({ dataDir, options }: Place): Promise<Step<null>> {
  const floorMiB = options.diskFloorMiB ?? 64;
  for (const folder of [dataDir, join(dataDir, "pg_wal")]) {
    const space = await readDiskSpace(folder);
    if (space === null) return failed(`Cannot read the free space of ${folder}`);
    const freeMiB = Math.floor(space.freeBytes / MIB);
    if (freeMiB < floorMiB) {
      return failed(
        `${folder} has ${freeMiB} MiB left, a primary needs at least ${floorMiB} MiB. Free some`,
      );
    }
  }
  return done(null);
}
