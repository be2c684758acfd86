/**
 * Whose data directory this is, and the mark that says so.
 *
 * A directory without a mark was made by somebody else and may be adopted: it gets a mark when it
 * is started or found running. A mark that speaks of another system is never overwritten.
 *
 * @module
 */
import { join } from "node:path";
import type { Incarnation } from "../core/record.ts";
import { exists, namesIn } from "./files.ts";
import { MARK_FILE, newIncarnation, readMark, workUnfinished, writeMark } from "./marker.ts";
import { done, failed, messageOf, type Step } from "./outcome.ts";
import { type Place, readControl } from "./place.ts";
import { hasOwnConfiguration } from "./settings.ts";
import type { ControlData } from "./controldata.ts";

/** What lies in the data directory of a server that does not run. */
export type Contents =
  | { readonly kind: "absent" }
  | {
    readonly kind: "refused";
    /** foreign: it is another cluster's, by its mark. */
    readonly failure?: "foreign";
    readonly because: string;
  }
  | {
    readonly kind: "cluster";
    readonly control: ControlData;
    readonly incarnation: Incarnation | null;
    readonly wasPrimary: boolean;
  };

/** Looks into the data directory; changes nothing. */
export async function readContents(place: Place): Promise<Contents> {
  const { dataDir } = place;
  if (await workUnfinished(place)) return { kind: "absent" };
  let names: string[];
  try {
    names = await namesIn(dataDir);
  } catch (error) {
    return { kind: "refused", because: `Cannot look into ${dataDir}: ${messageOf(error)}` };
  }
  // A file system's own folder is not content.
  if (names.every((name) => name === "lost+found")) return { kind: "absent" };
  if (!names.includes("PG_VERSION")) {
    const because = `${dataDir} holds something other than a PostgreSQL data directory (${
      names.slice(0, 3).join(", ")
    }). Empty it, or set local_db.data_dir elsewhere`;
    return { kind: "refused", because };
  }
  const major = (await Deno.readTextFile(join(dataDir, "PG_VERSION")).catch(() => "")).trim();
  if (major !== `${place.major}`) {
    const because =
      `${dataDir} was made by PostgreSQL ${major}, the programs in ${place.binDir} are ${place.major}. Set local_db.bin_dir to those of ${major}`;
    return { kind: "refused", because };
  }
  if (!(await hasOwnConfiguration(dataDir))) {
    const because =
      `${dataDir} has no postgresql.conf. Move the configuration files into it (Debian keeps them in /etc/postgresql)`;
    return { kind: "refused", because };
  }
  const control = await readControl(place);
  if (control === null) {
    const because =
      `Cannot read the control file of ${dataDir}: it is damaged or half copied. Move the directory away to have it cloned anew`;
    return { kind: "refused", because };
  }
  const owned = await ownedBy(place, control.systemIdentifier);
  if (!owned.ok) return { kind: "refused", failure: "foreign", because: owned.because };
  const wasPrimary = !(await exists(join(dataDir, "standby.signal")));
  return { kind: "cluster", control, incarnation: owned.value, wasPrimary };
}

/** The incarnation, or null where there is no mark; fails where the mark is another system's. */
export async function ownedBy(
  { dataDir }: Place,
  systemIdentifier: string,
): Promise<Step<Incarnation | null>> {
  const reading = await readMark(dataDir);
  switch (reading.kind) {
    case "none":
      return done(null);
    case "garbled":
      return failed(
        `Cannot read ${join(dataDir, MARK_FILE)}. Remove it if this data directory belongs here`,
        "foreign",
      );
    case "mark":
      if (reading.mark.systemIdentifier === systemIdentifier) {
        return done(reading.mark.incarnation);
      }
      return failed(
        `${dataDir} has the system identifier ${systemIdentifier}, its mark says ${reading.mark.systemIdentifier}: it was replaced behind metako's back. Remove ${
          join(dataDir, MARK_FILE)
        } if it belongs here`,
        "foreign",
      );
  }
}

/** The incarnation of a data directory, which gets one where it has none. */
export async function adopt(place: Place, systemIdentifier: string): Promise<Step<Incarnation>> {
  const owned = await ownedBy(place, systemIdentifier);
  if (!owned.ok) return owned;
  if (owned.value !== null) return done(owned.value);
  const incarnation = newIncarnation();
  try {
    await writeMark(place, { incarnation, systemIdentifier });
  } catch (error) {
    return failed(`Cannot mark ${place.dataDir}: ${messageOf(error)}`);
  }
  place.options.log("info", "data_directory_adopted", {
    because: "it had no mark of metako's",
    incarnation,
    system_identifier: systemIdentifier,
  });
  return done(incarnation);
}
