/**
 * Which standby a read-only session goes to.
 *
 * @module
 */
import type { Algorithm, StandbyTarget } from "./options.ts";

/** What the choice depends on, beside the standbys themselves. */
export interface BalanceInput {
  readonly algorithm: Algorithm;
  /** 0 to 1: the chance that a healthy local standby is taken before any counting. */
  readonly localNodePreference: number;
  /** Sessions per node; a node that is not in it has none. */
  readonly connections: Readonly<Record<string, number>>;
  /** A counter of choices, for round robin. */
  readonly turn: number;
  /** Uniform over [0, 1). */
  readonly random: number;
}

/**
 * Chooses among the healthy standbys: the local one with probability `localNodePreference`, and
 * otherwise by the algorithm over all of them, the local one included. Of equally loaded ones
 * `least_connected` takes the one whose turn it is.
 *
 * @returns null where no standby is healthy
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const at = (node: string, local: boolean) => (
 *   { node, host: "127.0.0.1", port: 5432, local, healthy: true, lagBytes: 0 }
 * );
 * const input = { algorithm: "round_robin", localNodePreference: 0.8, connections: {}, turn: 1 } as const;
 * const standbys = [at("a", true), at("b", false)];
 * assert.equal(pickStandby(standbys, { ...input, random: 0.79 })?.node, "a");
 * assert.equal(pickStandby(standbys, { ...input, random: 0.8 })?.node, "b");
 * ```
 */
export function pickStandby(
  standbys: readonly StandbyTarget[],
  input: BalanceInput,
): StandbyTarget | null {
  const healthy = standbys.filter((standby) => standby.healthy);
  if (healthy.length === 0) return null;
  const local = healthy.find((standby) => standby.local);
  if (local !== undefined && input.random < input.localNodePreference) return local;
  const first = input.turn % healthy.length;
  const inTurn = [...healthy.slice(first), ...healthy.slice(0, first)];
  switch (input.algorithm) {
    case "round_robin":
      return inTurn[0]!;
    case "least_connected": {
      const load = (standby: StandbyTarget) => input.connections[standby.node] ?? 0;
      return inTurn.reduce((least, next) => load(next) < load(least) ? next : least);
    }
  }
}
