/**
 * The settings that every role has, and how each goes together with what the operator set.
 *
 * Three kinds. `own`: metako's value counts, for a failover rests on it. `floor`: the larger of
 * both, since a server that was taken over may need more than metako does (a logical slot needs
 * wal_level logical, and does not even start with less). `default`: the operator's value where
 * there is one.
 *
 * @module
 */
import type { ControlData } from "./controldata.ts";
import type { PlacedEntry } from "./conf_file.ts";
import type { Place } from "./place.ts";
import { offers } from "./version.ts";

/** What a value depends on beside the configuration. */
export interface Surroundings {
  /** What the operator's files set, in the order in which the server reads them. */
  readonly theirs: readonly PlacedEntry[];
  /** The control file, which knows what a standby needs at least; null where there is no need. */
  readonly control: ControlData | null;
}

/** How often a standby without a stream looks for WAL, in milliseconds. */
export const RETRY_INTERVAL_MS = 250;

/**
 * Settings of a role or of metako's own that an operator's ALTER SYSTEM must not change: whom the
 * server follows, what commits wait for, and where recovery ends.
 */
export const GUARDED_SETTINGS = [
  "synchronous_standby_names",
  "primary_conninfo",
  "primary_slot_name",
  "restore_command",
  "recovery_target",
  "recovery_target_lsn",
  "recovery_target_name",
  "recovery_target_time",
  "recovery_target_timeline",
  "recovery_target_xid",
  "promote_trigger_file",
  "hot_standby",
] as const;

/** Values of `synchronous_commit` with which a commit does not wait for a standby's disk. */
export const WEAK_COMMITS: readonly string[] = [
  "off",
  "local",
  "remote_write",
  "false",
  "no",
  "0",
];

/** Whether ALTER SYSTEM must not have set that. `waits`: commits have to wait for standbys. */
export function isGuarded(
  { name, value, waits }: {
    readonly name: string;
    readonly value: string;
    readonly waits: boolean;
  },
): boolean {
  const guarded: readonly string[] = GUARDED_SETTINGS;
  if (guarded.includes(name)) return true;
  return waits && name === "synchronous_commit" && WEAK_COMMITS.includes(value.toLowerCase());
}

/** The values, ready to be written. */
export function standingValues(
  place: Place,
  { theirs, control }: Surroundings,
): Readonly<Record<string, string>> {
  const { options, major } = place;
  const set = new Map(theirs.map(({ name, value }) => [name, value]));
  const otherwise = (name: string, value: string) => set.get(name) ?? value;
  const atLeast = (name: string, value: number) =>
    `${Math.max(wholeNumber(set.get(name)) ?? 0, value)}`;
  // A stream for every other member, and as many again for copies; up to five members need no more
  // than PostgreSQL's own 10, so that one which is added later costs no restart.
  const senders = Math.max(10, 2 * options.members.length);
  const keepMiB = options.walKeepMiB ?? 256;
  const wantsLogical = set.get("wal_level")?.toLowerCase() === "logical" ||
    control?.walLevel === "logical";
  return {
    listen_addresses: listenAddresses(place, set.get("listen_addresses")),
    port: `${options.port}`,
    unix_socket_directories: otherwise("unix_socket_directories", socketFolder(place)),
    cluster_name: options.nodeName,
    wal_level: wantsLogical ? "logical" : "replica",
    max_wal_senders: atLeast("max_wal_senders", Math.max(senders, control?.maxWalSenders ?? 0)),
    max_replication_slots: atLeast("max_replication_slots", senders),
    ...capacity(set, control),
    wal_log_hints: "on",
    hot_standby: "on",
    hot_standby_feedback: otherwise("hot_standby_feedback", "on"),
    ...(offers(major, "wal_keep_size")
      ? { wal_keep_size: keepSize(set.get("wal_keep_size"), keepMiB) }
      : { wal_keep_segments: atLeast("wal_keep_segments", Math.ceil(keepMiB / 16)) }),
    ...(offers(major, "slot_retention")
      ? { max_slot_wal_keep_size: `${options.maxSlotWalKeepMiB ?? 8192}MB` }
      : {}),
    ...(offers(major, "synchronises_slots") && wantsLogical
      ? { sync_replication_slots: "on" }
      : {}),
    wal_receiver_status_interval: "1s",
    wal_receiver_timeout: "5s",
    wal_sender_timeout: "5s",
    wal_retrieve_retry_interval: `${RETRY_INTERVAL_MS}ms`,
    tcp_keepalives_idle: otherwise("tcp_keepalives_idle", "5"),
    tcp_keepalives_interval: otherwise("tcp_keepalives_interval", "2"),
    tcp_keepalives_count: otherwise("tcp_keepalives_count", "3"),
    tcp_user_timeout: otherwise("tcp_user_timeout", "10s"),
    recovery_target: "",
    recovery_target_lsn: "",
    recovery_target_name: "",
    recovery_target_time: "",
    recovery_target_timeline: "latest",
    recovery_target_xid: "",
    ...(offers(major, "no_promote_trigger_file") ? {} : { promote_trigger_file: "" }),
    restart_after_crash: "on",
    password_encryption: otherwise("password_encryption", "scram-sha-256"),
  };
}

/**
 * A standby with less than its primary refuses connections, pauses its replay or stops, so what the
 * control file says is the least. PostgreSQL manual, "Administrator's Overview" of hot standby.
 */
function capacity(
  set: ReadonlyMap<string, string>,
  control: ControlData | null,
): Record<string, string> {
  if (control === null) return {};
  const least: readonly (readonly [string, number | null, number])[] = [
    ["max_connections", control.maxConnections, 100],
    ["max_worker_processes", control.maxWorkerProcesses, 8],
    ["max_prepared_transactions", control.maxPreparedTransactions, 0],
    ["max_locks_per_transaction", control.maxLocksPerTransaction, 64],
  ];
  return Object.fromEntries(least.flatMap(([name, needed, usual]) => {
    const own = wholeNumber(set.get(name)) ?? usual;
    return needed === null || needed <= own ? [] : [[name, `${needed}`]];
  }));
}

/**
 * Loopback is enough where all members are on it. An operator's choice is kept where it lets the
 * members in: a list of addresses that lacks this host's came here with a copy of another's files.
 */
function listenAddresses({ options }: Place, theirs = ""): string {
  if (options.listenAddresses !== undefined) return options.listenAddresses;
  const loopback = /^(localhost|127\.|::1$)/;
  const addresses = options.members.flatMap((member) => member.addresses);
  const here = [...addresses, ...options.witnessAddresses ?? []].every((address) =>
    loopback.test(address)
  );
  const listed = theirs.split(",").map((address) => address.trim());
  const own = options.members.find(({ name }) => name === options.nodeName)?.addresses ?? [];
  const reaches = listed.some((address) => ["*", "0.0.0.0", ...own].includes(address));
  if (reaches) return theirs;
  return here ? "localhost" : "*";
}

/** A socket's path is limited to 107 bytes; where the folder is too deep there is none. */
function socketFolder({ privateDir }: Place): string {
  return new TextEncoder().encode(`${privateDir}/.s.PGSQL.65535`).length <= 107 ? privateDir : "";
}

function keepSize(theirs: string | undefined, keepMiB: number): string {
  return theirs !== undefined && (mebibytes(theirs) ?? 0) >= keepMiB ? theirs : `${keepMiB}MB`;
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

/**
 * A size as PostgreSQL writes it, where a bare number means MiB.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(mebibytes("2GB"), 2048);
 * assert.equal(mebibytes("64"), 64);
 * assert.equal(mebibytes("a lot"), null);
 * ```
 */
export function mebibytes(text: string | undefined): number | null {
  const match = /^(\d+)\s*(kB|MB|GB|TB)?$/.exec(text ?? "");
  if (match === null) return null;
  const factor = { kB: 1 / 1024, MB: 1, GB: 1024, TB: 1024 * 1024 }[match[2] ?? "MB"]!;
  return Math.ceil(Number(match[1]) * factor);
}
