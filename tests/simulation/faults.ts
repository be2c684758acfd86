/**
 * Everything that can go wrong: how long it usually lasts, how often it picks on the primary, and
 * what it does to the world. Each puts right what it has done by itself, so that leaving one out of
 * a scenario leaves the rest as it was.
 */
import { DISK_FAULTS } from "./faults/disks.ts";
import { HOST_FAULTS } from "./faults/hosts.ts";
import { LINK_FAULTS } from "./faults/links.ts";
import { MEMBER_FAULTS } from "./faults/members.ts";
import { PEOPLE_FAULTS } from "./faults/people.ts";
import { primaryOf } from "./hosts.ts";
import type { Fault } from "./scenario.ts";
import { hostOf, tell, type World } from "./world.ts";

/** All kinds. Their order is part of what a seed means. */
export const FAULTS = {
  ...HOST_FAULTS,
  ...LINK_FAULTS,
  ...DISK_FAULTS,
  ...PEOPLE_FAULTS,
  ...MEMBER_FAULTS,
};

/** The name of a kind. */
export type FaultKind = keyof typeof FAULTS;

/** Plays a fault of the scenario. */
export function applyFault(world: World, fault: Fault): void {
  const host = fault.target === "primary"
    ? primaryOf(world) ?? hostOf(world, fault.other)
    : hostOf(world, fault.target);
  world.tally.note("fault", fault.kind);
  tell(world, null, "fault", `${fault.kind} at ${host.name}, ${fault.forMs} ms`);
  FAULTS[fault.kind].apply(world, fault, host);
}
