/**
 * Whether a server still has the WAL that a standby needs to go on.
 *
 * WAL is removed oldest first, so the oldest segment that is there tells. A standby asks from the
 * start of the segment in which its own WAL ends. The same segment number counts on any timeline:
 * a promoted server carries the old timeline's part over into the new one's first segment.
 *
 * @module
 */
import { formatLsn, type Lsn } from "../core/lsn.ts";
import type { Session } from "./connection.ts";

/**
 * Why a standby whose WAL ends at `lsn` cannot go on from that server.
 *
 * @param session a session that may list pg_wal (a superuser's, or a member's of pg_monitor)
 * @returns null where nothing is missing, or it cannot be told
 */
export async function whyWalIsMissing(
  session: Session,
  lsn: Lsn,
  timeoutMs: number,
): Promise<string | null> {
  const told = await session.query(
    `select min(right(name, 16)) as oldest,
      pg_size_bytes(current_setting('wal_segment_size'))::text as size
    from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'`,
    timeoutMs,
  );
  if (!told.ok) return null;
  const { oldest, size } = told.rows[0] ?? {};
  if (!oldest || !size) return null;
  const needed = segmentNumber(lsn, BigInt(size));
  if (needed >= oldest) return null;
  return `it has removed the WAL from ${
    formatLsn(lsn)
  } on, which this node needs next: its oldest ` +
    `segment is number ${oldest}, and ${needed} is needed`;
}

/**
 * The part of a segment's file name behind the timeline; such names sort by position.
 *
 * @param size of a segment, in bytes
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(segmentNumber(0x1_0300_0100n, 16n * 1024n * 1024n), "0000000100000003");
 * assert.equal(segmentNumber(0x1_0400_0000n, 64n * 1024n * 1024n), "0000000100000001");
 * ```
 */
export function segmentNumber(lsn: Lsn, size: bigint): string {
  const high = lsn >> 32n;
  const low = (lsn & 0xFFFF_FFFFn) / size;
  return [high, low].map((part) => part.toString(16).toUpperCase().padStart(8, "0")).join("");
}
