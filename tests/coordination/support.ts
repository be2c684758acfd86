/** Keys, statuses, apps and signed requests for the tests of this room. */
import type { Log } from "../../src/core/log.ts";
import type { Request as PeerMessage } from "../../src/core/message.ts";
import { type CoordinationPorts, createCoordinationApp } from "../../src/coordination/app.ts";
import type { HealthFacts } from "../../src/coordination/health_paths.ts";
import type { HistoryEntry } from "../../src/coordination/history.ts";
import { type ClusterKeys, deriveKeys } from "../../src/coordination/keys.ts";
import { encodeRequest } from "../../src/coordination/messages.ts";
import {
  createBootId,
  hashBody,
  NO_CHALLENGE,
  type RequestEnvelope,
  signRequest,
} from "../../src/coordination/signature.ts";
import type { ClusterStatus, Health, NodeStatus } from "../../src/coordination/status.ts";

export const SECRET = "a secret of the tests, long enough";

export function keysFrom(secret: string, previous: string | null = null): ClusterKeys {
  return deriveKeys({
    clusterName: "test",
    clusterSecret: secret,
    previousClusterSecret: previous,
    database: { username: "postgres", password: "unused" },
  }).keys;
}

export const KEYS = keysFrom(SECRET);

export const STATUS: NodeStatus = {
  node: "node1",
  label: "postgres-node1",
  cluster: "test",
  version: "0.1.0",
  mode: "majority",
  role: "primary",
  phase: "leading",
  state: "primary",
  state_because: null,
  condition: {
    name: "running",
    level: "good",
    since_ms: 5000,
    because: "PostgreSQL runs as primary",
    remedy: "",
  },
  following: null,
  streaming: false,
  system_identifier: "7300000000000000001",
  incarnation: "0a1b2c3d",
  term: 3,
  leader: "node1",
  has_majority: true,
  writes_to: null,
  lease: { holder: "node1", remaining_ms: 2500 },
  timeline: 2,
  lsn: "0/16B3748",
  replay_lsn: null,
  lag_bytes: 0,
  record: { term: 3, seq: 1, leader: "node1", timeline: 2, electable: ["node2"], required: 1 },
  durability: "ANY 1 (node2, node3)",
  durability_policy: "quorum",
  electability: [{ node: "node2", electable: false, because: "it does not stream" }],
  possible_loss_bytes: 0,
  slots: [{
    name: "metako_node2",
    kind: "physical",
    member: "node2",
    active: true,
    wal_status: "reserved",
    retained_bytes: 0,
    database: null,
    failover: false,
    synced: false,
  }],
  postgres_major: 15,
  operation: null,
  members: null,
  proposed_members: null,
  paused: null,
  contact: {
    database_host: "127.0.0.1",
    database_port: 5432,
    router_port: 6432,
    read_only_port: null,
  },
  router: { port: 6432, sessions: 2, waiting: 0, total_connections: 9, refused: 0, cancels: 1 },
  peers: [{
    node: "node2",
    agent: "ok",
    consecutive_failures: 0,
    last_seen_ms_ago: 40,
    state: "standby",
  }],
  disks: [{ folder: "data", path: "/data", free_bytes: 5e9, total_bytes: 9e9, low: false }],
  problems: [],
  started_at: "2026-01-01T00:00:00.000Z",
  now: "2026-01-01T00:01:00.000Z",
};

export const CLUSTER: ClusterStatus = {
  answered_by: "node1",
  has_majority: true,
  cluster: "test",
  term: 3,
  leader: "node1",
  nodes: [],
};

export const HEALTH: Health = {
  status: "ok",
  node: "node1",
  role: "primary",
  state: "primary",
  writable: true,
};

/** A serving primary. */
export const FACTS: HealthFacts = {
  server: "primary",
  lease: "serving",
  stream: "detached",
  commits: "unknown",
  lag: "unlimited",
  loop: "turning",
};

export const HISTORY: HistoryEntry[] = [
  {
    type: "primary",
    at: "2026-01-01T00:00:00.000Z",
    node: "node1",
    term: 3,
    timeline: 2,
    from: "node2",
    to: "node1",
    kind: "planned",
    rule: "handover",
    because: "node2 hands term 2 over to this node",
    votes: ["node1", "node2"],
    outage_ms: 412,
    loss: "none",
    loss_because: null,
    asked_by: null,
    operator: null,
    tool: null,
  },
  {
    type: "operator",
    at: "2026-01-01T00:00:01.000Z",
    node: "node1",
    term: 3,
    asked_by: "10.0.0.9",
    operator: "alice@ops1",
    tool: "metako failover",
    action: "failover",
    to: "node2",
    outcome: "refused",
    because: "it is the primary already",
  },
];

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A log that keeps its lines. */
export function createLog(): { log: Log; lines: LogLine[] } {
  const lines: LogLine[] = [];
  return { lines, log: (level, event, fields = {}) => void lines.push({ level, event, fields }) };
}

/** An app of node1 with members node1 to node3; `received` collects what reached the core. */
export function createTestApp(ports: Partial<CoordinationPorts> = {}) {
  const received: { from: string; message: PeerMessage }[] = [];
  const { log, lines } = createLog();
  const app = createCoordinationApp({
    self: "node1",
    keys: KEYS,
    isMember: (name) => ["node1", "node2", "node3"].includes(name),
    request: (from, message) => {
      received.push({ from, message });
      return Promise.resolve({ type: "noted", term: 3 });
    },
    answerTimeoutMs: 1000,
    status: () => STATUS,
    cluster: () => CLUSTER,
    health: () => HEALTH,
    healthFacts: () => FACTS,
    history: (limit) => ({ node: "node1", entries: HISTORY.slice(-limit) }),
    metrics: () => Promise.resolve({ text: "metako_term 3\n", type: "text/plain; version=0.0.4" }),
    cancel: () => Promise.resolve(false),
    sessions: () => ({ node: "node1", total: 0, sessions: [] }),
    killSession: () => false,
    failover: async function* ({ to }) {
      yield { step: `electing ${to}`, outcome: "running" };
      await Promise.resolve();
      yield { step: `${to} is the primary`, outcome: "succeeded" };
    },
    operate: async function* ({ action }) {
      yield { step: `${action} begins`, outcome: "running" };
      await Promise.resolve();
      yield { step: `${action} is done`, outcome: "succeeded" };
    },
    readers: { openTo: "everybody", token: null },
    nowMs: () => performance.now(),
    log,
    ...ports,
  });
  return { app, received, lines };
}

export const MESSAGE: PeerMessage = { type: "resigned", term: 3 };

/** A request to be signed; every part can be set. */
export interface Draft {
  readonly method?: string;
  readonly path?: string;
  readonly sender?: string;
  readonly recipient?: string;
  readonly boot?: string;
  readonly counter?: number;
  readonly challenge?: string;
  readonly body?: string | null;
  readonly keys?: ClusterKeys;
}

/** A signed request as a URL and what `app.request()` takes, and its envelope. */
export function signed(draft: Draft = {}) {
  const { method = "POST", path = "/peer", sender = "node2", recipient = "node1" } = draft;
  const body = draft.body === undefined ? encodeRequest(MESSAGE) : draft.body;
  const envelope: RequestEnvelope = {
    sender,
    recipient,
    boot: draft.boot ?? createBootId(),
    counter: draft.counter ?? 1,
    challenge: draft.challenge ?? NO_CHALLENGE,
    bodyHash: hashBody(new TextEncoder().encode(body ?? "")),
  };
  const keys = draft.keys ?? KEYS;
  const ring = sender === "@operator" ? keys.operator : keys.peer;
  const headers: Record<string, string> = {
    "content-type": "application/json",
    ...signRequest(ring, { method, path }, envelope),
  };
  return { path, envelope, init: { method, headers, body } };
}

/** Obtains the challenge that `app` has for a sender. */
export async function challengeOf(
  app: ReturnType<typeof createTestApp>["app"],
  draft: Draft = {},
): Promise<string> {
  const { path, init } = signed(draft);
  const response = await app.request(path, init);
  await response.body?.cancel();
  const challenge = response.headers.get("metako-challenge");
  if (challenge === null) throw new Error(`no challenge in an answer ${response.status}`);
  return challenge;
}
