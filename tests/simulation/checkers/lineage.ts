/**
 * Invariant 5, second half: no standby streams on top of WAL that its upstream never had.
 */
import { isLineage } from "../server.ts";
import { breach, type Checker, type World } from "../world.ts";

/** Compares rows, not numbers of timelines. */
export function lineageChecker(world: World): Checker {
  const name = "5 lineage";
  return {
    name,
    receives(host, upstream) {
      const [own, theirs] = [host.data, upstream.data];
      if (own === null || theirs === null || isLineage(own, theirs)) return;
      breach(world, name, `${host.name} streams from ${upstream.name} on top of a fork`);
    },
  };
}
