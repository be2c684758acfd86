/**
 * Settings and system views: which tell about the session, and which about the server that answers.
 *
 * @module
 */

/**
 * Settings whose value is the same on every server of a session that the router keeps in step. SHOW of
 * any other one, and `current_setting` of it, is the primary's to answer: it may differ by role
 * (`transaction_read_only`, `in_hot_standby`) or by host (`port`, `shared_buffers`).
 */
const SESSION_SETTINGS: ReadonlySet<string> = new Set([
  "application_name",
  "bytea_output",
  "client_encoding",
  "client_min_messages",
  "datestyle",
  "default_transaction_isolation",
  "default_transaction_read_only",
  "extra_float_digits",
  "idle_in_transaction_session_timeout",
  "integer_datetimes",
  "intervalstyle",
  "lc_messages",
  "lc_monetary",
  "lc_numeric",
  "lc_time",
  "lock_timeout",
  "max_identifier_length",
  "search_path",
  "server_encoding",
  "server_version",
  "server_version_num",
  "standard_conforming_strings",
  "statement_timeout",
  "timezone",
  "work_mem",
  "xmlbinary",
  "xmloption",
]);

/** System views about one server or one session, none of them the same on a standby. */
const SERVER_RELATIONS: ReadonlySet<string> = new Set([
  "pg_aios",
  "pg_backend_memory_contexts",
  "pg_cursors",
  "pg_dsm_registry_allocations",
  "pg_file_settings",
  "pg_hba_file_rules",
  "pg_ident_file_mappings",
  "pg_locks",
  "pg_prepared_statements",
  "pg_prepared_xacts",
  "pg_replication_origin_status",
  "pg_replication_slots",
  "pg_sequences",
  "pg_settings",
  "pg_shmem_allocations",
  "pg_shmem_allocations_numa",
  "pg_wait_events",
]);

/** True where SHOW may be answered by any server. `name` may be in any case. */
export function isSessionSetting(name: string): boolean {
  return SESSION_SETTINGS.has(name.toLowerCase());
}

/**
 * True for views whose rows are about the server that is asked. `pg_stats` and its kin are not: the
 * planner's statistics are replicated data.
 *
 * @param schema as written in the statement; null where it is not
 */
export function isServerRelation(schema: string | null, name: string): boolean {
  if (schema !== null && schema !== "pg_catalog") return false;
  return SERVER_RELATIONS.has(name) || /^pg_stat(io)?_/.test(name);
}

/** The value of `metako.route` that the client set; null where it is none that is known. */
export function routeValue(value: string): "primary" | "standby" | "auto" | null {
  const known = value.toLowerCase();
  return known === "primary" || known === "standby" || known === "auto" ? known : null;
}
