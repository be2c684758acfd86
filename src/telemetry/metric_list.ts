/**
 * Every metric that `/metrics` has: name, type, labels, meaning. The documentation, the dashboard
 * and the alerts are checked against this list.
 *
 * Names begin with `metako_` and end with their unit; counters end with `_total`.
 *
 * @module
 */

/** One metric. */
export interface MetricDefinition {
  readonly type: "gauge" | "counter";
  readonly labels: readonly string[];
  readonly help: string;
}

const gauge = (help: string, ...labels: string[]) => ({ type: "gauge", labels, help }) as const;
const counter = (help: string, ...labels: string[]) => ({ type: "counter", labels, help }) as const;

/** The list, in the order of the documentation. */
export const METRICS = {
  metako_build_info: gauge("Always 1; the label is the version.", "version"),
  metako_agent_start_time_seconds: gauge("When the agent started, in Unix time."),
  metako_paused: gauge("1 while this node is paused for maintenance: metako steers nothing here."),
  metako_pause_seconds: gauge("How long this node has been paused; 0 while it is not."),
  metako_problems: gauge("How many problems this node reports of itself in its status."),

  metako_member_up: gauge(
    "1 while the agent of that member answers this node's health checks; 1 for itself.",
    "member",
  ),
  metako_member_last_seen_seconds: gauge(
    "Time since that member's agent answered a health check; absent where it never did.",
    "member",
  ),
  metako_role: gauge("1 for the role that this node has in the cluster, 0 for the others.", "role"),
  metako_server_state: gauge("1 for the present state of the local PostgreSQL.", "state"),
  metako_condition: gauge(
    "1 for the present condition of the local PostgreSQL, 0 for the others.",
    "condition",
    "level",
  ),
  metako_operation_seconds: gauge(
    "How long the agent has been busy with an action on PostgreSQL.",
    "action",
  ),

  metako_primary: gauge("1 while this node is the writable primary, by a lease that is current."),
  metako_writable: gauge("1 while this node knows a primary that writes may be sent to."),
  metako_has_majority: gauge("1 while this node hears, or is acknowledged by, a majority."),
  metako_lease_remaining_seconds: gauge(
    "How long the present lease still lasts, as this node knows it; 0 once it has lapsed.",
  ),
  metako_term: gauge("The term that this node is in; it grows with every election."),
  metako_timeline: gauge("PostgreSQL's timeline on this node."),
  metako_record_sequence: gauge("How often the record of this term was changed."),

  metako_decisions_total: counter(
    "Decisions of the consensus, by the event that the log names; see its meaning there.",
    "event",
    "outcome",
  ),
  metako_elections_started_total: counter("Elections in which this node asked for votes."),
  metako_elections_won_total: counter("Elections that this node won."),
  metako_step_downs_total: counter("How often this node gave up leadership without being asked."),
  metako_votes_total: counter("Votes that this node was asked for, by its answer.", "answer"),

  metako_outages_total: counter(
    "How often this node knew of no primary to send writes to, after having known one.",
  ),
  metako_outage_seconds_total: counter("How long these outages took together, once they ended."),
  metako_outage_running_seconds: gauge("How long the present outage takes; 0 while there is none."),
  metako_primary_changes_total: counter(
    "Changes of the primary that this node saw: planned, unplanned, forced, or the first it saw.",
    "kind",
  ),

  metako_wal_position_bytes: gauge("Insert position of a primary, received one of a standby."),
  metako_wal_replay_position_bytes: gauge("Replayed position of a standby."),
  metako_replication_streaming: gauge("1 while this standby streams."),
  metako_replication_lag_bytes: gauge("How far replay is behind the primary's insert position."),
  metako_standby_flush_lag_bytes: gauge(
    "On the primary: WAL that the attached standby has not flushed yet.",
    "member",
  ),
  metako_standby_replay_lag_bytes: gauge(
    "On the primary: WAL that the attached standby has not replayed yet.",
    "member",
  ),
  metako_durability_required_standbys: gauge(
    "On how many standbys every acknowledged commit is, by this node's record.",
  ),
  metako_durability_electable_members: gauge("How many standbys may be elected, by that record."),
  metako_possible_loss_bytes: gauge(
    "On the primary: WAL that the next one may lack; absent where nobody can tell.",
  ),

  metako_router_sessions: gauge("Sessions of this node's router, by where they lead.", "member"),
  metako_router_queries_total: counter(
    "Queries of sessions with splitting, by where they went and what they are.",
    "member",
    "kind",
  ),
  metako_router_query_failures_total: counter(
    "Errors that these sessions' clients read.",
    "member",
  ),
  metako_router_moved_sessions_total: counter("Sessions that went on at another primary."),
  metako_router_waiting_sessions: gauge("Sessions that wait for a server."),
  metako_router_waits_total: counter("Sessions that had to wait for a server and wait no more."),
  metako_router_wait_seconds_total: counter("How long these sessions waited together."),
  metako_router_connections_total: counter("Connections that the router accepted."),
  metako_router_refused_total: counter("Clients that the router itself turned away."),
  metako_router_cancels_total: counter("Cancel requests that were passed on."),
  metako_router_bytes_total: counter("Bytes that the router passed on.", "direction"),

  metako_postgres_up: gauge("1 where the local PostgreSQL answered the measurement."),
  metako_postgres_connections: gauge("Client connections of PostgreSQL, by state.", "state"),
  metako_postgres_maximum_connections: gauge("PostgreSQL's max_connections."),
  metako_postgres_commits_total: counter("Transactions committed, over all databases."),
  metako_postgres_rollbacks_total: counter("Transactions rolled back, over all databases."),
  metako_postgres_database_bytes: gauge("Size of all databases together."),
  metako_postgres_oldest_transaction_seconds: gauge("Age of the oldest open transaction."),
  metako_postgres_oldest_xid_age: gauge(
    "Transactions since the oldest that is not frozen; PostgreSQL stops near 2 billion.",
  ),
  metako_slot_active: gauge("1 while somebody uses the replication slot.", "slot"),
  metako_slot_retained_wal_bytes: gauge("WAL that the replication slot keeps.", "slot"),
  metako_disk_free_bytes: gauge(
    "Room on the disk under PostgreSQL's data, its WAL, the state, or a tablespace, by its path.",
    "folder",
  ),
  metako_disk_size_bytes: gauge("Size of that disk.", "folder"),
} as const satisfies Readonly<Record<string, MetricDefinition>>;

/** The name of a metric. */
export type MetricName = keyof typeof METRICS;
