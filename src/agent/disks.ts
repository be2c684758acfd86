/**
 * Watches the disks under the agent's and PostgreSQL's folders, so that a full one is announced
 * before it stops either, and is known as soon as it has.
 *
 * WAL and tablespaces that lie on disks of their own are watched by themselves. A disk that is nearly
 * full is looked at every second, so that one that was freed does not count as full for long. Where
 * a disk holds nothing but temporary files of queries, only the query that filled it suffers, so that
 * it is announced and does not count as full.
 *
 * @module
 */
import type { Log } from "../core/log.ts";
import { type DiskSpace, readDiskSpace } from "../postgres/disk.ts";

/** What a folder is for, and its path. */
export interface WatchedFolder {
  readonly use: "data" | "wal" | "state" | "tablespace" | "temporary";
  readonly path: string;
}

/** A folder, and the room that it has. */
export type FolderSpace = WatchedFolder & DiskSpace;

/** What is known of the disks. */
export interface DiskWatch {
  /** The last reading of each folder that could be looked at. */
  readonly spaces: () => readonly FolderSpace[];
  /** Where PostgreSQL has no room left to write, in words; null where it has. */
  readonly full: () => string | null;
  /** One sentence for each disk that is nearly full. */
  readonly problems: () => string[];
  readonly stop: () => void;
}

/** How often a disk with room is looked at, and one without. */
const EVERY_MS = 5_000;
const EVERY_WHEN_LOW_MS = 1_000;

const MIB = 1024 ** 2;

/** PostgreSQL's WAL grows by segments of 16 MB, and a burst takes many: so much, or that share. */
const LITTLE_BYTES = 256 * MIB;
const LITTLE_SHARE = 0.1;
/** A share says little of a large disk, and an amount little of a small one: both have to be low. */
const LOW_SHARE = 0.05;
const LOW_BYTES = 5 * 1024 * MIB;

/** PostgreSQL enlarges a table by up to 64 pages of 8 kB at once; with less than that it cannot. */
const FULL_BYTES = MIB / 2;

/**
 * Starts to watch, at once. `more` is asked at each look for folders that come and go; `changed` is
 * called after it. `read` is replaced in tests.
 */
export function watchDisks(
  folders: readonly WatchedFolder[],
  options: {
    readonly log: Log;
    readonly more?: () => Promise<readonly WatchedFolder[]>;
    readonly changed?: () => void;
    readonly read?: (path: string) => Promise<DiskSpace | null>;
  },
): DiskWatch {
  const { log, more, changed = () => {}, read = readDiskSpace } = options;
  let spaces: readonly FolderSpace[] = [];
  let known = "";
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function look(): Promise<void> {
    const all = [...folders, ...await more?.() ?? []];
    const found = await Promise.all(all.map(async (folder) => {
      const space = await read(folder.path);
      return space === null ? [] : [{ ...folder, ...space }];
    }));
    if (stopped) return;
    spaces = onceEach(found.flat());
    const low = spaces.filter(isLow).map(({ use }) => use).join(", ");
    if (low !== known && low !== "") {
      log("warning", "disk_low", { outcome: "noted", because: problemsOf(spaces).join(" ") });
    }
    known = low;
    changed();
    timer = setTimeout(look, low === "" ? EVERY_MS : EVERY_WHEN_LOW_MS);
  }
  void look();
  return {
    spaces: () => spaces,
    full: () => fullOf(spaces),
    problems: () => problemsOf(spaces),
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** True where there is so little room that an operator has to act. */
export function isLow({ totalBytes, freeBytes }: Omit<DiskSpace, "device">): boolean {
  return freeBytes < Math.min(LITTLE_BYTES, LITTLE_SHARE * totalBytes) ||
    freeBytes < LOW_BYTES && freeBytes < LOW_SHARE * totalBytes;
}

/** True where nothing that grows can be written any more. */
export function isFull({ freeBytes }: Pick<DiskSpace, "freeBytes">): boolean {
  return freeBytes < FULL_BYTES;
}

/** What shares the data directory's disk is watched with it. */
function onceEach(spaces: readonly FolderSpace[]): readonly FolderSpace[] {
  const data = spaces.find(({ use }) => use === "data");
  return spaces.filter(({ use, device }) =>
    use === "data" || use === "state" || device !== data?.device
  );
}

/** True where PostgreSQL cannot go on without that folder. */
export function isVital(use: WatchedFolder["use"]): boolean {
  return use !== "state" && use !== "temporary";
}

function fullOf(spaces: readonly FolderSpace[]): string | null {
  const full = spaces.filter((space) => isVital(space.use) && isFull(space));
  return full.length === 0 ? null : full.map(({ path }) => `the disk under ${path}`).join(" and ");
}

function problemsOf(spaces: readonly FolderSpace[]): string[] {
  const byDisk = Map.groupBy(spaces.filter(isLow), ({ device }) => device);
  return [...byDisk.values()].map((same) => {
    const { freeBytes, totalBytes } = same[0]!;
    const places = same.map(({ path }) => path).join(" and ");
    return `the disk under ${places} is nearly full: ${Math.floor(freeBytes / MIB)} of ` +
      `${Math.floor(totalBytes / MIB)} MB are free; free some room before PostgreSQL stops`;
  });
}
