/**
 * The documented JSON of `/status`, `/cluster` and `/health`, and of `metako status --json`.
 *
 * Keys are in snake case, units are last (`remaining_ms`), an LSN is text ("0/16B3748"), and what is
 * not known is null, never a made-up zero. A reader ignores keys that it does not know, so that an
 * older `metako status` can ask a newer node.
 *
 * @module
 */
import { z } from "zod";

const count = z.int().nonnegative();
const lsnText = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/);

/** What the agent decided to be: see `phase` for what it is doing about it. */
export const ROLES = ["primary", "standby", "candidate", "witness", "none"] as const;

/** What the local PostgreSQL is doing; a witness, which has none, says "absent". */
export const SERVER_STATES = [
  "absent",
  "refused",
  "stopped",
  "starting",
  "unresponsive",
  "standby",
  "primary",
] as const;

/** What the periodic health check thinks of another member's agent. */
export const AGENT_HEALTH = ["ok", "unhealthy", "unknown"] as const;

const lease = z.object({
  /** The member that holds it, as far as this node knows. */
  holder: z.string(),
  /** How long it still lasts on this node's clock; 0 once it has lapsed. */
  remaining_ms: z.number().nonnegative(),
});

const record = z.object({
  term: count,
  seq: count,
  leader: z.string(),
  timeline: count,
  /** The names of the members of which one may be elected. */
  electable: z.array(z.string()),
  /** Every acknowledged commit is on at least this many of them. */
  required: count,
});

const electability = z.object({
  node: z.string(),
  electable: z.boolean(),
  /** Empty where it is electable. */
  because: z.string(),
});

const operation = z.object({
  action: z.string(),
  since_ms: z.number().nonnegative(),
  progress: z.object({
    done_bytes: count,
    total_bytes: count,
    /** Over the last ten seconds; null while too little is known. */
    bytes_per_second: count.nullable().default(null),
    /** At that speed; null while too little is known, and where nothing moves. */
    remaining_ms: count.nullable().default(null),
  }).nullable(),
});

const contact = z.object({
  database_host: z.string(),
  database_port: count,
  router_port: count.nullable(),
  read_only_port: count.nullable(),
});

const router = z.object({
  port: count,
  sessions: count,
  waiting: count,
  total_connections: count,
  refused: count,
}).catchall(z.number());

const slot = z.object({
  name: z.string(),
  kind: z.enum(["physical", "logical"]),
  /** The member whose it is; null where it belongs to none. */
  member: z.string().nullable(),
  active: z.boolean(),
  /** PostgreSQL's word: "reserved", "extended", "unreserved", "lost"; null where it has none. */
  wal_status: z.string().nullable(),
  /** WAL that it holds back. */
  retained_bytes: count.nullable(),
  /** Of a logical slot. */
  database: z.string().nullable(),
  /** A logical slot that PostgreSQL keeps on standbys, and such a copy. */
  failover: z.boolean(),
  synced: z.boolean(),
});

const peer = z.object({
  node: z.string(),
  agent: z.enum(AGENT_HEALTH),
  consecutive_failures: count,
  /** Time since the last answer; null where there never was one. */
  last_seen_ms_ago: z.number().nonnegative().nullable(),
  /** The state of its PostgreSQL when it last answered; null where it never did. */
  state: z.string().nullable(),
});

const condition = z.object({
  /** "running", "streaming", "hung", "disk_full" …; see docs/operations/health.md. */
  name: z.string(),
  /** "passing" ends by itself, "bad" wants somebody to look. */
  level: z.enum(["good", "passing", "bad"]),
  since_ms: z.number().nonnegative(),
  because: z.string(),
  /** What to do; empty where nothing is to be done. */
  remedy: z.string(),
});

const disk = z.object({
  /** WAL and tablespaces are listed where they have a disk of their own. */
  folder: z.enum([
    "data",
    "wal",
    "state",
    "tablespace",
    /** A tablespace that holds temporary files of queries alone, or nothing yet. */
    "temporary",
  ]),
  path: z.string(),
  free_bytes: count,
  total_bytes: count,
  /** So little room that PostgreSQL, or the agent, may stop: nothing should be begun here. */
  low: z.boolean(),
});

const member = z.object({ node: z.string(), kind: z.enum(["data", "witness"]) });

const pause = z.object({
  id: z.string(),
  /** Why, in the operator's words; may be empty. */
  reason: z.string(),
  /** Who asked for it, as `user@host`. */
  by: z.string(),
  /** RFC 3339, UTC. */
  since: z.string(),
  /** On the primary: whether it is left alone even where its lease ends. */
  holds_primary: z.boolean(),
  /** The action on PostgreSQL that waits for the end of the pause; null where none does. */
  held: z.string().nullable(),
});

/** What one node knows about itself and about the others. The body of `GET /status`. */
export const nodeStatusSchema = z.object({
  node: z.string(),
  /** The name that people gave the database (`local_db.name`). */
  label: z.string(),
  cluster: z.string(),
  version: z.string(),
  /** Who decides: a majority of the members, or each of a pair within limits. */
  mode: z.enum(["majority", "pair"]),
  role: z.enum(ROLES),
  /** What the core is doing, in its own words. */
  phase: z.string(),
  state: z.enum(SERVER_STATES),
  /** Why the server is in that state, where it says so. */
  state_because: z.string().nullable(),
  /** How the server is, in one word, and what to do; null where it was not looked at. */
  condition: condition.nullable().default(null),
  /** The node whose WAL it is configured to stream; null where there is none. */
  following: z.string().nullable(),
  /** Whether that stream is up. */
  streaming: z.boolean(),
  system_identifier: z.string().nullable(),
  incarnation: z.string().nullable(),
  term: count,
  /** The leader of that term, as far as this node knows. */
  leader: z.string().nullable(),
  /** Whether this node heard from, or is acknowledged by, a majority within the lease. */
  has_majority: z.boolean(),
  /** The primary that this node's router sends writes to now; null where it sends them nowhere. */
  writes_to: z.string().nullable().default(null),
  lease: lease.nullable(),
  timeline: count.nullable(),
  /** Insert position of a primary, received position of a standby. */
  lsn: lsnText.nullable(),
  replay_lsn: lsnText.nullable(),
  lag_bytes: count.nullable(),
  record: record.nullable(),
  /** What a commit waits for, as PostgreSQL spells it: `ANY 1 (node2, node3)`. */
  durability: z.string(),
  /** The policy that the leader applies: `replication.durability`. */
  durability_policy: z.enum(["strict", "quorum", "async"]).nullable().default(null),
  /** Every other data member, and why it may not be elected; null but on the serving primary. */
  electability: z.array(electability).nullable().default(null),
  /** WAL that the next primary may lack, should this one be gone; null: not known, or all of it. */
  possible_loss_bytes: count.nullable().default(null),
  /** Replication slots on this node's server; null where it was not looked at. */
  slots: z.array(slot).nullable().default(null),
  /** PostgreSQL's release, such as 15. */
  postgres_major: count.nullable().default(null),
  operation: operation.nullable(),
  /** The members that count, by the newest record that this node holds. */
  members: z.array(member).nullable().default(null),
  /** The members that this node's configuration proposes. */
  proposed_members: z.array(member).nullable().default(null),
  /** The pause that this node keeps; null while metako steers its PostgreSQL. */
  paused: pause.nullable().default(null),
  contact,
  /** Counters of the local router; null where none runs. */
  router: router.nullable(),
  peers: z.array(peer),
  /** Room under PostgreSQL's data and the agent's state, where it could be looked at. */
  disks: z.array(disk).default([]),
  /** What is wrong, one sentence each. Empty on a healthy node. */
  problems: z.array(z.string()),
  /** RFC 3339, UTC. */
  started_at: z.string(),
  now: z.string(),
});

/** See {@linkcode nodeStatusSchema}. */
export type NodeStatus = z.output<typeof nodeStatusSchema>;

const clusterNode = z.object({
  node: z.string(),
  agent: z.enum(AGENT_HEALTH),
  last_seen_ms_ago: z.number().nonnegative().nullable(),
  /** Null in what the answering node never learned. */
  role: z.enum(ROLES).nullable(),
  state: z.string().nullable(),
  term: count.nullable(),
  timeline: count.nullable(),
  lsn: lsnText.nullable(),
  lag_bytes: count.nullable(),
  problems: z.array(z.string()),
});

/** The cluster as one node sees it. The body of `GET /cluster`. */
export const clusterStatusSchema = z.object({
  answered_by: z.string(),
  /** False: the rest may be out of date, for this node cannot hear a majority. */
  has_majority: z.boolean(),
  cluster: z.string(),
  term: count,
  leader: z.string().nullable(),
  nodes: z.array(clusterNode),
});

/** See {@linkcode clusterStatusSchema}. */
export type ClusterStatus = z.output<typeof clusterStatusSchema>;

/** One node in {@linkcode ClusterStatus}. */
export type ClusterNode = ClusterStatus["nodes"][number];

/** Whether one node works. The body of `GET /health`; "failing" comes with HTTP status 503. */
export const healthSchema = z.object({
  status: z.enum(["ok", "degraded", "failing"]),
  node: z.string(),
  role: z.enum(ROLES),
  state: z.enum(SERVER_STATES),
  /** True only on a primary whose lease is current. */
  writable: z.boolean(),
});

/** See {@linkcode healthSchema}. */
export type Health = z.output<typeof healthSchema>;

/**
 * Shortens a node's status to its line in `/cluster`.
 *
 * @param seen what the health check knows about that node's agent
 */
export function summariseStatus(
  status: NodeStatus,
  seen: Pick<ClusterNode, "agent" | "last_seen_ms_ago">,
): ClusterNode {
  return {
    node: status.node,
    agent: seen.agent,
    last_seen_ms_ago: seen.last_seen_ms_ago,
    role: status.role,
    state: status.state,
    term: status.term,
    timeline: status.timeline,
    lsn: status.lsn,
    lag_bytes: status.lag_bytes,
    problems: status.problems,
  };
}

/** The line in `/cluster` of a node that never answered. */
export function unknownNode(
  node: string,
  seen: Pick<ClusterNode, "agent" | "last_seen_ms_ago">,
): ClusterNode {
  return {
    node,
    agent: seen.agent,
    last_seen_ms_ago: seen.last_seen_ms_ago,
    role: null,
    state: null,
    term: null,
    timeline: null,
    lsn: null,
    lag_bytes: null,
    problems: [],
  };
}
