/**
 * Invariant 4: two servers never both acknowledge writes. It is checked in a stronger form that
 * needs no clock: no server ever acknowledges a row that was written after a later leader's server
 * had been opened.
 *
 * A row from before may still be acknowledged, when a host that stood still, or a server whose agent
 * is gone, reads what its standbys had reported before they were revoked. That is no hole: each such
 * report was made before the vote, so coverage has met it, and the ledger checks the row against the
 * successor at that very moment.
 *
 * With `async` nothing but time keeps the old server silent: without a guardian, or where its host
 * stood still and it wakes before its guardian, such moments do not count. Nor does a server that
 * somebody started behind its agent's back, for as long as ending it fails.
 */
import type { Forces } from "./force.ts";
import type { Forks } from "./pair.ts";
import { breach, type Checker, type World } from "../world.ts";

/** Compares each acknowledged row with the opening of the newest server. */
export function exclusiveChecker(world: World, forces: Forces, forks: Forks): Checker {
  const name = "4 exclusive";
  const { settings, guarded, faults } = world.scenario;
  const isAsync = Object.values(settings).every(({ durability }) => durability === "async");
  const trusted = !isAsync ||
    guarded && !faults.some(({ kind }) => kind === "hostPause" || kind === "hostSuspended");
  let newest = { term: 0, node: "", rowsBefore: 0 };
  return {
    name,
    opened(host) {
      const { term } = host.process!;
      if (term <= newest.term) return;
      newest = { term, node: host.name, rowsBefore: world.rowCount };
    },
    acknowledged(commit) {
      const { row, node, term } = commit;
      // A host has one server. One that an action of its own earlier term has started late, on the
      // timeline that it leads now, is not a second one.
      if (term > newest.term || node === newest.node) return;
      if (row < newest.rowsBefore || !trusted || forces.givenUp(commit, newest.term)) return;
      if (forks.givesUp(commit)) return;
      const server = world.hosts.find(({ name }) => name === node)?.process;
      if (isAsync && server?.unasked === true) return;
      breach(
        world,
        name,
        `${node} of term ${term} acknowledges row ${row}, written after ${newest.node} was opened ` +
          `in term ${newest.term}`,
      );
    },
  };
}
