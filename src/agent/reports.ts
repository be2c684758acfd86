/**
 * The cluster in one line, regularly, and the short documents of the read-only API.
 *
 * @module
 */
import type { NodeHealth } from "../coordination/health.ts";
import { type HealthFacts, judgeHealth } from "../coordination/health_paths.ts";
import {
  type ClusterStatus,
  type Health,
  type NodeStatus,
  summariseStatus,
  unknownNode,
} from "../coordination/status.ts";
import type { Log } from "../core/log.ts";
import { compareNames } from "../coordination/names.ts";

/** How often the log says how the cluster is, when nothing changes. */
const REPORT_EVERY_MS = 30_000;

/** The cluster as this node sees it. */
export function clusterStatus(own: NodeStatus, peers: readonly NodeHealth[]): ClusterStatus {
  return {
    answered_by: own.node,
    has_majority: own.has_majority,
    cluster: own.cluster,
    term: own.term,
    leader: own.leader,
    nodes: [
      summariseStatus(own, { agent: "ok" as const, last_seen_ms_ago: 0 }),
      ...peers.map((peer) => {
        const seen = { agent: peer.agent, last_seen_ms_ago: peer.lastSeenMsAgo };
        return peer.status === null
          ? unknownNode(peer.node, seen)
          : summariseStatus(peer.status, seen);
      }),
    ].sort((a, b) => compareNames(a.node, b.node)),
  };
}

/** Whether this node works; `facts` are those of the health paths. */
export function health(own: NodeStatus, facts: HealthFacts): Health {
  const failing = judgeHealth("health", facts).status !== 200;
  return {
    status: failing ? "failing" : own.has_majority ? "ok" : "degraded",
    node: own.node,
    role: own.role,
    state: own.state,
    writable: judgeHealth("primary", facts).status === 200,
  };
}

/** Starts the regular report. @returns a function that ends it */
export function startReports(
  options: {
    readonly status: () => NodeStatus;
    readonly peers: () => readonly NodeHealth[];
    readonly log: Log;
  },
): () => void {
  const report = () => {
    const own = options.status();
    const peers = options.peers();
    const healthy = [
      own.node,
      ...peers.filter(({ agent }) => agent === "ok").map(({ node }) => node),
    ].sort(compareNames);
    const unhealthy = peers.filter(({ agent }) => agent !== "ok").map(({ node }) => node)
      .sort(compareNames);
    options.log(own.problems.length === 0 ? "info" : "warning", "cluster_report", {
      primary: own.leader ?? "none",
      role: own.role,
      term: own.term,
      timeline: own.timeline ?? 0,
      lsn: own.lsn ?? "",
      majority: own.has_majority,
      healthy: healthy.join(", "),
      unhealthy: unhealthy.join(", "),
      connections: own.router?.total_connections ?? 0,
      sessions: own.router?.sessions ?? 0,
      refused: own.router?.refused ?? 0,
      problems: own.problems.join(" | "),
    });
  };
  const timer = setInterval(report, REPORT_EVERY_MS);
  return () => clearInterval(timer);
}
