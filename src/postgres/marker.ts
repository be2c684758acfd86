/**
 * Two marks: which incarnation a data directory is, and what work on it was begun.
 *
 * The incarnation lies inside the data directory, so that a copy carries it along and is noticed
 * by its system identifier, and a clone replaces it. The note of work lies outside, in the agent's
 * private folder, because it speaks of a directory that may be half emptied.
 *
 * @module
 */
import { join } from "node:path";
import type { Incarnation } from "../core/record.ts";
import { readIfThere, removeDurably, writeDurably } from "./files.ts";
import { type Place, serverFile } from "./place.ts";

/** What the mark inside a data directory says. */
export interface Mark {
  readonly incarnation: Incarnation;
  readonly systemIdentifier: string;
}

/** What a mark looks like from outside. */
export type MarkReading =
  | { readonly kind: "none" }
  | { readonly kind: "garbled" }
  | { readonly kind: "mark"; readonly mark: Mark };

/** The mark's file name. */
export const MARK_FILE = "metako.incarnation";

const WORK_FILE = "clone-in-progress.json";

/** Reads the mark of a data directory. */
export async function readMark(dataDir: string): Promise<MarkReading> {
  const text = await readIfThere(join(dataDir, MARK_FILE)).catch(() => null);
  if (text === null) return { kind: "none" };
  try {
    const { incarnation, systemIdentifier } = JSON.parse(text);
    if (/^[0-9a-f]{8}$/.test(incarnation) && /^\d+$/.test(systemIdentifier)) {
      return { kind: "mark", mark: { incarnation, systemIdentifier } };
    }
  } catch {
    // Not JSON: garbled.
  }
  return { kind: "garbled" };
}

/** Writes the mark of a data directory. */
export async function writeMark(place: Place, mark: Mark): Promise<void> {
  await writeDurably(
    join(place.dataDir, MARK_FILE),
    `${JSON.stringify(mark)}\n`,
    serverFile(place),
  );
}

/** A new incarnation: 8 random hexadecimal digits. */
export function newIncarnation(): Incarnation {
  return [...crypto.getRandomValues(new Uint8Array(4))]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Notes that the data directory is being replaced or rewound; until it is cleared it counts as absent. */
export async function noteWork(
  place: Place,
  kind: "clone" | "initialise" | "rewind",
): Promise<void> {
  const text = `${JSON.stringify({ kind, dataDir: place.dataDir })}\n`;
  await writeDurably(join(place.privateDir, WORK_FILE), text, serverFile(place));
}

/** Clears the note. */
export async function clearWork(place: Place): Promise<void> {
  await removeDurably(join(place.privateDir, WORK_FILE));
}

/** True where work on this very data directory was begun and not finished. */
export async function workUnfinished(place: Place): Promise<boolean> {
  const text = await readIfThere(join(place.privateDir, WORK_FILE)).catch(() => null);
  if (text === null) return false;
  try {
    return JSON.parse(text).dataDir === place.dataDir;
  } catch {
    // A note that cannot be read says nothing about which directory may be emptied.
    return false;
  }
}
