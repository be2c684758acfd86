/**
 * What differs between the releases of PostgreSQL that metako runs: one table, asked by name.
 *
 * Sources: the release notes of PostgreSQL 12 to 18, sections "Replication and Recovery" and
 * "Migration". Where a release is not named below, metako needs nothing from it that the one
 * before did not have.
 *
 * @module
 */

/** The oldest release that can be run: standby.signal instead of recovery.conf, and pg_promote. */
export const OLDEST_MAJOR = 12;

/** The newest release that the table below was written for. */
export const NEWEST_MAJOR = 18;

const FEATURES = [
  {
    name: "reloads_upstream",
    since: 13,
    because: "primary_conninfo and primary_slot_name change by a reload; before, by a restart",
  },
  {
    name: "reloads_restore_command",
    since: 14,
    because: "restore_command changes by a reload; before, by a restart",
  },
  {
    name: "wal_keep_size",
    since: 13,
    because: "wal_keep_segments, a number of segments, became wal_keep_size",
  },
  {
    name: "slot_retention",
    since: 13,
    because: "max_slot_wal_keep_size bounds what a slot holds back, and wal_status tells",
  },
  {
    name: "no_exclusive_backup",
    since: 15,
    because: "an exclusive backup, which a promotion or a crash would spoil, is no longer possible",
  },
  {
    name: "no_promote_trigger_file",
    since: 16,
    because: "promote_trigger_file, by which a file's appearance promoted a standby, is gone",
  },
  {
    name: "synchronises_slots",
    since: 17,
    because: "logical slots with failover = true can be kept on standbys",
  },
  {
    name: "may_forbid_alter_system",
    since: 17,
    because: "allow_alter_system = off refuses ALTER SYSTEM",
  },
  {
    name: "idle_slot_timeout",
    since: 18,
    because: "idle_replication_slot_timeout invalidates slots that nobody uses",
  },
] as const;

/** Something that only some releases do. */
export type Feature = (typeof FEATURES)[number]["name"];

/** The whole table, for the documentation and the tests. */
export const VERSION_TABLE: readonly {
  readonly name: Feature;
  /** The first release that does. */
  readonly since: number;
  readonly because: string;
}[] = FEATURES;

/**
 * Whether a release does something.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(offers(12, "reloads_upstream"), false);
 * assert.equal(offers(13, "reloads_upstream"), true);
 * ```
 */
export function offers(major: number, feature: Feature): boolean {
  return FEATURES.some(({ name, since }) => name === feature && major >= since);
}

/**
 * The release out of `server_version_num`, such as 15 out of 150018.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(majorOf("150018"), 15);
 * assert.equal(majorOf("90624"), 9);
 * ```
 *
 * @returns NaN where it is no number
 */
export function majorOf(versionNumber: string): number {
  return Math.floor(Number(versionNumber) / 10_000);
}

/** What speaks against a release: too old to be run, or newer than what is known here. */
export type Objection =
  | { readonly kind: "too_old"; readonly because: string }
  | { readonly kind: "newer"; readonly because: string };

/** Judges a release; null where nothing speaks against it. */
export function objectionTo(major: number): Objection | null {
  if (!(major >= OLDEST_MAJOR)) {
    return {
      kind: "too_old",
      because:
        `PostgreSQL ${major} is too old: metako needs ${OLDEST_MAJOR} or newer. Upgrade it (pg_upgrade) first`,
    };
  }
  if (major <= NEWEST_MAJOR) return null;
  return {
    kind: "newer",
    because:
      `PostgreSQL ${major} is newer than what this metako knows (${OLDEST_MAJOR} to ${NEWEST_MAJOR}): it is treated like ${NEWEST_MAJOR}. Upgrade metako`,
  };
}
