/**
 * What `/metrics` says: this node's status, the core's decisions, the router and PostgreSQL, as
 * samples.
 *
 * @module
 */
import type { NodeHealth } from "../coordination/health.ts";
import { CHANGE_KINDS, type PrimaryChange } from "../coordination/history.ts";
import { type NodeStatus, ROLES, SERVER_STATES } from "../coordination/status.ts";
import type { Decision } from "../core/effect.ts";
import { parseLsn } from "../core/lsn.ts";
import type { ServerObservation } from "../core/server.ts";
import type { Measurements } from "../postgres/measure.ts";
import type { RouterStatistics } from "../router/options.ts";
import type { MetricName } from "../telemetry/metric_list.ts";
import type { Sample } from "../telemetry/metrics.ts";
import { CONDITION_NAMES, CONDITIONS } from "./condition.ts";
import type { FolderSpace } from "./disks.ts";
import type { ChronicleCounts } from "./chronicle.ts";

/** Everything that one scrape shows. */
export interface MetricSources {
  readonly status: NodeStatus;
  /** Whether this node is the writable primary. */
  readonly writable: boolean;
  readonly peers: readonly NodeHealth[];
  readonly server: ServerObservation | null;
  readonly router: RouterStatistics | null;
  /** Null on a witness, or where PostgreSQL did not answer in time. */
  readonly measured: Measurements | null;
  readonly outages: ChronicleCounts;
  readonly tally: Tally;
  readonly disks: readonly FolderSpace[];
}

/** Numbers that only grow. */
export interface Tally {
  /** How often each decision was made, by `event outcome`. */
  readonly decisions: ReadonlyMap<string, number>;
  readonly changes: ReadonlyMap<PrimaryChange["kind"], number>;
}

/** Counts decisions and changes. */
export function createTally(): Tally & {
  decision(decision: Decision): void;
  change(kind: PrimaryChange["kind"]): void;
} {
  const decisions = new Map<string, number>();
  const changes = new Map<PrimaryChange["kind"], number>();
  return {
    decisions,
    changes,
    decision({ event, outcome }) {
      const key = `${event} ${outcome}`;
      decisions.set(key, (decisions.get(key) ?? 0) + 1);
    },
    change: (kind) => void changes.set(kind, (changes.get(kind) ?? 0) + 1),
  };
}

const CONDITION_LABELS = CONDITION_NAMES.map((name) => ({
  condition: name,
  level: CONDITIONS.find((row) => row.name === name)!.level,
}));

/** Puts a scrape together; what is not known has no sample. */
export function metricSamples(sources: MetricSources): Sample[] {
  return [
    ...clusterSamples(sources),
    ...countedSamples(sources),
    ...replicationSamples(sources),
    ...routerSamples(sources.router),
    ...postgresSamples(sources),
    ...sources.disks.flatMap(diskSamples),
  ];
}

function diskSamples({ use, path, freeBytes, totalBytes }: FolderSpace): Sample[] {
  // There may be several tablespaces.
  const folder = use === "tablespace" || use === "temporary" ? path : use;
  return [
    one("metako_disk_free_bytes", freeBytes, { folder }),
    one("metako_disk_size_bytes", totalBytes, { folder }),
  ];
}

function clusterSamples({ status, writable, peers }: MetricSources): Sample[] {
  const { operation } = status;
  return [
    one("metako_build_info", 1, { version: status.version }),
    one("metako_agent_start_time_seconds", Date.parse(status.started_at) / 1000),
    one("metako_paused", truth(status.paused !== null)),
    one("metako_pause_seconds", pausedSeconds(status)),
    one("metako_problems", status.problems.length),
    one("metako_member_up", 1, { member: status.node }),
    ...peers.map(({ node, agent }) =>
      one("metako_member_up", truth(agent === "ok"), { member: node })
    ),
    ...peers.flatMap(({ node, lastSeenMsAgo }) =>
      maybe("metako_member_last_seen_seconds", seconds(lastSeenMsAgo), { member: node })
    ),
    ...ROLES.map((role) => one("metako_role", truth(status.role === role), { role })),
    ...SERVER_STATES.map((state) =>
      one("metako_server_state", truth(status.state === state), { state })
    ),
    ...CONDITION_LABELS.map((labels) =>
      one("metako_condition", truth(status.condition?.name === labels.condition), labels)
    ),
    ...(operation === null ? [] : [
      one("metako_operation_seconds", operation.since_ms / 1000, { action: operation.action }),
    ]),
    one("metako_primary", truth(writable)),
    one("metako_writable", truth(status.writes_to !== null)),
    one("metako_has_majority", truth(status.has_majority)),
    one("metako_lease_remaining_seconds", (status.lease?.remaining_ms ?? 0) / 1000),
    one("metako_term", status.term),
    ...maybe("metako_timeline", status.timeline),
    ...maybe("metako_record_sequence", status.record?.seq ?? null),
  ];
}

function countedSamples({ tally, outages }: MetricSources): Sample[] {
  const { decisions, changes } = tally;
  const times = (...keys: string[]) =>
    keys.reduce((sum, key) => sum + (decisions.get(key) ?? 0), 0);
  return [
    ...[...decisions].map(([key, value]) => {
      const [event = "", outcome = ""] = key.split(" ");
      return one("metako_decisions_total", value, { event, outcome });
    }),
    one("metako_elections_started_total", times("campaign started")),
    one("metako_elections_won_total", times("elected done")),
    one("metako_step_downs_total", times("step_down done")),
    ...["granted", "denied"].map((answer) =>
      one("metako_votes_total", times(`vote ${answer}`), { answer })
    ),
    one("metako_outages_total", outages.outages),
    one("metako_outage_seconds_total", outages.outageMs / 1000),
    one("metako_outage_running_seconds", (outages.runningMs ?? 0) / 1000),
    ...CHANGE_KINDS.map((kind) =>
      one("metako_primary_changes_total", changes.get(kind) ?? 0, { kind })
    ),
  ];
}

function replicationSamples({ status, server }: MetricSources): Sample[] {
  const { record } = status;
  const isStandby = status.state === "standby";
  const attached = server?.state === "primary" ? server : null;
  return [
    ...maybe("metako_wal_position_bytes", bytesOf(status.lsn)),
    ...maybe("metako_wal_replay_position_bytes", bytesOf(status.replay_lsn)),
    ...(isStandby ? [one("metako_replication_streaming", truth(status.streaming))] : []),
    ...maybe("metako_replication_lag_bytes", status.lag_bytes),
    ...(attached?.standbys ?? []).flatMap(({ node, flushedLsn, replayedLsn }) => [
      one("metako_standby_flush_lag_bytes", behind(attached!.insertLsn, flushedLsn), {
        member: node,
      }),
      one("metako_standby_replay_lag_bytes", behind(attached!.insertLsn, replayedLsn), {
        member: node,
      }),
    ]),
    ...maybe("metako_durability_required_standbys", record?.required ?? null),
    ...maybe("metako_durability_electable_members", record?.electable.length ?? null),
    ...maybe("metako_possible_loss_bytes", status.possible_loss_bytes),
  ];
}

function routerSamples(router: RouterStatistics | null): Sample[] {
  if (router === null) return [];
  return [
    ...Object.entries(router.byNode).map(([member, value]) =>
      one("metako_router_sessions", value, { member })
    ),
    ...Object.entries(router.queries).flatMap(([member, { reads, writes, failures }]) => [
      one("metako_router_queries_total", reads, { member, kind: "read" }),
      one("metako_router_queries_total", writes, { member, kind: "write" }),
      one("metako_router_query_failures_total", failures, { member }),
    ]),
    one("metako_router_moved_sessions_total", router.moved),
    one("metako_router_waiting_sessions", router.waiting),
    one("metako_router_waits_total", router.waits),
    one("metako_router_wait_seconds_total", router.waitedMs / 1000),
    one("metako_router_connections_total", router.totalConnections),
    one("metako_router_refused_total", router.refused),
    one("metako_router_cancels_total", router.cancelled),
    one("metako_router_bytes_total", router.bytesToServer, { direction: "to_server" }),
    one("metako_router_bytes_total", router.bytesToClient, { direction: "to_client" }),
  ];
}

function postgresSamples({ measured, status }: MetricSources): Sample[] {
  if (status.role === "witness") return [];
  if (measured === null) return [one("metako_postgres_up", 0)];
  return [
    one("metako_postgres_up", 1),
    ...Object.entries(measured.connections).map(([state, value]) =>
      one("metako_postgres_connections", value, { state })
    ),
    one("metako_postgres_maximum_connections", measured.maximumConnections),
    one("metako_postgres_commits_total", measured.commits),
    one("metako_postgres_rollbacks_total", measured.rollbacks),
    one("metako_postgres_database_bytes", measured.databaseBytes),
    one("metako_postgres_oldest_transaction_seconds", measured.oldestTransactionSeconds),
    one("metako_postgres_oldest_xid_age", measured.oldestXidAge),
    ...measured.slots.flatMap(({ name: slot, active, retainedBytes }) => [
      one("metako_slot_active", truth(active), { slot }),
      ...maybe("metako_slot_retained_wal_bytes", retainedBytes, { slot }),
    ]),
  ];
}

function one(name: MetricName, value: number, labels?: Readonly<Record<string, string>>): Sample {
  return labels === undefined ? { name, value } : { name, value, labels };
}

function maybe(
  name: MetricName,
  value: number | null,
  labels?: Readonly<Record<string, string>>,
): Sample[] {
  return value === null ? [] : [one(name, value, labels)];
}

/** By this host's clock, which wrote the beginning down too, or the leader's did; never negative. */
function pausedSeconds({ paused, now }: NodeStatus): number {
  if (paused === null) return 0;
  const ms = Date.parse(now) - Date.parse(paused.since);
  return Number.isFinite(ms) ? Math.max(0, ms / 1000) : 0;
}

function truth(value: boolean): number {
  return value ? 1 : 0;
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}

function behind(ahead: bigint, position: bigint): number {
  return ahead > position ? Number(ahead - position) : 0;
}

function bytesOf(lsn: string | null): number | null {
  const parsed = lsn === null ? null : parseLsn(lsn);
  return parsed === null ? null : Number(parsed);
}
