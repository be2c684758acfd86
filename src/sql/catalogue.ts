/**
 * Which functions may run anywhere: what `pg_proc` says of one database, and what this house adds.
 *
 * Functions are looked up by name alone, over all schemas and argument types: if any function of that
 * name is volatile, the call counts as volatile. So the answer depends neither on the search path nor
 * on the arguments' types, and errs towards the primary only.
 *
 * @module
 */

/** A row of the catalogue: one name of {@linkcode CATALOGUE_QUERY}. */
export interface CatalogueRow {
  readonly name: string;
  /** Some function of this name is volatile. */
  readonly volatile: boolean;
  /** Some function of this name is not PostgreSQL's own. */
  readonly userDefined: boolean;
  /** Some function of this name is volatile and not PostgreSQL's own. */
  readonly userVolatile: boolean;
}

/** What is known of one database's functions and operators. */
export interface Catalogue {
  readonly functions: ReadonlyMap<string, CatalogueRow>;
  /** User-defined operators whose function is volatile. */
  readonly volatileOperators: ReadonlySet<string>;
}

/** What calling a function may mean. */
export type FunctionKind =
  /** The same on every server, and nothing is left behind. */
  | "harmless"
  /** User-defined and declared stable or immutable. */
  | "user_harmless"
  /** It tells about the server or the session that it runs in. */
  | "server_state"
  | "volatile"
  | "user_volatile"
  | "unknown";

/**
 * Reads the catalogue of the present database, with every name qualified, so that no search path
 * reaches it. Columns: name, volatile, userDefined, userVolatile; `kind` is f or o (operators).
 */
export const CATALOGUE_QUERY: string = `
select 'f' as kind, p.proname::text as name,
  pg_catalog.bool_or(p.provolatile operator(pg_catalog.=) 'v') as volatile,
  pg_catalog.bool_or(p.pronamespace operator(pg_catalog.<>) 'pg_catalog'::pg_catalog.regnamespace)
    as user_defined,
  pg_catalog.bool_or(p.provolatile operator(pg_catalog.=) 'v'
    and p.pronamespace operator(pg_catalog.<>) 'pg_catalog'::pg_catalog.regnamespace)
    as user_volatile
from pg_catalog.pg_proc p group by p.proname
union all
select 'o', o.oprname::text, true, true, true
from pg_catalog.pg_operator o join pg_catalog.pg_proc p on p.oid operator(pg_catalog.=) o.oprcode
where p.provolatile operator(pg_catalog.=) 'v'
  and o.oprnamespace operator(pg_catalog.<>) 'pg_catalog'::pg_catalog.regnamespace
group by o.oprname`;

/** Volatile functions of PostgreSQL's own that change nothing and answer alike on every server. */
const HARMLESS_VOLATILE: ReadonlySet<string> = new Set([
  "clock_timestamp",
  "gen_random_uuid",
  "uuidv4",
  "uuidv7",
  "pg_sleep",
  "pg_sleep_for",
  "pg_sleep_until",
  "random",
  "random_normal",
  "timeofday",
]);

/**
 * Functions of PostgreSQL's own that are not volatile, and yet tell about one server or one session,
 * or fail on a standby.
 */
const SERVER_STATE: ReadonlySet<string> = new Set([
  "inet_client_addr",
  "inet_client_port",
  "inet_server_addr",
  "inet_server_port",
  "pg_backend_pid",
  "pg_blocking_pids",
  "pg_conf_load_time",
  "pg_control_checkpoint",
  "pg_control_init",
  "pg_control_recovery",
  "pg_control_system",
  "pg_current_snapshot",
  "pg_current_xact_id",
  "pg_current_xact_id_if_assigned",
  "pg_cursor",
  "pg_is_in_recovery",
  "pg_is_other_temp_schema",
  "pg_isolation_test_session_is_blocked",
  "pg_last_committed_xact",
  "pg_listening_channels",
  "pg_lock_status",
  "pg_my_temp_schema",
  "pg_postmaster_start_time",
  "pg_prepared_statement",
  "pg_prepared_xact",
  "pg_safe_snapshot_blocking_pids",
  "pg_sequence_last_value",
  "pg_show_all_file_settings",
  "pg_show_all_settings",
  "pg_trigger_depth",
  "pg_xact_commit_timestamp",
  "pg_xact_commit_timestamp_origin",
  "pg_xact_status",
  "row_security_active",
  "txid_current",
  "txid_current_if_assigned",
  "txid_current_snapshot",
  "txid_status",
]);

const SERVER_STATE_PREFIXES: readonly string[] = [
  "pg_stat_",
  "pg_get_replication_",
  "pg_get_wal_",
  "pg_hba_",
  "pg_ident_",
  "pg_last_wal_",
  "pg_last_xact_",
  "pg_ls_",
  "pg_read_",
  "pg_wal",
];

/** Builds a catalogue out of the rows of {@linkcode CATALOGUE_QUERY}. */
export function createCatalogue(
  functions: Iterable<CatalogueRow>,
  volatileOperators: Iterable<string> = [],
): Catalogue {
  return {
    functions: new Map([...functions].map((row) => [row.name, row])),
    volatileOperators: new Set(volatileOperators),
  };
}

/**
 * What calling `name` may mean.
 *
 * @param schema as it is written in the statement; null where it is not
 * @param catalogue null where the database's is not known: every function is unknown then
 */
export function functionKind(
  catalogue: Catalogue | null,
  schema: string | null,
  name: string,
): FunctionKind {
  const row = catalogue?.functions.get(name);
  if (row === undefined) return "unknown";
  const own = schema === "pg_catalog" || !row.userDefined;
  if (!own) return row.userVolatile ? "user_volatile" : mixed(row, name);
  return builtIn(row, name);
}

/** True where a column of this name could be a call of a volatile function in attribute notation. */
export function isVolatileAttribute(catalogue: Catalogue | null, name: string): boolean {
  return catalogue?.functions.get(name)?.userVolatile === true;
}

function mixed(row: CatalogueRow, name: string): FunctionKind {
  const kind = row.volatile || isServerState(name) ? builtIn(row, name) : "harmless";
  return kind === "harmless" ? "user_harmless" : kind;
}

function builtIn(row: CatalogueRow, name: string): FunctionKind {
  if (isServerState(name)) return "server_state";
  if (HARMLESS_VOLATILE.has(name)) return "harmless";
  return row.volatile ? "volatile" : "harmless";
}

function isServerState(name: string): boolean {
  return SERVER_STATE.has(name) || SERVER_STATE_PREFIXES.some((prefix) => name.startsWith(prefix));
}
