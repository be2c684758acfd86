/**
 * What an agent knows when it starts: what its disk remembers, and nothing else.
 *
 * @module
 */
import type { Durable } from "./effect.ts";
import { initialWatch } from "./pair.ts";
import { isVirgin } from "./record.ts";
import type { Settings } from "./settings.ts";
import type { State } from "./state.ts";

/** What a node that has never run remembers: nothing, and it is not yet a voter. */
export const NOTHING_DURABLE: Durable = {
  term: 0,
  votedFor: null,
  record: null,
  resignedTerm: 0,
  admitted: false,
  memory: null,
};

/**
 * The state of an agent that has just started.
 *
 * A node that took part in a cluster keeps silent towards candidates for a lease and a margin: it
 * may have acknowledged a heartbeat just before, and has forgotten it.
 *
 * @param options `seed` is any 32-bit number; `nowMs` is the monotonic clock.
 */
export function initialState(
  options: {
    readonly settings: Settings;
    readonly durable: Durable;
    readonly nowMs: number;
    readonly seed: number;
  },
): State {
  const { settings, durable, nowMs, seed } = options;
  const silentUntilMs = nowMs + settings.leaseMs + settings.fenceMarginMs;
  return {
    settings,
    durable,
    startedAtMs: nowMs,
    nowMs,
    random: seed >>> 0,
    nextId: 1,
    outstanding: {},
    server: null,
    operation: null,
    operateAtMs: nowMs,
    operationFailure: null,
    rejoin: { kind: "follow" },
    streamedAtMs: nowMs,
    role: {
      kind: "follower",
      leader: null,
      writable: false,
      yielding: false,
      leaderContact: null,
      leaderInsertLsn: null,
      heardAtMs: nowMs,
      workingAtMs: null,
      campaignAtMs: nowMs,
      probeAtMs: Infinity,
    },
    promise: isVirgin(durable.record)
      ? null
      : { term: durable.term, leader: null, untilMs: silentUntilMs },
    heard: null,
    pendingVote: null,
    leaderInsert: null,
    pendingConfirm: null,
    watch: null,
    pair: settings.pair === null ? null : initialWatch(nowMs),
    instances: {},
    contacts: {},
    campaignFailure: null,
    shown: null,
    shownAtMs: nowMs,
    disbelieved: null,
    disagreement: null,
  };
}
