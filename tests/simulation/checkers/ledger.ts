/**
 * Invariant 2: every commit that a client saw acknowledged is in the WAL of every later primary,
 * under any mix of faults and clocks. With `async` one may be gone, if an election has said so.
 */
import type { Forces } from "./force.ts";
import type { Forks } from "./pair.ts";
import { type Acknowledged, breach, type Checker, type Host, type World } from "../world.ts";
import type { Losses } from "./loss.ts";

/** Compares the ledger with the WAL of each server that becomes primary, and of the newest one. */
export function ledgerChecker(
  world: World,
  { forces, forks, losses }: {
    readonly forces: Forces;
    readonly forks: Forks;
    readonly losses: Losses;
  },
): Checker {
  const name = "2 ledger";
  let newest: { host: Host; term: number; wal: readonly number[] } | null = null;

  const check = (commit: Acknowledged, host: Host, wal: readonly number[], term: number) => {
    if (commit.term > term || wal[commit.count - 1] === commit.row) return;
    if (forces.givenUp(commit, term) || forks.givesUp(commit)) return;
    if (losses.mayLack(commit, term)) return world.tally.note("loss", "commit");
    breach(
      world,
      name,
      `row ${commit.row}, acknowledged by ${commit.node} in term ${commit.term}, ` +
        `is missing on ${host.name}, primary of term ${term}`,
    );
  };

  return {
    name,
    opened(host) {
      const { term } = host.process!;
      const { wal } = host.data!;
      for (const commit of world.acknowledged) {
        check(commit, host, wal, term);
        if (world.violations.length > 0) return;
      }
      if (newest === null || term >= newest.term) newest = { host, term, wal };
    },
    acknowledged(commit) {
      // One that was superseded may still acknowledge what its successor holds as well.
      if (newest !== null && commit.term < newest.term) {
        check(commit, newest.host, newest.wal, newest.term);
      }
    },
  };
}
