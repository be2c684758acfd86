/**
 * Moments at which a lease may outlast the promises that protect it: connections are refused by a
 * firewall, which ends promises early, or a host stood still without knowing for how long. Neither
 * may cost a commit, but both can make two leases overlap. A pair that is cut in two is another case.
 */
import type { Fault } from "../scenario.ts";
import { mayFork } from "../pairs.ts";
import type { World } from "../world.ts";

const DOUBTFUL: readonly Fault["kind"][] = ["firewallRefuses", "hostSuspended", "earlyElection"];

/** How long an election takes at most that began while a fault lasted. */
const ELECTION_MS = 3000;

/** True while such a fault lasts, and as long after it as an election it began and an old lease. */
export function leasesMayOverlap({ scenario, hosts, nowMs }: World): boolean {
  if (mayFork(scenario)) return true;
  const { leaseMs, fenceMarginMs } = hosts[0]!.settings;
  const afterMs = 2 * (leaseMs + fenceMarginMs) + ELECTION_MS;
  return scenario.faults.some(({ kind, atMs, forMs }) =>
    DOUBTFUL.includes(kind) && atMs <= nowMs && nowMs <= atMs + forMs + afterMs
  );
}
