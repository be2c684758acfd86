/**
 * Who the members are, and how many of them decide: the one place that knows.
 *
 * The member list is part of the record; a configuration only proposes one. Before there is a
 * record, the proposal is all there is.
 *
 * @module
 */
import { actsAlone } from "./pair.ts";
import { majoritySize } from "./quorum.ts";
import {
  type ClusterRecord,
  isVirgin,
  type MemberEntry,
  newerRecord,
  type NodeName,
} from "./record.ts";
import type { State } from "./state.ts";

/** The members that count now. */
export function membersOf(state: Pick<State, "settings" | "durable">): readonly MemberEntry[] {
  return membersUnder(state, state.durable.record);
}

/** The members that count under `record`; before there is one, those that are proposed. */
export function membersUnder(
  { settings }: Pick<State, "settings">,
  record: ClusterRecord | null,
): readonly MemberEntry[] {
  return record === null || isVirgin(record) ? settings.members : record.members;
}

/** True where `members` has one of that name. */
export function hasMember(members: readonly MemberEntry[], node: NodeName): boolean {
  return members.some(({ name }) => name === node);
}

/** The members other than this one. */
export function peersOf(state: Pick<State, "settings" | "durable">): readonly NodeName[] {
  return membersOf(state).map((member) => member.name)
    .filter((name) => name !== state.settings.self);
}

/** True where `node` holds data. */
export function isDataMember(
  state: Pick<State, "settings" | "durable">,
  node: NodeName,
): boolean {
  return membersOf(state).some((member) => member.name === node && member.kind === "data");
}

/** True where the members are two, and pair mode says what each may do without the other. */
export function isPair(state: Pick<State, "settings" | "durable">): boolean {
  return state.settings.pair !== null && membersOf(state).length === 2;
}

/** The newest record that this node knows of: its own, or one that it was shown. */
export function newestKnown({ durable, shown }: State): ClusterRecord | null {
  return newerRecord(durable.record, shown);
}

/** How many members, this one included, make a majority. */
export function majorityOf(state: Pick<State, "settings" | "durable">): number {
  return majoritySize(membersOf(state).length, state.settings.minConsensusNodes);
}

/** How many members, this one included, have to agree now. */
export function neededVotes(state: State): number {
  return neededOf(state, membersOf(state));
}

/** How many of `members`, this one included, have to agree under a record that names them. */
export function neededOf(state: State, members: readonly MemberEntry[]): number {
  const { role } = state;
  // An operator who forces one of a pair has looked after the other, which does not answer.
  const forced = role.kind === "candidate" && role.forced && role.failed.length > 0;
  return isPair(state) && (forced || actsAlone(state))
    ? 1
    : majoritySize(members.length, state.settings.minConsensusNodes);
}
