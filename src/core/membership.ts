/**
 * How the member list changes: the configuration proposes, the leader changes one member per record.
 *
 * Any majority of a list meets any majority of a list that differs by one member. So a leader changes
 * one at a time, and the next only when a majority of the new list holds the record; and only when
 * its own term's record is committed, so that no change of an older term can still come up beside it.
 * (docs/decisions/2026-11-25-members-change-one-at-a-time.md)
 *
 * @module
 */
import { isSettled } from "./agreement.ts";
import { publish } from "./leader.ts";
import { hasMember, membersOf, membersUnder } from "./members.ts";
import { majoritySize } from "./quorum.ts";
import {
  type ClusterRecord,
  fingerprint,
  isVirgin,
  type MemberEntry,
  newerRecord,
  type NodeName,
} from "./record.ts";
import type { LeaderRole, State } from "./state.ts";
import { report, type Turn } from "./turn.ts";

/** The next member list, or what it waits for. */
export type NextMembers =
  | { readonly members: readonly MemberEntry[]; readonly because: string }
  | { readonly waits: string };

/**
 * Why this node does not listen to `from`, which shows `message.record`: the newer of the two records
 * says who the members are, and the sender has to count the same ones.
 */
export function strangerDenial(
  state: Pick<State, "settings" | "durable">,
  from: NodeName,
  message: { readonly fingerprint: string; readonly record: ClusterRecord | null },
): string | null {
  const { settings, durable } = state;
  const members = membersUnder(state, newerRecord(durable.record, message.record));
  if (!hasMember(members, from)) {
    return `${from} is no member of this cluster; if it should be one, name it in the configuration ` +
      "of every node and restart their agents";
  }
  if (isVirgin(durable.record) && !hasMember(settings.members, from)) {
    return `the configuration of ${settings.self} does not name ${from}`;
  }
  if (message.fingerprint !== fingerprint(members)) {
    return `its member list differs from that of ${settings.self}: ${from} has missed a change, or ` +
      "at a first start the configurations have to name the same members";
  }
  return null;
}

/** Nodes that the configuration proposes as members: they hear the leader, and do not count yet. */
export function newcomers(state: State, role: LeaderRole): readonly NodeName[] {
  const { settings, durable } = state;
  if (role.phase !== "leading" || settings.pair !== null || isVirgin(durable.record)) return [];
  return settings.members.map(({ name }) => name).filter((name) =>
    !hasMember(membersOf(state), name) && name !== settings.self
  );
}

/** True where the leader is about to remove `node`: no commit should wait for it any more. */
export function isLeaving(state: State, node: NodeName): boolean {
  const { role, settings } = state;
  if (role.kind !== "leader" || settings.pair !== null || node === settings.self) return false;
  return isAgreed(state, role) &&
    membersOf(state).some((member) => member.name === node && !proposes(settings.members, member));
}

/**
 * Publishes the next member list, if there is one that may be published now.
 *
 * @returns true where it did
 */
export function changeMembers(turn: Turn, role: LeaderRole): boolean {
  const newest = role.published.at(-1);
  const next = nextMembers(turn.state, role);
  if (newest === undefined || next === null || "waits" in next) return false;
  report(turn, { event: "members", outcome: "started", because: next.because });
  publish(turn, { ...newest, members: next.members });
  return true;
}

/** What becomes of the list that this leader's configuration proposes; null where it is in force. */
export function nextMembers(state: State, role: LeaderRole): NextMembers | null {
  const { settings } = state;
  const newest = role.published.at(-1);
  if (newest === undefined || role.phase !== "leading" || isVirgin(newest)) return null;
  if (fingerprint(newest.members) === fingerprint(settings.members)) return null;
  if (settings.pair !== null) {
    return { waits: "a pair is not entered by a change of members: disable pair mode first" };
  }
  if (!isSettled(role)) return { waits: "a majority does not hold the newest record yet" };
  if (!isAgreed(state, role)) {
    return { waits: "a majority of the members has to be configured and restarted the same way" };
  }
  const added = nextAdded(state, role, newest);
  if (added !== null && "members" in added) return added;
  const removed = nextRemoved(state, role, newest);
  if (removed !== null && "members" in removed) return removed;
  return added ?? removed ?? {
    waits: `${settings.self} leads and does not change itself: switch over to another member first`,
  };
}

/** What `status` says about member lists that differ. */
export function membershipProblems(state: State): readonly string[] {
  const { role, settings, durable } = state;
  if (isVirgin(durable.record)) return [];
  const members = membersOf(state);
  const problems: string[] = [];
  if (!hasMember(members, settings.self)) {
    problems.push(
      durable.admitted
        ? "this node is not a member of the cluster any more; stop its agent and PostgreSQL"
        : "this node is not a member of the cluster yet",
    );
  }
  const same = fingerprint(members) === fingerprint(settings.members);
  const waits = role.kind === "leader" ? nextMembers(state, role) : null;
  if (waits !== null && "waits" in waits) {
    problems.push(`the configuration proposes ${listText(settings.members)}: ${waits.waits}`);
  } else if (!same) {
    problems.push(
      `the configuration of this node proposes ${
        listText(settings.members)
      }, and the members are ` +
        `${listText(members)}: the leader changes one at a time where a majority proposes it`,
    );
  }
  if (role.kind !== "leader" || !same) return problems;
  const others = Object.entries(role.peers).filter(([name, peer]) =>
    hasMember(members, name) && peer.proposes !== null &&
    peer.proposes !== fingerprint(settings.members)
  ).map(([name]) => name);
  if (others.length > 0) {
    problems.push(
      `the configuration of ${
        others.join(", ")
      } proposes other members than this node's; if this ` +
        "node is to be removed, switch over to another member first",
    );
  }
  return problems;
}

/** True where a majority of the members runs with the list that this node's configuration proposes. */
function isAgreed(state: State, role: LeaderRole): boolean {
  const members = membersOf(state);
  const own = fingerprint(state.settings.members);
  const agreeing = members.filter(({ name }) =>
    name === state.settings.self || role.peers[name]?.proposes === own
  );
  return agreeing.length >= majorityIn(state, members);
}

function nextAdded(state: State, role: LeaderRole, newest: ClusterRecord): NextMembers | null {
  const missing = state.settings.members.filter(({ name }) => !hasMember(newest.members, name));
  for (const { name, kind } of missing) {
    const memory = role.peers[name]?.memory ?? null;
    if (!answers(state, role, name) || memory === null) continue;
    // Its memory is named from the start: what it voted before it forgot, if it ever did, is void.
    const members = [...newest.members, { name, kind, memory }];
    return enough(state, role, members) ?? { members, because: `${name} is a new member` };
  }
  const [first] = missing;
  return first === undefined ? null : { waits: `${first.name} has to answer heartbeats first` };
}

function nextRemoved(state: State, role: LeaderRole, newest: ClusterRecord): NextMembers | null {
  const { settings } = state;
  const leaving = newest.members.find((member) =>
    member.name !== settings.self && !proposes(settings.members, member)
  );
  if (leaving === undefined) return null;
  const { name } = leaving;
  const names = [role.sync.setting, role.pendingSync].flatMap((sync) => sync?.names ?? []);
  if ([...newest.electable, ...names].some(({ node }) => node === name)) {
    return { waits: `commits still wait for ${name}` };
  }
  const members = newest.members.filter((member) => member !== leaving);
  return enough(state, role, members) ?? { members, because: `${name} is a member no more` };
}

/** Why `members` could not go on after the change; null where a majority of them is there. */
function enough(
  state: State,
  role: LeaderRole,
  members: readonly MemberEntry[],
): { readonly waits: string } | null {
  const silent = members.filter(({ name }) => !answers(state, role, name)).map(({ name }) => name);
  return members.length - silent.length >= majorityIn(state, members)
    ? null
    : { waits: `too few members would answer after it: ${silent.join(", ")} are silent` };
}

function answers(state: State, role: LeaderRole, node: NodeName): boolean {
  const { settings, nowMs } = state;
  if (node === settings.self) return true;
  return (role.peers[node]?.heardSentAtMs ?? -Infinity) > nowMs - settings.leaseMs;
}

function majorityIn(state: State, members: readonly MemberEntry[]): number {
  return majoritySize(members.length, state.settings.minConsensusNodes);
}

function proposes(proposed: readonly MemberEntry[], member: MemberEntry): boolean {
  return proposed.some(({ name, kind }) => name === member.name && kind === member.kind);
}

function listText(members: readonly MemberEntry[]): string {
  return members.map(({ name, kind }) => kind === "witness" ? `${name} (witness)` : name)
    .join(", ");
}
