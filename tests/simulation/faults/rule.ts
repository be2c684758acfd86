/**
 * What a kind of fault is, and what several of them need.
 */
import type { NodeName } from "../../../src/core/record.ts";
import { cut, heal, type Traffic } from "../network.ts";
import type { Fault } from "../scenario.ts";
import { after, type Host, type World } from "../world.ts";

/** One kind of fault. */
export interface FaultRule {
  /** Probability that it picks on the primary of the moment. */
  readonly towardsPrimary: number;
  /** From and to: how long it lasts, in milliseconds. */
  readonly spanMs: readonly [number, number];
  apply(world: World, fault: Fault, host: Host): void;
}

/** For what is over soon. */
export const SHORT: readonly [number, number] = [50, 3000];
/** For what outlasts leases. */
export const LONG: readonly [number, number] = [2000, 25_000];

/** Runs something later, unless there is peace by then. */
export function later(world: World, delayMs: number, run: () => void): void {
  after(world, delayMs, () => {
    if (world.stormy) run();
  });
}

/** Cuts one direction for a while. */
export function cutFor(
  world: World,
  from: NodeName,
  to: NodeName,
  traffic: Traffic,
  forMs: number,
): void {
  if (from === to) return;
  cut(world.network, from, to, traffic);
  later(world, forMs, () => heal(world.network, from, to, traffic));
}

/** What a cut keeps from passing, by a number from 0 to 1. */
export function trafficOf(choice: number): Traffic {
  const share = (choice * 100) % 1;
  return share < 0.6 ? "both" : share < 0.8 ? "agents" : "wal";
}
