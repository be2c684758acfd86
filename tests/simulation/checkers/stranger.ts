/**
 * A data directory of another cluster is never written over, started or followed with.
 */
import { STRANGER } from "../faults/disks.ts";
import { breach, type Checker, type World } from "../world.ts";

/** Watches actions on hosts that hold a stranger's data. */
export function strangerChecker(world: World): Checker {
  const name = "5 stranger";
  return {
    name,
    operates(host, { type }) {
      if (host.data?.systemIdentifier !== STRANGER) return;
      if (type === "clone" || type === "promote" || type === "start_primary") {
        breach(world, name, `${type} on ${host.name}, which holds another cluster's data`);
      }
    },
  };
}
