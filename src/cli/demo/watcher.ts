/**
 * Follows a demo cluster in the background: the latest picture, and who was primary in which term.
 *
 * Stages of the script wait for a condition on that picture. A wait has a time limit, and ends early
 * where an agent that should run has ended, since no patience helps then. Its failure holds what one
 * needs to find the cause: the last status and the end of every log.
 *
 * @module
 */
import { claimsPrimary, type ClusterView } from "../merge.ts";
import { pause } from "../interrupt.ts";
import { renderCluster } from "../table.ts";
import type { DemoCluster } from "./cluster.ts";
import { logTails } from "./folder.ts";

/** A value, or why there is none. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly because: string };

/** What a stage waits for. */
export interface Wait<T> {
  /** What should come to be, to be read behind "waited for". */
  readonly what: string;
  /** How long to wait before giving up. */
  readonly limitMs: number;
  /** The awaited value; null: not yet. */
  readonly until: (view: ClusterView) => T | null;
}

/** See the module. */
export interface Watcher {
  /** The latest picture; null before the first. */
  readonly latest: () => ClusterView | null;
  /** Primaries that were seen with a majority, by term, in ascending order. */
  readonly terms: () => readonly { readonly term: number; readonly primary: string }[];
  /** Waits for a condition on the picture. */
  readonly waitFor: <T>(wait: Wait<T>) => Promise<Outcome<T>>;
  /** Ends the watching. */
  readonly stop: () => Promise<void>;
}

const LOOK_INTERVAL_MS = 200;

/** Starts to follow the cluster, until stopped or interrupted. */
export function watchCluster(cluster: DemoCluster, signal: AbortSignal): Watcher {
  const stopping = new AbortController();
  const either = AbortSignal.any([signal, stopping.signal]);
  const terms = new Map<number, string>();
  let latest: ClusterView | null = null;

  const finished = (async () => {
    do {
      latest = await cluster.look();
      for (const { term, primary } of primariesIn(latest)) terms.set(term, primary);
    } while (await pause(LOOK_INTERVAL_MS, either));
  })();

  return {
    latest: () => latest,
    terms: () =>
      [...terms].map(([term, primary]) => ({ term, primary })).sort((a, b) => a.term - b.term),
    waitFor: async (wait) => {
      const startMs = performance.now();
      for (;;) {
        const value = latest === null ? null : wait.until(latest);
        if (value !== null) return { ok: true, value };
        const dead = endedAgent(cluster);
        if (dead !== null) {
          return failure(cluster, latest, `${dead} while waiting for ${wait.what}`);
        }
        if (performance.now() - startMs > wait.limitMs) {
          const because = `Waited ${wait.limitMs / 1000} s in vain for ${wait.what}`;
          return failure(cluster, latest, because);
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
  const electable = primary?.record?.electable ?? [];
  const ready = statuses.every((status) =>
    status.operation === null &&
    (status === primary ||
      status.role === "standby" && status.streaming && electable.includes(status.node))
  );
  return primary !== undefined && ready ? primary.node : null;
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
  view: ClusterView | null,
  because: string,
): { readonly ok: false; readonly because: string } {
  const status = view === null ? "" : renderCluster(view, { colour: false, ruled: false });
  const parts = [`${because}.`, status, logTails(cluster.plan)];
  return { ok: false, because: parts.filter((part) => part !== "").join("\n") };
}
