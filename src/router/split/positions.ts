/**
 * What a session may read after it wrote: how far the primary's WAL was once the write was
 * acknowledged, and how far standbys are known to have replayed it.
 *
 * Positions are facts about servers, so what one session learned serves all of the router's. They
 * are comparable within one term only, since another term may have another timeline.
 *
 * @module
 */

/** A position in the primary's WAL, in bytes. */
export interface Sample {
  readonly term: number;
  /** On the router's clock, before the primary was asked. */
  readonly askedAtMs: number;
  readonly lsn: bigint;
}

/** What all sessions know of positions. */
export interface Positions {
  /** The newest sample of the primary, if it was asked for after `sinceMs` in this term. */
  sampleSince(sinceMs: number, term: number): Sample | null;
  sampled(sample: Sample): void;
  /** A standby was seen to have replayed that far. */
  replayed(node: string, term: number, lsn: bigint): void;
  hasReplayed(node: string, term: number, lsn: bigint): boolean;
}

/** Knows nothing yet. */
export function createPositions(): Positions {
  let newest: Sample | null = null;
  const replayed = new Map<string, { readonly term: number; readonly lsn: bigint }>();
  return {
    sampleSince: (sinceMs, term) =>
      newest !== null && newest.term === term && newest.askedAtMs >= sinceMs ? newest : null,
    sampled(sample) {
      if (newest === null || newest.term < sample.term || newest.askedAtMs < sample.askedAtMs) {
        newest = sample;
      }
    },
    replayed(node, term, lsn) {
      const known = replayed.get(node);
      if (known?.term === term && known.lsn >= lsn) return;
      replayed.set(node, { term, lsn });
    },
    hasReplayed(node, term, lsn) {
      const known = replayed.get(node);
      return known?.term === term && known.lsn >= lsn;
    },
  };
}

/** Asks a primary how far it has written. */
export const INSERT_POSITION_QUERY = "select pg_catalog.pg_current_wal_insert_lsn()";
/** Asks a standby how far it has replayed; NULL on a server that is none. */
export const REPLAY_POSITION_QUERY =
  "select case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn() end";
