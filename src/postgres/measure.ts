/**
 * What is worth watching in the local server and decides nothing: connections, transactions, slots.
 *
 * It is read over a connection of its own, opened for each reading, so that a slow answer can never
 * make the server look unresponsive to the agent.
 *
 * @module
 */
import { openSession, type Target } from "./connection.ts";

/** One reading. */
export interface Measurements {
  /** Client connections by state, as `pg_stat_activity` spells it. */
  readonly connections: Readonly<Record<string, number>>;
  /** `max_connections`. */
  readonly maximumConnections: number;
  /** Since the statistics were reset, over all databases. */
  readonly commits: number;
  readonly rollbacks: number;
  readonly databaseBytes: number;
  /** The age of the oldest transaction that is open; 0 where none is. */
  readonly oldestTransactionSeconds: number;
  /** Transaction ids used of the 2³¹ that there are before a database must be frozen. */
  readonly oldestXidAge: number;
  readonly slots: readonly SlotMeasurement[];
}

/** One replication slot. */
export interface SlotMeasurement {
  readonly name: string;
  readonly active: boolean;
  /** WAL that it keeps from being removed; null where it keeps none, or has lost it. */
  readonly retainedBytes: number | null;
}

const STATEMENT = `
select json_build_object(
  'connections', (
    select coalesce(json_object_agg(state, count), '{}') from (
      select coalesce(state, 'unknown') as state, count(*) as count
      from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
      group by 1
    ) as by_state),
  'maximumConnections', current_setting('max_connections')::int,
  'commits', (select sum(xact_commit)::bigint from pg_stat_database),
  'rollbacks', (select sum(xact_rollback)::bigint from pg_stat_database),
  'databaseBytes', (select sum(pg_database_size(oid))::bigint from pg_database
    where has_database_privilege(oid, 'connect')),
  'oldestTransactionSeconds', (
    select coalesce(greatest(0, extract(epoch from max(clock_timestamp() - xact_start))), 0)
    from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()),
  'oldestXidAge', (select max(age(datfrozenxid)) from pg_database),
  'slots', (
    select coalesce(json_agg(json_build_object(
      'name', slot_name, 'active', active,
      'retainedBytes', greatest(0, pg_wal_lsn_diff(
        case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
        restart_lsn))) order by slot_name), '[]')
    from pg_replication_slots)
)::text as measured`;

/** Reads once, within `timeoutMs`; null where the server did not answer in time. */
export async function measureServer(
  target: Target,
  timeoutMs: number,
): Promise<Measurements | null> {
  const deadlineMs = performance.now() + timeoutMs;
  const opened = await openSession(target, timeoutMs);
  if (!opened.ok) return null;
  try {
    const outcome = await opened.session.query(
      STATEMENT,
      Math.max(1, deadlineMs - performance.now()),
    );
    const text = outcome.ok ? outcome.rows[0]?.measured : null;
    return text ? JSON.parse(text) : null;
  } finally {
    opened.session.close();
  }
}
