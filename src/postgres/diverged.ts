/**
 * WAL that is about to be thrown away because it left the leader's history: it is kept beside first.
 *
 * A clone replaces the whole data directory. What stands in its WAL behind the fork may be commits
 * that somebody wants back, so those segments are copied to `state_dir/diverged/` and made durable
 * before anything is removed. Nothing is lost silently. (docs/operations/forced-failover.md)
 *
 * @module
 */
import { join } from "node:path";
import { formatLsn, type Lsn } from "../core/lsn.ts";
import type { Incarnation, Position } from "../core/record.ts";
import { readDiskSpace } from "./disk.ts";
import { exists, namesIn, readIfThere, syncFolder } from "./files.ts";
import { forkPoint, historyFileName, type Lineage, parseHistory } from "./history.ts";
import { done, failed, messageOf, type Step } from "./outcome.ts";
import type { Place } from "./place.ts";
import { firstPage, isPageAt, segmentOf, type WalSegment } from "./wal_segment.ts";

const MIB = 1024 * 1024;

/** What is kept, and where it comes from. */
interface Divergence {
  readonly fork: Position;
  /** The end of the last page that was written: at most one page behind the last record. */
  readonly end: Position;
  readonly segments: readonly WalSegment[];
  readonly histories: readonly string[];
}

/**
 * Copies the WAL behind the fork from `upstream`'s history, if there is any.
 *
 * @param upstreamLsn the upstream's own end of WAL
 * @returns the fork; null where there is nothing behind one
 */
export async function keepDiverged(
  place: Place,
  own: { readonly incarnation: Incarnation | null; readonly systemIdentifier: string },
  upstream: { readonly node: string; readonly lineage: Lineage; readonly lsn: Lsn },
): Promise<Step<Position | null>> {
  try {
    const found = await findDivergence(place, upstream.lineage, upstream.lsn);
    if (found === null) return done(null);
    const { fork, end, segments } = found;
    const root = join(place.options.stateDir, "diverged");
    const range = `tl${end.timeline}-${fileLsn(fork.lsn)}-${fileLsn(end.lsn)}`;
    await Deno.mkdir(root, { recursive: true, mode: 0o700 });
    const kept = await cleanUp(root, range, own.incarnation);
    if (kept) return done(fork);
    const bytes = segments.reduce((sum, { size }) => sum + size, 0);
    const space = await spaceFor(place, root, bytes);
    if (!space.ok) return space;
    const time = new Date().toISOString().replace(/\.\d+/, "").replaceAll(":", "");
    const folder = join(root, `${time}-${range}`);
    const about = describe(own, upstream.node, found);
    await copyAll(place, folder, found, about);
    const total = await sizeOf(root);
    place.options.log("warning", "diverged_wal_kept", {
      outcome: "done",
      because: `it left the history of ${upstream.node} at ${formatLsn(fork.lsn)} on timeline ` +
        `${fork.timeline}, and the data directory is about to be replaced`,
      folder,
      from_lsn: formatLsn(fork.lsn),
      to_lsn: formatLsn(end.lsn),
      timeline: end.timeline,
      bytes: Number(end.lsn - fork.lsn),
      folders: total.folders,
      total_bytes: total.bytes,
    });
    return done(fork);
  } catch (error) {
    return failed(`Cannot keep the WAL that left the leader's history: ${messageOf(error)}`);
  }
}

/** The segments behind the fork that were really written; null where there are none. */
async function findDivergence(
  { dataDir }: Place,
  upstream: Lineage,
  upstreamLsn: Lsn,
): Promise<Divergence | null> {
  const folder = join(dataDir, "pg_wal");
  const names = await namesIn(folder);
  const written: WalSegment[] = [];
  for (const name of names.sort()) {
    const segment = await segmentOf(folder, name);
    // A segment that waits to be written again still begins with an older page.
    if (segment !== null) written.push(segment);
  }
  const timeline = Math.max(0, ...written.map((segment) => segment.timeline));
  if (timeline === 0) return null;
  const history = timeline === 1
    ? ""
    : await readIfThere(join(folder, historyFileName(timeline))) ?? "";
  const own = parseHistory(timeline, history) ?? { timeline, ancestors: [] };
  const fork = forkPoint(own, upstream, upstreamLsn);
  const segments = written.filter((segment) =>
    segment.timeline > fork.timeline ||
    (segment.timeline === fork.timeline && segment.endLsn > fork.lsn)
  );
  const last = segments.at(-1);
  if (last === undefined) return null;
  const end = { timeline: last.timeline, lsn: await endOf(last) };
  if (end.lsn <= fork.lsn) return null;
  return { fork, end, segments, histories: names.filter((name) => name.endsWith(".history")) };
}

/** Where the pages of a segment end that belong to it. */
async function endOf(segment: WalSegment): Promise<Lsn> {
  const { pageSize, startLsn, size } = segment;
  using file = await Deno.open(segment.path, { read: true });
  let known = 0;
  let unknown = size / pageSize;
  // Pages are written in order: behind the last one stands what the file held before.
  while (unknown - known > 1) {
    const middle = (known + unknown) >> 1;
    await file.seek(middle * pageSize, Deno.SeekMode.Start);
    const page = await firstPage(file);
    if (page !== null && isPageAt(page, startLsn + BigInt(middle * pageSize))) known = middle;
    else unknown = middle;
  }
  return startLsn + BigInt(unknown * pageSize);
}

/** Removes what an interruption left. True where the same WAL is kept already. */
async function cleanUp(
  root: string,
  range: string,
  incarnation: Incarnation | null,
): Promise<boolean> {
  let kept = false;
  for (const name of await namesIn(root)) {
    if (name.endsWith(PARTIAL)) await Deno.remove(join(root, name), { recursive: true });
    if (!name.endsWith(range)) continue;
    const text = await readIfThere(join(root, name, ABOUT));
    kept ||= text !== null && JSON.parse(text).incarnation === incarnation;
  }
  return kept;
}

async function spaceFor(place: Place, root: string, bytes: number): Promise<Step<null>> {
  const reserveMiB = place.options.diskFloorMiB ?? 64;
  const neededMiB = Math.ceil(bytes / MIB);
  const space = await readDiskSpace(root);
  if (space === null) return failed(`Cannot read the free space of ${root}`);
  const freeMiB = Math.floor(space.freeBytes / MIB);
  if (freeMiB >= neededMiB + reserveMiB) return done(null);
  return failed(
    `The local WAL left the leader's history and is kept before the data directory is replaced: ` +
      `${neededMiB} MiB, besides ${reserveMiB} MiB of reserve, and ${root} has ${freeMiB} MiB left. ` +
      "Free some, or move older folders away from there",
  );
}

async function copyAll(
  { dataDir }: Place,
  folder: string,
  { segments, histories }: Divergence,
  about: string,
): Promise<void> {
  const partial = `${folder}${PARTIAL}`;
  await Deno.mkdir(partial, { mode: 0o700 });
  const files = [
    ...segments.map(({ path, name }) => ({ path, name })),
    ...histories.map((name) => ({ path: join(dataDir, "pg_wal", name), name })),
  ];
  for (const { path, name } of files) {
    await Deno.copyFile(path, join(partial, name));
    await sync(join(partial, name));
  }
  await Deno.writeTextFile(join(partial, ABOUT), about);
  await sync(join(partial, ABOUT));
  await syncFolder(partial);
  await Deno.rename(partial, folder);
  await syncFolder(join(folder, ".."));
}

async function sync(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true, write: true });
  await file.sync();
}

function describe(
  own: { readonly incarnation: Incarnation | null; readonly systemIdentifier: string },
  upstream: string,
  { fork, end, segments }: Divergence,
): string {
  const first = segments[0]!.name;
  const content = {
    incarnation: own.incarnation,
    system_identifier: own.systemIdentifier,
    left_the_history_of: upstream,
    fork: { timeline: fork.timeline, lsn: formatLsn(fork.lsn) },
    end: { timeline: end.timeline, lsn: formatLsn(end.lsn) },
    bytes: Number(end.lsn - fork.lsn),
    segments: segments.map(({ name }) => name),
    read_it_with: `pg_waldump --path=. --timeline=${fork.timeline} --start=${
      formatLsn(fork.lsn)
    } ${first}`,
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

async function sizeOf(root: string): Promise<{ folders: number; bytes: number }> {
  let bytes = 0;
  const folders = await namesIn(root);
  for (const folder of folders) {
    for (const name of await namesIn(join(root, folder))) {
      const path = join(root, folder, name);
      if (await exists(path)) bytes += (await Deno.stat(path)).size;
    }
  }
  return { folders: folders.length, bytes };
}

/** An LSN as part of a file's name. */
function fileLsn(lsn: Lsn): string {
  return formatLsn(lsn).replace("/", "_");
}

const ABOUT = "about.json";
const PARTIAL = ".partial";
