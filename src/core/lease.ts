/**
 * Leases and promises: two views of one span of time.
 *
 * The leader counts from the moment at which it *sent* the oldest heartbeat of a majority's newest
 * acknowledgements, a voter from the moment at which it *received* one, and adds a margin. So the
 * leader's span always ends first, as long as clocks run at about the same speed, and no clock is
 * ever compared with another.
 *
 * @module
 */
import { newestAgreementMs } from "./quorum.ts";
import type { NodeName } from "./record.ts";
import type { Settings } from "./settings.ts";
import type { FollowerRole, LeaderRole, PromiseToLeader, State } from "./state.ts";

/**
 * Until when the leader may keep its PostgreSQL writable.
 *
 * @returns milliseconds on the leader's clock, or null before a majority acknowledged a heartbeat
 */
export function leaseUntilMs(
  settings: Settings,
  peers: LeaderRole["peers"],
  options: { readonly needed: number; readonly nowMs: number },
): number | null {
  const { needed, nowMs } = options;
  const acknowledged = Object.values(peers)
    .map((peer) => peer.ackedSentAtMs)
    .filter((sentAtMs) => sentAtMs !== null);
  const agreedAtMs = newestAgreementMs([nowMs, ...acknowledged], needed);
  return agreedAtMs === null ? null : agreedAtMs + settings.leaseMs;
}

/**
 * The promise that a voter gives by acknowledging a heartbeat: the longer of the leader's lease and
 * its own, so that changing the setting on one node does not break it.
 */
export function promiseTo(
  settings: Settings,
  options: {
    readonly term: number;
    readonly leader: NodeName;
    readonly leaseMs: number;
    readonly nowMs: number;
  },
): PromiseToLeader {
  const { term, leader, leaseMs, nowMs } = options;
  return {
    term,
    leader,
    untilMs: nowMs + Math.max(leaseMs, settings.leaseMs) + settings.fenceMarginMs,
  };
}

/**
 * True where every commit is on some standby that may be elected. Only then may a guess about a
 * silent leader be wrong: revocation makes it harmless.
 */
export function isCovered({ durable }: Pick<State, "durable">): boolean {
  return durable.record !== null && durable.record.required >= 1;
}

/**
 * How long an agent may be silent while its PostgreSQL works. The standby of a pair may promote only
 * for a while after `failover_delay`, which it must not spend on patience.
 */
export function silenceLimitMs({ agentSilenceMs, pair }: Settings): number {
  return pair === null ? agentSilenceMs : Math.min(agentSilenceMs, pair.failoverDelayMs);
}

/**
 * Until when a voter bears with a leader whose agent is silent, `workingAtMs` being the last time
 * that its PostgreSQL was seen to work as a primary. A few probes may fail in between.
 */
export function patienceUntilMs(
  settings: Settings,
  seen: { readonly workingAtMs: number; readonly heardAtMs: number },
): number {
  return Math.min(
    seen.workingAtMs + 2 * settings.heartbeatIntervalMs + settings.communicationTimeoutMs,
    seen.heardAtMs + silenceLimitMs(settings),
  );
}

/**
 * True while this follower goes on sending writes to a leader whose agent is silent. An agent that
 * returns has to resume its term before it says that it is writable; sessions outlive that too.
 */
export function isBorneWith(state: State, role: FollowerRole, nowMs: number): boolean {
  const { workingAtMs, heardAtMs, writable } = role;
  if (!writable || workingAtMs === null || !isCovered(state)) return false;
  return nowMs < patienceUntilMs(state.settings, { workingAtMs, heardAtMs });
}
