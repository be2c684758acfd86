/**
 * Follows a demo cluster in the background: the latest picture, and who was primary in which term.
 *
 * Stages of the script wait for a condition on that picture. A wait has a time limit, and ends early
 * where an agent that should run has ended, since no patience helps then. Its failure holds what one
 * needs to find the cause: the last status and the end of every log.
 *
 * @module
 */
import { claimsPrimary, type ClusterView, type NodeStatus } from "../../agent/mod.ts";
import { pause } from "../interrupt.ts";
import { renderCluster } from "../table.ts";
import type { DemoCluster } from "./cluster.ts";
import { logTails } from "./folder.ts";

/** A value, or why there is none. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly because: string };

/** What a stage waits for. */
export interface Wait {
  /** What should come to be, to be read behind "waited for". */
  readonly what: string;
  /** How long to wait before giving up. */
  readonly limitMs: number;
  /** The awaited value; null: not yet. Only pictures begun after the wait count. */
  readonly until: (view: ClusterView) => string | null;
  /** How long it must stay the same value, in milliseconds; default 0. */
  readonly holdMs?: number;
}

/** What a wait brought. */
export interface Arrival {
  /** The awaited value: as a rule, a node's name. */
  readonly value: string;
  /** When it first was so, on the clock of `performance.now()`. */
  readonly sinceMs: number;
}

/** See the module. */
export interface Watcher {
  /** The latest picture; null before the first. */
  readonly latest: () => ClusterView | null;
  /** Primaries that were seen with a majority, by term, in ascending order. */
  readonly terms: () => readonly { readonly term: number; readonly primary: string }[];
  /** Waits for a condition on the picture. */
  readonly waitFor: (wait: Wait) => Promise<Outcome<Arrival>>;
  /** Ends the watching. */
  readonly stop: () => Promise<void>;
}

const LOOK_INTERVAL_MS = 200;

interface Look {
  readonly view: ClusterView;
  readonly begunMs: number;
}

/** Starts to follow the cluster, until stopped or interrupted. */
export function watchCluster(cluster: DemoCluster, signal: AbortSignal): Watcher {
  const stopping = new AbortController();
  const either = AbortSignal.any([signal, stopping.signal]);
  const terms = new Map<number, string>();
  let latest: Look | null = null;

  const finished = (async () => {
    do {
      const begunMs = performance.now();
      const view = await cluster.look();
      latest = { view, begunMs };
      for (const { term, primary } of primariesIn(view)) terms.set(term, primary);
    } while (await pause(LOOK_INTERVAL_MS, either));
  })();

  return {
    latest: () => latest?.view ?? null,
    terms: () =>
      [...terms].map(([term, primary]) => ({ term, primary })).sort((a, b) => a.term - b.term),
    waitFor: async (wait) => {
      const startMs = performance.now();
      let arrival: Arrival | null = null;
      for (;;) {
        const look: Look | null = latest;
        if (look !== null && look.begunMs >= startMs) {
          arrival = carryOn(arrival, wait.until(look.view), look.begunMs);
          if (arrival !== null && look.begunMs - arrival.sinceMs >= (wait.holdMs ?? 0)) {
            return { ok: true, value: arrival };
          }
        }
        const dead = endedAgent(cluster);
        if (dead !== null) {
          return failure(cluster, look, `${dead} while waiting for ${wait.what}`);
        }
        if (performance.now() - startMs > wait.limitMs) {
          const because = `Waited ${wait.limitMs / 1000} s in vain for ${wait.what}`;
          return failure(cluster, look, because);
        }
        if (!await pause(LOOK_INTERVAL_MS / 4, either)) {
          return { ok: false, because: `Interrupted while waiting for ${wait.what}.` };
        }
      }
    },
    stop: () => {
      stopping.abort();
      return finished;
    },
  };
}

/** Keeps the moment since when a value has been the same. */
function carryOn(arrival: Arrival | null, value: string | null, atMs: number): Arrival | null {
  if (value === null) return null;
  return arrival?.value === value ? arrival : { value, sinceMs: atMs };
}

/**
 * The primary of a cluster in which every other node is a standby that streams and may be elected,
 * and nothing is under way: the state in which it survives the loss of any one host.
 *
 * @returns null where that is not so
 */
export function settledPrimary(view: ClusterView): string | null {
  if (view.verdict !== "writable" || view.reachable !== view.nodes.length) return null;
  const statuses = view.nodes.flatMap((answer) => answer.ok ? [answer.status] : []);
  const primary = statuses.find((status) => status.node === view.primary);
  if (primary === undefined) return null;
  const ready = statuses.every((status) =>
    status.operation === null &&
    (status === primary || status.role === "witness" ||
      status.role === "standby" && status.streaming && countsOn(primary, status))
  );
  return ready ? primary.node : null;
}

/**
 * True where the primary's record lets the standby be elected, and its commits may wait for it. The
 * record's names are those of nodes, so a returning node is in it before its new data directory is;
 * what commits wait for names the directory.
 */
function countsOn(primary: NodeStatus, standby: NodeStatus): boolean {
  const instance = `${standby.node}-${standby.incarnation}`;
  return (primary.record?.electable ?? []).includes(standby.node) &&
    primary.durability.split(/[(), ]+/).includes(instance);
}

function primariesIn(view: ClusterView): readonly { term: number; primary: string }[] {
  return view.nodes.flatMap((answer) =>
    answer.ok && claimsPrimary(answer.status)
      ? [{ term: answer.status.term, primary: answer.node }]
      : []
  );
}

/** In words, an agent that ended by itself; killed ones have a signal's code above 128. */
function endedAgent(cluster: DemoCluster): string | null {
  for (const node of cluster.plan.nodes) {
    const code = cluster.agentExit(node);
    if (code !== null && code < 128) return `${node.name}'s agent ended with exit code ${code}`;
  }
  return null;
}

function failure(
  cluster: DemoCluster,
  look: Look | null,
  because: string,
): { readonly ok: false; readonly because: string } {
  const status = look === null ? "" : renderCluster(look.view, { colour: false, ruled: false });
  const parts = [`${because}.`, status, logTails(cluster.plan)];
  return { ok: false, because: parts.filter((part) => part !== "").join("\n") };
}
