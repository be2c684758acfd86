/**
 * Chance that a seed determines: every draw of a run comes from one of these streams (mulberry32).
 *
 * A run keeps one stream for each part of the world, so that leaving a fault out, as shrinking
 * does, changes as little as possible of what the others draw.
 */

/** A stream of random numbers. */
export interface Dice {
  /** From 0 up to, and without, 1. */
  roll(): number;
  /** From `least` up to, and without, `most`. */
  between(least: number, most: number): number;
  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number;
  /** True with this probability. */
  luck(probability: number): boolean;
  /** One of them. @throws where there are none */
  pick<T>(from: readonly T[]): T;
  /** How long until the next of events that come every `meanMs` on average. */
  pauseMs(meanMs: number): number;
}

/** The stream that belongs to `seed` and `label`. */
export function diceOf(seed: number, label = ""): Dice {
  let state = seed >>> 0;
  for (let index = 0; index < label.length; index++) {
    state = Math.imul(state ^ label.charCodeAt(index), 0x01000193) >>> 0;
  }
  const roll = () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  return {
    roll,
    between: (least, most) => least + roll() * (most - least),
    whole: (least, most) => least + Math.floor(roll() * (most - least + 1)),
    luck: (probability) => roll() < probability,
    pick(from) {
      if (from.length === 0) throw new Error("cannot pick from nothing");
      return from[Math.floor(roll() * from.length)]!;
    },
    pauseMs: (meanMs) => -Math.log(1 - roll()) * meanMs,
  };
}
