/**
 * Reads from the local PostgreSQL what the doctor judges.
 *
 * @module
 */
import postgres from "postgres";
import type { Config } from "../../config/mod.ts";
import { type PostgresReading, SETTING_RULES } from "./postgres.ts";

/** How long the whole reading may take, in seconds. */
const LIMIT_S = 5;

/** The reading, or why there is none. */
export type PostgresRead =
  | { readonly ok: true; readonly reading: PostgresReading }
  | { readonly ok: false; readonly because: string };

/** Reads as the agent's own user. `config.localDb` must not be null. */
export async function readPostgres(config: Config): Promise<PostgresRead> {
  const { localDb, members, router } = config;
  if (localDb === null) return { ok: false, because: "a witness has no PostgreSQL" };
  const { host, port, username, password } = localDb;
  const sql = postgres({
    host,
    port,
    username,
    password,
    database: "postgres",
    max: 1,
    connect_timeout: LIMIT_S,
    onnotice: () => {},
    connection: { application_name: "metako doctor", statement_timeout: LIMIT_S * 1000 },
  });
  try {
    const names = [
      ...SETTING_RULES.map(({ setting }) => setting),
      "data_checksums",
      "wal_log_hints",
    ];
    const settings = await sql`
      select name, setting from pg_settings where name = any(${names})`;
    const pending = await sql`select name from pg_settings where pending_restart order by name`;
    const [about] = await sql`
      select current_setting('server_version_num')::int as version,
        coalesce((select last_failed_time > coalesce(last_archived_time, '-infinity')
          from pg_stat_archiver), false) as archiver_fails`;
    const hba = await sql`
      select line_number as line, type, database as databases, user_name as users, address,
        auth_method as method, error
      from pg_hba_file_rules order by line_number`;
    return {
      ok: true,
      reading: {
        versionNumber: about!.version,
        settings: Object.fromEntries(settings.map(({ name, setting }) => [name, setting])),
        hba: hba.map(({ line, type, databases, users, address, method, error }) => ({
          line,
          type,
          databases: databases ?? [],
          users: users ?? [],
          address,
          method,
          error,
        })),
        localSocket: router.localSocket,
        archiverFails: about!.archiver_fails,
        pendingRestart: pending.map(({ name }) => name),
        dataMembers: members.filter(({ witness }) => !witness).length,
      },
    };
  } catch (error) {
    return { ok: false, because: error instanceof Error ? error.message : String(error) };
  } finally {
    await sql.end({ timeout: 1 });
  }
}
