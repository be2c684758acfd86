/**
 * Asks every node how it is, periodically, and remembers what it heard.
 *
 * Each node has a loop of its own, so a slow one delays no other. A loop never overlaps itself: the
 * next check is planned when the last one ended, so that checks begin one interval apart, or at once
 * where the check took longer. `failureThreshold` failures in a row make a node unhealthy, one
 * success makes it healthy again. What is seen here is for people and for the router; the consensus
 * has its own evidence.
 *
 * @module
 */
import type { Log } from "../core/log.ts";
import type { NodeName } from "../core/record.ts";
import type { NodeStatus } from "./status.ts";

/** What one check brought. */
export type Checked =
  | { readonly ok: true; readonly status: NodeStatus }
  | { readonly ok: false; readonly because: string };

/** What is known about one node. */
export interface NodeHealth {
  readonly node: NodeName;
  /** "unknown" until it answered, or failed often enough. */
  readonly agent: "ok" | "unhealthy" | "unknown";
  readonly consecutiveFailures: number;
  /** Since the last answer; null where there was none. */
  readonly lastSeenMsAgo: number | null;
  /** What it said last; null where it never did. */
  readonly status: NodeStatus | null;
  /** Why the last check failed; null where it did not. */
  readonly because: string | null;
}

/** The clock, injected so that tests need not wait. */
export interface HealthTimers {
  /** Monotonic, in milliseconds. */
  readonly nowMs: () => number;
  /** Calls back once, after `delayMs`; returns what cancels it. */
  readonly after: (delayMs: number, callback: () => void) => () => void;
}

/** A running checker. */
export interface HealthChecker {
  /** What is known now, in the order of the members. */
  readonly snapshot: () => readonly NodeHealth[];
  /** Plans no further check and abandons those under way. */
  readonly stop: () => void;
}

/** The process's own clock and timers. */
export const SYSTEM_TIMERS: HealthTimers = {
  nowMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** How members are checked. */
export interface HealthLimits {
  /** From the beginning of one check to that of the next. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** So many failures in a row, at least 1, make a member unhealthy. */
  readonly failureThreshold: number;
}

/**
 * Starts checking, the first time at once.
 *
 * @param options.fetchStatus asks a node; when `signal` is aborted its answer no longer counts
 * @param options.limits asked before each check, since a reload may change them
 */
export function createHealthChecker(options: {
  readonly members: readonly NodeName[];
  readonly limits: () => HealthLimits;
  readonly fetchStatus: (node: NodeName, signal: AbortSignal) => Promise<Checked>;
  readonly timers: HealthTimers;
  readonly log: Log;
}): HealthChecker {
  const { timers } = options;
  const nodes = options.members.map((node): Known => ({
    node,
    agent: "unknown",
    consecutiveFailures: 0,
    lastSeenAtMs: null,
    status: null,
    because: null,
  }));
  const stopping = new AbortController();
  for (const known of nodes) watch(known);

  function watch(known: Known): void {
    const startedAtMs = timers.nowMs();
    checkOnce(known.node).then((checked) => {
      if (stopping.signal.aborted) return;
      const { failureThreshold, intervalMs } = options.limits();
      note(known, checked, { failureThreshold, log: options.log }, timers.nowMs());
      const pauseMs = Math.max(0, startedAtMs + intervalMs - timers.nowMs());
      const cancel = timers.after(pauseMs, () => {
        stopping.signal.removeEventListener("abort", cancel);
        watch(known);
      });
      stopping.signal.addEventListener("abort", cancel, { once: true });
    });
  }

  /** One check, ended by its result, by time, or by the stop. Never rejects. */
  function checkOnce(node: NodeName): Promise<Checked> {
    const { promise, resolve } = Promise.withResolvers<Checked>();
    const call = new AbortController();
    const end = (checked: Checked) => {
      cancelTimer();
      stopping.signal.removeEventListener("abort", abandon);
      resolve(checked);
    };
    const abandon = () => {
      call.abort();
      end({ ok: false, because: "the checker stops" });
    };
    const { timeoutMs } = options.limits();
    const cancelTimer = timers.after(timeoutMs, () => {
      call.abort();
      end({ ok: false, because: `no answer within ${timeoutMs}ms` });
    });
    stopping.signal.addEventListener("abort", abandon, { once: true });
    options.fetchStatus(node, call.signal).then(end, (error) => {
      end({ ok: false, because: error instanceof Error ? error.message : String(error) });
    });
    return promise;
  }

  return {
    stop: () => stopping.abort(),
    snapshot: () =>
      nodes.map(({ lastSeenAtMs, ...known }) => ({
        ...known,
        lastSeenMsAgo: lastSeenAtMs === null
          ? null
          : Math.max(0, Math.round(timers.nowMs() - lastSeenAtMs)),
      })),
  };
}

/** Puts what is known into the form of `peers` in a node's status. */
export function peersOf(nodes: readonly NodeHealth[]): NodeStatus["peers"] {
  return nodes.map((known) => ({
    node: known.node,
    agent: known.agent,
    consecutive_failures: known.consecutiveFailures,
    last_seen_ms_ago: known.lastSeenMsAgo,
    state: known.status?.state ?? null,
  }));
}

interface Known {
  readonly node: NodeName;
  agent: NodeHealth["agent"];
  consecutiveFailures: number;
  lastSeenAtMs: number | null;
  status: NodeStatus | null;
  because: string | null;
}

function note(
  known: Known,
  checked: Checked,
  options: { readonly failureThreshold: number; readonly log: Log },
  nowMs: number,
): void {
  const before = known.agent;
  if (checked.ok) {
    known.agent = "ok";
    known.consecutiveFailures = 0;
    known.lastSeenAtMs = nowMs;
    known.status = checked.status;
    known.because = null;
  } else {
    known.consecutiveFailures++;
    known.because = checked.because;
    if (known.consecutiveFailures >= options.failureThreshold) known.agent = "unhealthy";
  }
  if (known.agent === before) return;
  if (known.agent === "ok") {
    options.log("info", "node_healthy", { outcome: "noted", peer: known.node });
  } else {
    options.log("warning", "node_unhealthy", {
      outcome: "noted",
      peer: known.node,
      because: known.because,
      failures: known.consecutiveFailures,
    });
  }
}
