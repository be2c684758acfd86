/**
 * Leases: while clocks keep within the stated drift, no two nodes hold one at the same moment, and
 * a router sends writes nowhere without one.
 *
 * Moments at which leases may overlap (doubt.ts) do not count: nothing but reading depends on a
 * clock there, and every other checker goes on looking.
 */
import type { ServerAction } from "../../../src/core/server.ts";
import { localMs, worldMs } from "../clock.ts";
import { routesTo } from "../hosts.ts";
import { leasesMayOverlap } from "./doubt.ts";
import { breach, type Checker, type Host, type World } from "../world.ts";

/** Actions that decide what may be written. */
const OPENING: readonly ServerAction["type"][] = [
  "initialise",
  "start_primary",
  "promote",
  "set_sync",
];

/** Compares leases whenever one is renewed. */
export function leaseChecker(world: World): Checker {
  const name = "4 lease";
  const untilMs = (host: Host) => {
    const role = host.agent?.state.role;
    if (role?.kind !== "leader" || role.leaseUntilMs === null) return -Infinity;
    return worldMs(host.clock, role.leaseUntilMs);
  };

  return {
    name,
    stepped(host, before, event) {
      const { state } = host.agent!;
      const { leaseMs } = host.settings;
      if (event.type === "suspended" && event.gapMs >= leaseMs && state.role.kind === "leader") {
        breach(world, name, `${host.name} leads on after ${Math.round(event.gapMs)} ms of absence`);
      }
      if (state.role.kind !== "leader" || state.role === before.role) return;
      const was = before.role.kind === "leader" ? before.role.leaseUntilMs : null;
      if (state.role.leaseUntilMs === was) return;
      if (state.role.leaseUntilMs === null || untilMs(host) <= world.nowMs) return;
      for (const other of world.hosts) {
        if (other === host || untilMs(other) <= world.nowMs) continue;
        if (leasesMayOverlap(world)) return;
        breach(world, name, `${host.name} and ${other.name} hold the lease at once`);
      }
    },
    operates(host, { type }) {
      const { role, operation } = host.agent!.state;
      if (!OPENING.includes(type) || role.kind !== "leader") return;
      if (operation?.action.type === "fence" || role.leaseUntilMs !== null) return;
      breach(world, name, `${type} on ${host.name} before it has a lease`);
    },
    looked() {
      for (const host of world.hosts) {
        const role = host.agent?.state.role;
        if (role?.kind !== "leader" || routesTo(world, host) !== host.name) continue;
        if (role.leaseUntilMs === null || role.leaseUntilMs <= localMs(host.clock, world.nowMs)) {
          breach(world, name, `the router of ${host.name} lets writes through without a lease`);
        }
      }
    },
  };
}
