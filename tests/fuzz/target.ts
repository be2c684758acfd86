/**
 * What is fuzzed: a name, and what one case does.
 *
 * A case draws everything from the dice that its seed gives it, so that the seed plays it again.
 *
 * @module
 */
import { type Dice, diceOf } from "../simulation/dice.ts";

/** Something that garbage is thrown at. */
export interface Target {
  readonly name: string;
  /**
   * Plays one case.
   *
   * @returns what became of it, in a word, for the counts
   * @throws {Error} where the answer is not what it must be
   */
  readonly play: (dice: Dice) => string | Promise<string>;
  /** Its cases cannot be under way at the same time. */
  readonly inTurn?: boolean;
  /** Called between turns: does it still work for everybody else? @throws {Error} where not */
  readonly check?: () => Promise<void>;
}

/** A target that answered wrongly, or not at all. */
export interface Failure {
  readonly target: string;
  /** Plays it again. */
  readonly seed: number;
  readonly because: string;
}

/** What became of the cases, by target and outcome. */
export type Counts = Map<string, Map<string, number>>;

/** Adds one outcome. */
export function count(counts: Counts, target: string, outcome: string, times = 1): void {
  const outcomes = counts.get(target) ?? new Map<string, number>();
  counts.set(target, outcomes);
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + times);
}

/** The dice of one case. */
export function caseDice(target: string, seed: number): Dice {
  return diceOf(seed, target);
}

/** A failed expectation as a line or two; a stack helps to find what threw inside of metako. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = error.stack?.split("\n").find((line) => line.includes("/src/"));
  return `${error.name}: ${error.message.slice(0, 600)}${
    place === undefined ? "" : `\n  ${place.trim()}`
  }`;
}

/** @throws {Error} with `because` where `holds` is false */
export function expect(holds: boolean, because: () => string): asserts holds {
  if (!holds) throw new Error(because());
}
