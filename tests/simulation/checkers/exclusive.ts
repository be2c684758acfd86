/**
 * Invariant 4: two servers never both acknowledge writes. It is checked in a stronger form that
 * needs no clock: once a leader's server has acknowledged a row, no earlier leader's ever does.
 */
import { breach, type Checker, type World } from "../world.ts";

/** Watches the terms of acknowledgements. */
export function exclusiveChecker(world: World): Checker {
  const name = "4 exclusive";
  return {
    name,
    acknowledged({ row, node, term }) {
      const last = world.acknowledged.at(-1);
      if (last === undefined || term > last.term || term === last.term && node === last.node) return;
      breach(
        world,
        name,
        `${node} of term ${term} acknowledges row ${row} after ${last.node} of term ${last.term} did`,
      );
    },
  };
}
