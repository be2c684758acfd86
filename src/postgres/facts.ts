/**
 * What a running server says about itself over SQL, in one statement.
 *
 * @module
 */
import { type Lsn, parseLsn } from "../core/lsn.ts";
import { type AttachedStandby, parseStandbyName, type SyncSetting } from "../core/server.ts";
import type { Row, Session, SqlFailure } from "./connection.ts";
import { parseSyncNames } from "./sync_names.ts";

/** Where a WAL receiver is connected to. */
export interface ReceiverFacts {
  readonly status: string;
  readonly host: string;
  readonly port: number;
}

/** A running server; positions are null where they do not exist in its role. */
export type Facts =
  & { readonly systemIdentifier: string; readonly dataDir: string | null }
  & (
    | {
      readonly role: "primary";
      readonly timeline: number;
      readonly insertLsn: Lsn;
      readonly standbys: readonly AttachedStandby[];
      readonly sync: SyncSetting;
    }
    | {
      readonly role: "standby";
      readonly receivedLsn: Lsn | null;
      readonly replayedLsn: Lsn;
      readonly replayPaused: boolean;
      /** Null where there is none, or it has not connected yet. */
      readonly receiver: ReceiverFacts | null;
      /** False where the server's settings name nobody to stream from; true where it cannot be told. */
      readonly namesUpstream: boolean;
      /** The process number of a WAL receiver in any state; null where there is none. */
      readonly receiverPid: number | null;
      /** What the startup process waits for; null while it works. */
      readonly startupWaitsFor: string | null;
    }
  );

const STATEMENT = `
with role as (select pg_is_in_recovery() as standby)
select
  role.standby::text as standby,
  (select system_identifier from pg_control_system())::text as system_identifier,
  current_setting('data_directory', true) as data_dir,
  current_setting('synchronous_standby_names') as names,
  case when not role.standby then pg_current_wal_insert_lsn()::text end as insert_lsn,
  case when not role.standby
    then left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) end as timeline,
  case when not role.standby then (
    select json_agg(json_build_array(application_name, state, flush_lsn, replay_lsn))
    from pg_stat_replication where pid <> pg_backend_pid()
  )::text end as standbys,
  case when role.standby then pg_last_wal_receive_lsn()::text end as received_lsn,
  case when role.standby then pg_last_wal_replay_lsn()::text end as replayed_lsn,
  case when role.standby then pg_is_wal_replay_paused()::text end as paused,
  case when role.standby then (
    select json_build_object('status', status, 'host', sender_host, 'port', sender_port)
    from pg_stat_wal_receiver limit 1
  )::text end as receiver,
  case when role.standby and pg_has_role(current_user, 'pg_read_all_settings', 'member')
    then (current_setting('primary_conninfo') <> '')::text end as names_upstream,
  case when role.standby then (
    select pid from pg_stat_activity where backend_type = 'walreceiver' limit 1
  )::text end as receiver_pid,
  case when role.standby then (
    select wait_event from pg_stat_activity where backend_type = 'startup' limit 1
  ) end as startup_waits_for
from role`;

/** The standby's variant. */
export type StandbyFacts = Extract<Facts, { role: "standby" }>;

/** Asks the server. A promotion in the middle of the statement makes it fail once; it is repeated. */
export async function readFacts(
  session: Session,
  timeoutMs: number,
): Promise<{ readonly ok: true; readonly facts: Facts } | SqlFailure> {
  let outcome = await session.query(STATEMENT, timeoutMs);
  if (!outcome.ok && outcome.code === "55000") outcome = await session.query(STATEMENT, timeoutMs);
  if (!outcome.ok) return outcome;
  return { ok: true, facts: factsOf(outcome.rows[0] ?? {}) };
}

function factsOf(row: Row): Facts {
  const common = {
    systemIdentifier: row.system_identifier ?? "",
    dataDir: row.data_dir ?? null,
  };
  if (row.standby !== "true") {
    return {
      ...common,
      role: "primary",
      timeline: Number.parseInt(row.timeline ?? "", 16),
      insertLsn: lsnOf(row.insert_lsn) ?? 0n,
      standbys: standbysOf(row.standbys ?? null),
      sync: parseSyncNames(row.names ?? ""),
    };
  }
  return {
    ...common,
    role: "standby",
    receivedLsn: lsnOf(row.received_lsn),
    replayedLsn: lsnOf(row.replayed_lsn) ?? 0n,
    replayPaused: row.paused === "true",
    receiver: row.receiver ? JSON.parse(row.receiver) : null,
    namesUpstream: row.names_upstream !== "false",
    receiverPid: row.receiver_pid ? Number(row.receiver_pid) : null,
    startupWaitsFor: row.startup_waits_for ?? null,
  };
}

function standbysOf(json: string | null): AttachedStandby[] {
  const rows: [string, string, string | null, string | null][] = json === null
    ? []
    : JSON.parse(json) ?? [];
  return rows.flatMap(([applicationName, state, flushed, replayed]) => {
    const name = parseStandbyName(applicationName);
    if (name === null) return [];
    return [{
      ...name,
      state,
      flushedLsn: lsnOf(flushed) ?? 0n,
      replayedLsn: lsnOf(replayed) ?? 0n,
    }];
  });
}

function lsnOf(text: string | null | undefined): Lsn | null {
  return text === null || text === undefined ? null : parseLsn(text);
}
