/**
 * The node's status: the core's state, the server, the router and the peers in one document.
 *
 * @module
 */
import type { Config } from "../config/mod.ts";
import type { NodeHealth } from "../coordination/health.ts";
import type { NodeStatus } from "../coordination/status.ts";
import { formatLsn, type Lsn } from "../core/lsn.ts";
import type { Contact } from "../core/message.ts";
import type { MemberEntry, NodeName } from "../core/record.ts";
import { membersOf } from "../core/members.ts";
import { standbyName } from "../core/server.ts";
import type { State } from "../core/state.ts";
import type { View } from "../core/view.ts";
import type { RunningAction } from "./actions.ts";
import { compareNames } from "../coordination/names.ts";
import { paceOf } from "./pace.ts";
import type { CareReport } from "../postgres/server.ts";
import type { CareKeeper } from "./care.ts";
import type { KnownStandby } from "./route_view.ts";

/** Everything that does not change while the agent runs. */
export interface Identity {
  readonly label: string;
  readonly cluster: string;
  readonly version: string;
  readonly startedAt: string;
  readonly contact: NodeStatus["contact"];
  /** What cannot be done here, and what the operator should know at any time. */
  readonly standingProblems: readonly string[];
}

/** Puts together what the configuration says of this node; the agent starts now. */
export function identityOf(
  config: Config,
  told: { readonly version: string; readonly problems: readonly string[] },
): Identity {
  const { identity, router } = config;
  return {
    label: config.localDb?.name ?? identity.nodeName,
    cluster: config.clusterName,
    version: told.version,
    startedAt: new Date().toISOString(),
    contact: {
      database_host: identity.localDbHost,
      database_port: identity.localDbPort,
      router_port: router.port,
      read_only_port: router.readOnlyPort,
    },
    standingProblems: told.problems,
  };
}

/** Puts a status together. */
export function nodeStatus(
  options: {
    readonly identity: Identity;
    readonly state: State;
    readonly view: View;
    readonly nowMs: number;
    readonly now: string;
    readonly running: RunningAction | null;
    readonly condition: NodeStatus["condition"];
    readonly care: Pick<CareKeeper, "report" | "problems">;
    readonly router: NodeStatus["router"];
    readonly peers: NodeStatus["peers"];
  },
): NodeStatus {
  const { identity, state, view, nowMs, running, condition } = options;
  const { durable, server } = state;
  const { record } = durable;
  const standby = server?.state === "standby" ? server : null;
  const known = server !== null && "incarnation" in server ? server : null;
  return {
    node: state.settings.self,
    label: identity.label,
    cluster: identity.cluster,
    version: identity.version,
    mode: state.settings.pair === null ? "majority" : "pair",
    role: view.role,
    phase: view.phase,
    state: server?.state ?? "starting",
    state_because: server !== null && "because" in server ? server.because : null,
    condition,
    following: standby?.following ?? null,
    streaming: standby !== null && standby.streamingFrom !== null,
    system_identifier: known?.systemIdentifier ?? null,
    incarnation: known?.incarnation ?? null,
    term: view.term,
    leader: view.leader,
    has_majority: view.hasMajority,
    writes_to: view.route?.node ?? null,
    lease: view.leaseHolder === null || view.leaseUntilMs === null ? null : {
      holder: view.leaseHolder,
      remaining_ms: Math.max(0, Math.round(view.leaseUntilMs - nowMs)),
    },
    timeline: timeline(state),
    lsn: text(position(state)),
    replay_lsn: text(standby?.replayedLsn ?? null),
    lag_bytes: lagBytes(state),
    record: record === null ? null : {
      term: record.term,
      seq: record.seq,
      leader: record.leader.node,
      timeline: record.timeline,
      electable: record.electable.map((instance) => instance.node),
      required: record.required,
    },
    durability: view.durability,
    durability_policy: state.settings.durability,
    electability: view.electabilities === null ? null : [...view.electabilities],
    possible_loss_bytes: view.possibleLossBytes,
    slots: slotsOf(options.care.report()),
    postgres_major: options.care.report()?.major ?? null,
    operation: running === null ? null : {
      action: running.action,
      since_ms: Math.max(0, Math.round(nowMs - running.sinceMs)),
      progress: progressOf(running, nowMs),
    },
    members: membersIn(membersOf(state)),
    proposed_members: membersIn(state.settings.members),
    paused: null,
    contact: identity.contact,
    router: options.router,
    peers: options.peers,
    disks: [],
    problems: [
      ...conditionProblem(condition),
      // Why the server is in that state stands in its condition already.
      ...view.problems.filter((text) => !condition?.because.includes(text)),
      ...syncProblems(state),
      ...options.care.problems(),
      ...identity.standingProblems,
    ],
    started_at: identity.startedAt,
    now: options.now,
  };
}

function conditionProblem(condition: NodeStatus["condition"]): string[] {
  if (condition?.level !== "bad") return [];
  const { name, because, remedy } = condition;
  return [`${name.replaceAll("_", " ")}: ${because}. To do: ${remedy}`];
}

function progressOf(
  { progress, samples }: RunningAction,
  nowMs: number,
): NonNullable<NodeStatus["operation"]>["progress"] {
  if (progress === null || progress.totalBytes === 0) return null;
  const { doneBytes, totalBytes } = progress;
  const pace = paceOf(samples, totalBytes, nowMs);
  return {
    done_bytes: doneBytes,
    total_bytes: totalBytes,
    bytes_per_second: pace.bytesPerSecond,
    remaining_ms: pace.remainingMs,
  };
}

function membersIn(members: readonly MemberEntry[]): NonNullable<NodeStatus["members"]> {
  return members.map(({ name, kind }) => ({ node: name, kind }))
    .sort((a, b) => compareNames(a.node, b.node));
}

function slotsOf(report: CareReport | null): NodeStatus["slots"] {
  return report?.slots.map(({ walStatus, retainedBytes, ...slot }) => ({
    ...slot,
    wal_status: walStatus,
    retained_bytes: retainedBytes,
  })) ?? null;
}

/** The data members that are standbys: this node's own from the core, the others as they say. */
export function knownStandbys(
  state: State,
  peers: readonly NodeHealth[],
  reachable: (node: NodeName, contact: Contact) => Contact,
): KnownStandby[] {
  const { server, settings } = state;
  const known: KnownStandby[] = [];
  if (server?.state === "standby") {
    known.push({
      node: settings.self,
      contact: settings.contact,
      healthy: true,
      following: server.following,
      streaming: server.streamingFrom !== null,
      lagBytes: lagBytes(state),
    });
  }
  for (const { node, agent, status } of peers) {
    if (status === null || status.state !== "standby") continue;
    const { database_host: host, database_port: port } = status.contact;
    known.push({
      node,
      contact: reachable(node, { host, port }),
      healthy: agent === "ok",
      following: status.following,
      streaming: status.streaming,
      lagBytes: status.lag_bytes,
    });
  }
  return known;
}

/** How far this node's replay is behind the last insert position that its leader told. */
export function lagBytes(state: State): number | null {
  const { server, role } = state;
  if (server?.state === "primary") return 0;
  if (server?.state !== "standby" || role.kind !== "follower") return null;
  if (role.leaderInsertLsn === null) return null;
  const lag = role.leaderInsertLsn - server.replayedLsn;
  return lag > 0n ? Number(lag) : 0;
}

/** The names that a server has are not those that the core asked for: somebody changed them. */
function syncProblems(state: State): string[] {
  const { role, server } = state;
  if (role.kind !== "leader" || role.phase !== "leading" || server?.state !== "primary") return [];
  if (role.pendingSync !== null) return [];
  const asked = role.sync.setting.names.map(standbyName).sort().join(", ");
  const found = server.sync.names.map(standbyName).sort().join(", ");
  if (asked === found && role.sync.setting.required === server.sync.required) return [];
  return [
    `synchronous_standby_names was changed behind metako: it is ANY ${server.sync.required} ` +
    `(${found}), and should be ANY ${role.sync.setting.required} (${asked}). Look for it in ` +
    "postgresql.auto.conf (ALTER SYSTEM RESET synchronous_standby_names) and reload.",
  ];
}

function timeline(state: State): number | null {
  const { server } = state;
  switch (server?.state) {
    case "primary":
      return server.timeline;
    case "standby":
      return server.position.timeline;
    case "stopped":
      return server.checkpoint.timeline;
    default:
      return null;
  }
}

function position(state: State): Lsn | null {
  const { server } = state;
  switch (server?.state) {
    case "primary":
      return server.insertLsn;
    case "standby":
      return server.position.lsn;
    case "stopped":
      return server.checkpoint.lsn;
    default:
      return null;
  }
}

function text(lsn: Lsn | null): string | null {
  return lsn === null ? null : formatLsn(lsn);
}
