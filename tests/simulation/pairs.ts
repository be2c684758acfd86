/**
 * Pairs in the simulated world: how they are set, and what their runs may end in.
 */
import type { PairSettings } from "../../src/core/settings.ts";
import type { Dice } from "./dice.ts";
import type { FaultKind } from "./faults.ts";
import type { Scenario } from "./scenario.ts";

/** Faults after which two nodes that live do not hear each other for a lease or longer. */
export const DEAFENING: readonly FaultKind[] = [
  "cutOneWay",
  "cutBothWays",
  "isolation",
  "partition",
  "earlyElection",
  "restartedVoter",
  "badWeather",
  "firewallRefuses",
];

/** Faults after which one of two primaries may not even know of its term any more. */
export const FORGETTING: readonly FaultKind[] = ["stateLost", "hostWiped", "strangersData"];

/** What pairs are not played with: force would have to be told apart from a fork in every checker. */
export const NOT_IN_PAIRS: readonly FaultKind[] = ["forcedFailover"];

/** Draws the settings of a pair. */
export function drawPair(dice: Dice, spans: { leaseMs: number; fenceMarginMs: number }) {
  const leastMs = spans.leaseMs + spans.fenceMarginMs;
  const pair: PairSettings = {
    failureThreshold: dice.pick([1, 3, 5]),
    failoverDelayMs: leastMs * dice.pick([1, 1.5, 2.5]),
    witnessCount: dice.pick([0, 0, 1, 3]),
    whenAlone: dice.pick(["serve", "serve", "fence"]),
  };
  return pair;
}

/**
 * True where a pair's run may end in two primaries, one of which yields: what two nodes cannot know.
 * Where the primary stops whenever its standby is silent, not even cut links excuse that.
 */
export function mayFork({ settings, faults }: Scenario): boolean {
  const pair = Object.values(settings)[0]?.pair ?? null;
  if (pair === null || (pair.witnessCount === 0 && pair.whenAlone === "fence")) return false;
  return faults.some(({ kind }) => DEAFENING.includes(kind));
}
