/**
 * Operators who force a node to lead, because or although nobody else does.
 */
import { powerOff, powerOn } from "../hosts.ts";
import { askOperator } from "../operator.ts";
import { hostOf } from "../world.ts";
import { cutFor, type FaultRule, later, LONG } from "./rule.ts";

/** The kinds of this file. */
export const PEOPLE_FAULTS = {
  forcedFailover: {
    towardsPrimary: 0.9,
    spanMs: LONG,
    apply(world, { forMs, choice, other }, host) {
      const { leaseMs, fenceMarginMs } = host.settings;
      const target = choice * 7 % 1 < 0.25 ? host : hostOf(world, other);
      const force = () => {
        askOperator(world, target, target.name, choice * 13 % 1 < 0.2 ? "ask" : "accepted");
      };
      // Sometimes there is no need for it at all.
      if (choice < 0.2) return force();
      let atMs = 0;
      if (choice > 0.5) {
        // Its standbys get no WAL, so that the leader goes on alone, before it dies.
        for (const { name } of world.hosts) {
          cutFor(world, name, host.name, "wal", 2.5 * leaseMs);
          cutFor(world, host.name, name, "wal", 2.5 * leaseMs);
        }
        atMs = 2.4 * leaseMs;
      }
      later(world, atMs, () => powerOff(world, host));
      later(world, atMs + (target === host ? leaseMs / 2 : forMs + 4 * leaseMs), () => {
        powerOn(world, host);
      });
      for (const leases of [0.5, 1, 2, 3, 4]) {
        later(world, atMs + leases * leaseMs + fenceMarginMs, force);
      }
    },
  },
} satisfies Readonly<Record<string, FaultRule>>;
