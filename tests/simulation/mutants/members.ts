/**
 * Faults in how the member list changes.
 */
import { core, type Mutant } from "./mutant.ts";

/** The mutants of this file. */
export const MEMBER_MUTANTS: readonly Mutant[] = [
  core(
    "members-changed-together",
    "all members that the configuration proposes are changed in one record",
    "membership.ts",
    "publish(turn, { ...newest, members: next.members });",
    "publish(turn, { ...newest, members: turn.state.settings.members });",
  ),
  core(
    "members-before-commit",
    "the members change before the record of the leader's own term is committed",
    "membership.ts",
    'if (!isSettled(role)) return { waits: "a majority does not hold the newest record yet" };',
    "",
  ),
  core(
    "removed-stays-electable",
    "a member is removed while it may still be elected, and commits wait for it",
    "membership.ts",
    "if ([...newest.electable, ...names].some(({ node }) => node === name)) {",
    "if (names.length > 99) {",
  ),
  core(
    "strangers-count",
    "the acknowledgement of a node that is no member commits records",
    "agreement.ts",
    "    hasMember(members, name) &&\n    peer.admitted",
    "    hasMember(members, members[0]!.name) &&\n    peer.admitted",
  ),
];
