/**
 * Watches the disks under the agent's and PostgreSQL's folders, so that a full one is announced
 * before it stops either.
 *
 * @module
 */
import type { Log } from "../core/log.ts";
import { type DiskSpace, readDiskSpace } from "../postgres/disk.ts";

/** What a folder is for, and its path. */
export interface WatchedFolder {
  readonly use: "data" | "state";
  readonly path: string;
}

/** What is known of the disks. */
export interface DiskWatch {
  /** The last reading of each folder that could be looked at. */
  readonly spaces: () => readonly (WatchedFolder & DiskSpace)[];
  /** One sentence for each disk that is nearly full. */
  readonly problems: () => string[];
  readonly stop: () => void;
}

const EVERY_MS = 30_000;

const MIB = 1024 ** 2;

/** PostgreSQL's WAL grows by segments of 16 MB, and a burst takes many. */
const LITTLE_BYTES = 256 * MIB;
/** A share says little of a large disk, and an amount little of a small one: both have to be low. */
const LOW_SHARE = 0.05;
const LOW_BYTES = 5 * 1024 * MIB;

/** Starts to watch, at once. @param read replaced in tests */
export function watchDisks(
  folders: readonly WatchedFolder[],
  options: { readonly log: Log; readonly read?: (path: string) => Promise<DiskSpace | null> },
): DiskWatch {
  const { log, read = readDiskSpace } = options;
  let spaces: readonly (WatchedFolder & DiskSpace)[] = [];
  let known = "";
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function look(): Promise<void> {
    const found = await Promise.all(folders.map(async (folder) => {
      const space = await read(folder.path);
      return space === null ? [] : [{ ...folder, ...space }];
    }));
    if (stopped) return;
    spaces = found.flat();
    const low = spaces.filter((space) => isLow(space)).map(({ use }) => use).join(", ");
    if (low !== known && low !== "") {
      log("warning", "disk_low", { outcome: "noted", because: problemsOf(spaces).join(" ") });
    }
    known = low;
    timer = setTimeout(look, EVERY_MS);
  }
  void look();
  return {
    spaces: () => spaces,
    problems: () => problemsOf(spaces),
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** True where there is so little room that an operator has to act. */
export function isLow({ totalBytes, freeBytes }: DiskSpace): boolean {
  return freeBytes < LITTLE_BYTES ||
    freeBytes < LOW_BYTES && freeBytes < LOW_SHARE * totalBytes;
}

function problemsOf(spaces: readonly (WatchedFolder & DiskSpace)[]): string[] {
  const byPath = Map.groupBy(spaces.filter(isLow), ({ totalBytes, freeBytes }) =>
    // Two folders with the same numbers lie on the same disk, as far as anybody cares.
    `${totalBytes} ${freeBytes}`);
  return [...byPath.values()].map((same) => {
    const { freeBytes, totalBytes } = same[0]!;
    const places = same.map(({ path }) => path).join(" and ");
    return `the disk under ${places} is nearly full: ${Math.floor(freeBytes / MIB)} of ` +
      `${Math.floor(totalBytes / MIB)} MB are free; free some room before PostgreSQL stops`;
  });
}
