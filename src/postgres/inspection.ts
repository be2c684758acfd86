/**
 * What replication rests on beside the server's role, read over SQL: the settings in force and what
 * overrides metako.conf, the slots, and who may commit without waiting.
 *
 * The columns of pg_replication_slots differ between releases, so its rows are read as JSON and a
 * column that a release lacks is simply not there.
 *
 * @module
 */
import { type Lsn, parseLsn } from "../core/lsn.ts";
import type { ControlData } from "./controldata.ts";
import { literal, type Session } from "./connection.ts";
import { done, type Step } from "./outcome.ts";
import { SETTINGS_FILE } from "./settings.ts";
import { majorOf, offers } from "./version.ts";

/** A replication slot. */
export interface Slot {
  readonly name: string;
  readonly kind: "physical" | "logical";
  readonly active: boolean;
  /** Where the WAL begins that it holds; null where it holds none. */
  readonly restartLsn: Lsn | null;
  /** "reserved", "extended", "unreserved" or "lost"; null before PostgreSQL 13. */
  readonly walStatus: string | null;
  /** Of a logical slot; null for a physical one. */
  readonly database: string | null;
  /** A logical slot that is meant to be kept on standbys, or is a kept copy (PostgreSQL 17). */
  readonly failover: boolean;
  readonly synced: boolean;
}

/** A setting that metako.conf sets, and another place overrides. */
export interface Override {
  readonly name: string;
  readonly wanted: string;
  readonly found: string;
  /** File and line, or what else it comes from, such as "command line". */
  readonly source: string;
}

/** Who commits without waiting for a standby's disk. */
export interface WeakCommit {
  /** Null: in all. */
  readonly database: string | null;
  /** Null: everybody. */
  readonly role: string | null;
  readonly value: string;
}

/** The picture. */
export interface Inspection {
  readonly major: number;
  readonly role: "primary" | "standby";
  /** Replayed on a standby, inserted on a primary. */
  readonly position: Lsn;
  /** Where recovery would begin: the last checkpoint or restart point. */
  readonly redoLsn: Lsn | null;
  readonly waitsForStandbys: boolean;
  readonly slots: readonly Slot[];
  /** Values in force, in PostgreSQL's base units. */
  readonly inForce: ReadonlyMap<string, string>;
  /** Settings whose new value waits for a restart. */
  readonly pendingRestart: readonly string[];
  readonly overrides: readonly Override[];
  /** Whether the server reads metako.conf at all; null where that cannot be told. */
  readonly included: boolean | null;
  readonly weakCommits: readonly WeakCommit[];
  readonly exclusiveBackup: boolean;
  /** Null where the files are not at hand. */
  readonly control: ControlData | null;
}

const WATCHED = [
  "fsync",
  "full_page_writes",
  "recovery_min_apply_delay",
  "idle_replication_slot_timeout",
  "max_connections",
  "max_worker_processes",
  "max_wal_senders",
  "max_prepared_transactions",
  "max_locks_per_transaction",
] as const;

const STATEMENT = `
select
  current_setting('server_version_num') as version_number,
  pg_is_in_recovery()::text as standby,
  current_setting('synchronous_standby_names') as names,
  (case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
    else pg_current_wal_insert_lsn() end)::text as position,
  (select redo_lsn from pg_control_checkpoint())::text as redo_lsn,
  (select json_agg(to_json(slot)) from pg_replication_slots slot)::text as slots,
  (select json_object_agg(name, setting) from pg_settings
    where name in (${WATCHED.map(literal).join(", ")}))::text as in_force,
  (select json_agg(name order by name) from pg_settings where pending_restart)::text as pending,
  (select json_agg(json_build_object('database', datname, 'role', rolname, 'value',
      split_part(entry, '=', 2)) order by datname, rolname)
    from pg_db_role_setting cross join unnest(setconfig) entry
    left join pg_database on pg_database.oid = setdatabase
    left join pg_roles on pg_roles.oid = setrole
    where entry ~ '^synchronous_commit=(off|local|remote_write|false|no|0)$')::text as weak`;

/** Looks at a server. `control` is what pg_controldata says, where the files are at hand. */
export async function inspect(
  session: Session,
  timeoutMs: number,
  { managed, control }: { readonly managed: boolean; readonly control: ControlData | null },
): Promise<Step<Inspection>> {
  const told = await session.query(STATEMENT, timeoutMs);
  if (!told.ok) return told;
  const row = told.rows[0] ?? {};
  const major = majorOf(row.version_number ?? "");
  const role = row.standby === "true" ? "standby" : "primary";
  const files = managed ? await readOverrides(session, timeoutMs) : done(null);
  if (!files.ok) return files;
  let exclusiveBackup = false;
  if (role === "primary" && !offers(major, "no_exclusive_backup")) {
    const backup = await session.query("select pg_is_in_backup()::text as found", timeoutMs);
    if (!backup.ok) return backup;
    exclusiveBackup = backup.rows[0]?.found === "true";
  }
  return done({
    major,
    role,
    position: parseLsn(row.position ?? "") ?? 0n,
    redoLsn: parseLsn(row.redo_lsn ?? ""),
    waitsForStandbys: row.names !== "",
    slots: listOf(row.slots).map(slotOf),
    inForce: new Map(Object.entries(JSON.parse(row.in_force ?? "{}"))),
    pendingRestart: listOf(row.pending) as unknown as string[],
    overrides: files.value?.overrides ?? [],
    included: files.value?.included ?? null,
    weakCommits: listOf(row.weak) as unknown as WeakCommit[],
    exclusiveBackup,
    control,
  });
}

/**
 * The server parses its files for this view, which tells what is written, not what is in force.
 * What the command line says of addresses and the like lasts until the next start and harms nobody.
 */
async function readOverrides(
  session: Session,
  timeoutMs: number,
): Promise<Step<{ readonly overrides: readonly Override[]; readonly included: boolean }>> {
  const told = await session.query(
    `with entries as (
      select lower(name) as name, coalesce(setting, '') as setting, sourcefile, sourceline, seqno
      from pg_file_settings where name is not null
    ), own as (
      select * from entries where sourcefile like '%/${SETTINGS_FILE}'
    ), last as (
      select distinct on (name) * from entries order by name, seqno desc
    )
    select own.name, own.setting as wanted, last.setting as found,
      last.sourcefile || ':' || last.sourceline as source
    from own join last using (name)
    where last.seqno > own.seqno and last.setting <> own.setting
    union all
    select own.name, own.setting, pg_settings.setting, pg_settings.source
    from own join pg_settings using (name)
    where pg_settings.source in ('command line', 'environment variable')
      and pg_settings.context <> 'postmaster'
    union all
    select null, null, null, null where not exists (select from own)
    order by 1`,
    timeoutMs,
  );
  if (!told.ok) return told;
  const included = !told.rows.some(({ name }) => name === null);
  const overrides = told.rows.flatMap(({ name, wanted, found, source }) =>
    name === null || name === undefined
      ? []
      : [{ name, wanted: wanted ?? "", found: found ?? "", source: source ?? "" }]
  );
  return done({ overrides, included });
}

type Json = Readonly<Record<string, unknown>>;

function listOf(json: string | null | undefined): readonly Json[] {
  return json === null || json === undefined ? [] : JSON.parse(json) ?? [];
}

function slotOf(row: Json): Slot {
  const text = (key: string) => typeof row[key] === "string" ? row[key] : null;
  return {
    name: text("slot_name") ?? "",
    kind: row.slot_type === "logical" ? "logical" : "physical",
    active: row.active === true,
    restartLsn: parseLsn(text("restart_lsn") ?? ""),
    // An invalidated slot is as good as lost, whatever invalidated it.
    walStatus: text("invalidation_reason") !== null || row.conflicting === true
      ? "lost"
      : text("wal_status"),
    database: text("database"),
    failover: row.failover === true,
    synced: row.synced === true,
  };
}
