/**
 * The first bytes of WAL pages: enough to tell a segment that was written from one that only waits
 * to be written again. PostgreSQL's `xlog_internal.h`: XLogPageHeaderData, XLogLongPageHeaderData.
 *
 * @module
 */
import { join } from "node:path";
import type { Lsn } from "../core/lsn.ts";

/** A segment whose first page belongs to it. */
export interface WalSegment {
  readonly name: string;
  readonly path: string;
  readonly timeline: number;
  readonly startLsn: Lsn;
  readonly endLsn: Lsn;
  /** In bytes. */
  readonly size: number;
  readonly pageSize: number;
}

const HEADER_BYTES = 40;
const LONG_HEADER = 0x0002;

/**
 * Looks at a file of pg_wal.
 *
 * @returns null where it is no segment, or its content is an older one's
 */
export async function segmentOf(folder: string, name: string): Promise<WalSegment | null> {
  const match = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/.exec(name);
  if (match === null) return null;
  const path = join(folder, name);
  const { size } = await Deno.stat(path);
  using file = await Deno.open(path, { read: true });
  const page = await firstPage(file);
  // The sizes stand in the first page of every segment.
  if (page === null || (page.getUint16(2, true) & LONG_HEADER) === 0) return null;
  const pageSize = page.getUint32(36, true);
  if (page.getUint32(32, true) !== size || pageSize === 0 || size % pageSize !== 0) return null;
  const [, timeline, high, low] = match.map((text) => Number.parseInt(text, 16));
  const startLsn = (BigInt(high!) << 32n) + BigInt(low!) * BigInt(size);
  if (!isPageAt(page, startLsn)) return null;
  const endLsn = startLsn + BigInt(size);
  return { name, path, timeline: timeline!, startLsn, endLsn, size, pageSize };
}

/** The header at the file's present place; null where too little is left. */
export async function firstPage(file: Deno.FsFile): Promise<DataView | null> {
  const bytes = new Uint8Array(HEADER_BYTES);
  let read = 0;
  while (read < HEADER_BYTES) {
    const more = await file.read(bytes.subarray(read));
    if (more === null) return null;
    read += more;
  }
  return new DataView(bytes.buffer);
}

/** True where the page says that it stands at `lsn`. */
export function isPageAt(page: DataView, lsn: Lsn): boolean {
  return page.getUint16(0, true) !== 0 && page.getBigUint64(8, true) === lsn;
}
