/**
 * What the API tells, put together at the moment somebody asks.
 *
 * @module
 */
import { type NodeHealth, peersOf } from "../coordination/health.ts";
import type { HealthPorts } from "../coordination/health_routes.ts";
import type { ClusterStatus, NodeStatus } from "../coordination/status.ts";
import type { State } from "../core/state.ts";
import { describe } from "../core/view.ts";
import type { Router } from "../router/options.ts";
import type { RunningAction } from "./actions.ts";
import type { CareKeeper } from "./care.ts";
import { monotonicMs } from "./clock.ts";
import type { ConditionWatch } from "./condition_watch.ts";
import { type DiskWatch, isLow } from "./disks.ts";
import { healthFacts } from "./health_facts.ts";
import type { PauseKeeper } from "./pause.ts";
import type { Reloader } from "./reload.ts";
import { clusterStatus, health } from "./reports.ts";
import { type Identity, nodeStatus } from "./snapshot.ts";
import type { Watchdog } from "./watchdog.ts";

/** Where the documents' content comes from. */
export interface DocumentSources {
  readonly identity: Identity;
  readonly state: () => State;
  readonly pause: Pick<PauseKeeper, "status" | "problems">;
  readonly reloader: Pick<Reloader, "problems">;
  /** What the local server is busy with. */
  readonly running: () => RunningAction | null;
  readonly care: Pick<CareKeeper, "report" | "problems">;
  readonly peers: () => readonly NodeHealth[];
  readonly disks: Pick<DiskWatch, "spaces" | "problems">;
  readonly condition: Pick<ConditionWatch, "current">;
  /** Null where there is none. */
  readonly watchdog: Pick<Watchdog, "problem"> | null;
  /** Null until it listens. */
  readonly router: () => Router | null;
}

/** The documents of the read-only API. */
export interface Documents extends HealthPorts {
  readonly status: () => NodeStatus;
  readonly cluster: () => ClusterStatus;
}

/** Makes the documents; nothing is kept between two calls. */
export function createDocuments(sources: DocumentSources): Documents {
  const facts = (maximumLagBytes: number | null) =>
    healthFacts(sources.state(), monotonicMs(), maximumLagBytes);
  function status(): NodeStatus {
    const nowMs = monotonicMs();
    const state = sources.state();
    const status = nodeStatus({
      identity: sources.identity,
      state,
      view: describe(state, nowMs),
      nowMs,
      now: new Date().toISOString(),
      running: sources.running(),
      condition: sources.condition.current(nowMs),
      care: sources.care,
      router: routerStatus(sources.router()),
      peers: peersOf(sources.peers()),
    });
    return {
      ...status,
      disks: sources.disks.spaces().map((space) => ({
        folder: space.use,
        path: space.path,
        free_bytes: space.freeBytes,
        total_bytes: space.totalBytes,
        low: isLow(space),
      })),
      paused: sources.pause.status(),
      problems: [
        ...sources.pause.problems(),
        ...status.problems,
        ...sources.reloader.problems(),
        ...sources.disks.problems(),
        ...[sources.watchdog?.problem() ?? null].filter((problem) => problem !== null),
      ],
    };
  }
  return {
    status,
    cluster: () => clusterStatus(status(), sources.peers()),
    health: () => health(status(), facts(null)),
    healthFacts: facts,
  };
}

function routerStatus(router: Router | null): NodeStatus["router"] {
  if (router === null) return null;
  const { sessions, waiting, totalConnections, refused, byNode, ...more } = router.statistics();
  return {
    port: router.address.port,
    sessions,
    waiting,
    total_connections: totalConnections,
    refused,
    waits: more.waits,
    waited_ms: more.waitedMs,
    cancelled: more.cancelled,
    bytes_to_server: more.bytesToServer,
    bytes_to_client: more.bytesToClient,
    moved: more.moved,
    ...Object.fromEntries(
      Object.entries(byNode).map(([node, count]) => [`sessions_on_${node}`, count]),
    ),
    ...Object.fromEntries(
      Object.entries(more.queries).flatMap(([node, { reads, writes, failures }]) => [
        [`reads_on_${node}`, reads],
        [`writes_on_${node}`, writes],
        [`failures_on_${node}`, failures],
      ]),
    ),
  };
}
