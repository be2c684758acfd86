/**
 * A catalogue like that of a small application's database: PostgreSQL's own functions as far as the
 * tests name them, and a few of the application's.
 *
 * @module
 */
import { type Catalogue, type CatalogueRow, createCatalogue } from "../../src/sql/catalogue.ts";

const OWN_HARMLESS = `abs age array_agg array_length avg btrim concat count current_database
current_schema current_setting date_part date_trunc dense_rank extract first_value format_type
generate_series has_table_privilege inet_client_addr inet_server_addr json_agg
json_build_object jsonb_array_elements jsonb_path_query lag left length like_escape lower
make_interval max md5 min mod now obj_description overlay pg_backend_pid
pg_column_size pg_conf_load_time pg_get_expr pg_get_userbyid pg_get_viewdef pg_is_in_recovery
pg_last_wal_replay_lsn pg_last_wal_receive_lsn pg_listening_channels pg_my_temp_schema
pg_current_xact_id pg_postmaster_start_time pg_relation_size pg_stat_get_activity
pg_stat_get_db_numbackends pg_table_is_visible pg_total_relation_size pg_current_snapshot
position quote_ident rank regexp_replace repeat replace round row_number rtrim similar_to_escape
split_part statement_timestamp string_agg substr substring sum timezone to_char to_tsquery
to_tsvector to_json transaction_timestamp trim trunc ts_rank txid_current unnest upper version
xmlagg normalize is_normalized overlaps`.split(/\s+/);
const OWN_VOLATILE =
  `clock_timestamp currval gen_random_uuid lastval lo_creat lo_import lo_unlink nextval
pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all
pg_advisory_xact_lock pg_cancel_backend pg_create_restore_point pg_export_snapshot
pg_logical_emit_message pg_logical_slot_get_changes pg_notify pg_promote pg_reload_conf
pg_rotate_logfile pg_sleep pg_stat_file pg_stat_reset pg_switch_wal pg_terminate_backend
pg_try_advisory_lock pg_try_advisory_xact_lock query_to_xml random set_config setseed setval
timeofday ts_stat pg_read_file pg_ls_dir pg_create_physical_replication_slot
pg_current_wal_lsn`.split(/\s+/);
const USER: Readonly<Record<string, "volatile" | "harmless">> = {
  add_order: "volatile",
  area: "volatile",
  full_name: "harmless",
  dblink_exec: "volatile",
  uuid_generate_v4: "volatile",
};

/** The catalogue of the tests. */
export function sampleCatalogue(): Catalogue {
  const rows: CatalogueRow[] = [];
  for (const name of OWN_HARMLESS) rows.push(row(name, false, false));
  for (const name of OWN_VOLATILE) rows.push(row(name, true, false));
  for (const [name, kind] of Object.entries(USER)) rows.push(row(name, kind === "volatile", true));
  // The application has a volatile left() of its own beside PostgreSQL's, and a stable round().
  rows.push({ name: "left", volatile: true, userDefined: true, userVolatile: true });
  rows.push({ name: "round", volatile: false, userDefined: true, userVolatile: false });
  return createCatalogue(rows, ["<->!"]);
}

function row(name: string, volatile: boolean, userDefined: boolean): CatalogueRow {
  return { name, volatile, userDefined, userVolatile: volatile && userDefined };
}
