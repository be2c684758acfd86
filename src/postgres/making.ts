/**
 * Making a data directory, whichever way: the note of work, the empty folder, the mark and settings.
 *
 * A note outside the directory says that it is being made. Until the note is cleared the directory
 * counts as absent, so an interruption at any point leads to a fresh attempt, never to a start of
 * half a copy. A helper that an agent's sudden death left behind is ended before the next attempt,
 * since it writes into the directory and holds the replication slot.
 *
 * @module
 */
import { join } from "node:path";
import type { Incarnation } from "../core/record.ts";
import { prepareFiles } from "./change.ts";
import { namesIn } from "./files.ts";
import { clearWork, noteWork, writeMark } from "./marker.ts";
import { done, failed, messageOf, type Step } from "./outcome.ts";
import { type Place, readControl } from "./place.ts";
import { allProcesses, commandLine, killTree } from "./process.ts";
import type { RoleSettings } from "./settings.ts";
import { setSignalFile } from "./start.ts";

/** Runs `make` under a note that says what is being done; the note stays where it fails. */
export async function making(
  place: Place,
  kind: "clone" | "initialise" | "rewind",
  make: () => Promise<Step<null>>,
): Promise<Step<null>> {
  try {
    await endHelpers(place);
    await noteWork(place, kind);
    if (kind !== "rewind") await emptyDirectory(place);
    const made = await make();
    if (!made.ok) return made;
    await clearWork(place);
    return done(null);
  } catch (error) {
    return failed(`Cannot make the data directory ${place.dataDir}: ${messageOf(error)}`);
  }
}

/** Empties the directory but keeps it: it may be a mount point. */
export async function emptyDirectory({ dataDir, owner }: Place): Promise<void> {
  await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
  for (const name of await namesIn(dataDir)) {
    if (name !== "lost+found") await Deno.remove(join(dataDir, name), { recursive: true });
  }
  await Deno.chmod(dataDir, 0o700);
  if (owner !== null) await Deno.chown(dataDir, owner.uid, owner.gid);
}

/**
 * Marks a directory that was made, and writes the settings of its role.
 *
 * @param expectedSystem the system identifier that it has to have; null accepts any
 */
export async function markAndSet(
  place: Place,
  settings: RoleSettings,
  incarnation: Incarnation,
  expectedSystem: string | null,
): Promise<Step<null>> {
  const control = await readControl(place);
  if (control === null) return failed(`The new data directory ${place.dataDir} cannot be read`);
  const { systemIdentifier } = control;
  if (expectedSystem !== null && systemIdentifier !== expectedSystem) {
    return failed("The upstream was replaced by another system while it was copied", "foreign");
  }
  await writeMark(place, { incarnation, systemIdentifier });
  await setSignalFile(place, settings.role);
  return await prepareFiles(place, settings, incarnation);
}

async function endHelpers({ dataDir }: Place): Promise<void> {
  const helpers = ["pg_basebackup", "pg_rewind", "initdb"];
  for (const { pid, name } of await allProcesses()) {
    if (!helpers.includes(name)) continue;
    if ((await commandLine(pid)).some((argument) => argument.endsWith(dataDir))) {
      await killTree(pid);
    }
  }
}
