/**
 * Records out, acknowledgements in: what a leader tells the others, and what a majority of them holds.
 *
 * @module
 */
import { publish, stepDown } from "./leader.ts";
import { leaseUntilMs } from "./lease.ts";
import { hasMember, isPair, membersOf, membersUnder, neededOf, peersOf } from "./members.ts";
import { newcomers } from "./membership.ts";
import type { Answer } from "./message.ts";
import { aloneUntilMs, hearPeer } from "./pair.ts";
import { advance } from "./phases.ts";
import {
  type ClusterRecord,
  compareRecords,
  fingerprint,
  isForgotten,
  memoryOf,
  type NodeName,
} from "./record.ts";
import type { LeaderRole, Outstanding, PeerProgress, State } from "./state.ts";
import { patch, patchRole, persist, report, send, type Turn } from "./turn.ts";

/** Heartbeats to one member that may be under way at once; more would only pile up behind it. */
const MAXIMUM_UNANSWERED = 3;

const NO_PROGRESS: PeerProgress = {
  ackedSentAtMs: null,
  persisted: null,
  admitted: false,
  lost: null,
  memory: null,
  heardSentAtMs: null,
  proposes: null,
  instance: null,
};

/** A member answered a heartbeat of this term. */
export function onHeartbeatAnswer(
  turn: Turn,
  from: NodeName,
  sent: Outstanding,
  message: Answer,
): void {
  const { role, durable } = turn.state;
  if (role.kind !== "leader" || sent.term !== durable.term) return;
  if (message.type !== "heartbeat_answer") return;
  // Who is no member has no say in who leads, whatever term it has come from.
  if (message.term > durable.term && hasMember(membersOf(turn.state), from)) {
    stepDown(turn, `${from} has reached term ${message.term}`);
    persist(turn, { term: message.term, votedFor: null });
    return;
  }
  if (!message.accepted) {
    patch(turn, { disagreement: `${from} refuses heartbeats: ${message.because}` });
    return;
  }
  const before = role.peers[from] ?? NO_PROGRESS;
  // What was said by a memory that is lost says nothing of what the member knows now.
  const admitted = message.admitted && !isForgotten(durable.record, from, message.memory);
  const ackedSentAtMs = admitted
    ? Math.max(before.ackedSentAtMs ?? -Infinity, sent.sentAtMs)
    : before.ackedSentAtMs;
  const peer: PeerProgress = {
    ackedSentAtMs,
    persisted: compareRecords(message.persisted, before.persisted) >= 0
      ? message.persisted
      : before.persisted,
    admitted,
    lost: message.admitted ? null : message.memory,
    memory: message.memory,
    heardSentAtMs: Math.max(before.heardSentAtMs ?? -Infinity, sent.sentAtMs),
    proposes: message.proposes,
    instance: message.instance,
  };
  patch(turn, {
    contacts: { ...turn.state.contacts, [from]: message.contact },
    instances: message.instance === null
      ? turn.state.instances
      : { ...turn.state.instances, [from]: message.instance.incarnation },
    disagreement: null,
  });
  const peers = { ...role.peers, [from]: peer };
  if (message.admitted) hearPeer(turn, false);
  const together = endAlone(turn, role, from, peer);
  patchRole(turn, together, { peers, leaseUntilMs: leaseOf(turn, peers) });
  settleCommitted(turn);
  advance(turn);
}

/** One of a pair acted alone until the other holds its newest record: from now on both decide. */
function endAlone(turn: Turn, role: LeaderRole, from: NodeName, peer: PeerProgress): LeaderRole {
  const newest = role.published.at(-1) ?? null;
  if (!role.alone || !peer.admitted || compareRecords(peer.persisted, newest) !== 0) return role;
  report(turn, {
    event: "together",
    outcome: "done",
    because: `${from} holds this node's newest record`,
    peer: from,
  });
  return patchRole(turn, role, { alone: false });
}

/** Sends a heartbeat to every member that is not already behind with its answers. */
export function beat(turn: Turn, role: LeaderRole): void {
  const { settings, durable, server } = turn.state;
  patchRole(turn, role, { nextHeartbeatAtMs: turn.nowMs + settings.heartbeatIntervalMs });
  const writable = role.phase === "leading" || role.phase === "switching";
  for (const peer of [...peersOf(turn.state), ...newcomers(turn.state, role)]) {
    const unanswered = Object.values(turn.state.outstanding)
      .filter((sent) => sent.to === peer && sent.kind === "heartbeat");
    if (unanswered.length >= MAXIMUM_UNANSWERED) continue;
    send(turn, peer, {
      type: "heartbeat",
      fingerprint: fingerprint(membersOf(turn.state)),
      term: durable.term,
      leaseMs: settings.leaseMs,
      record: durable.record,
      writable,
      yielding: role.phase === "switching",
      alone: role.alone,
      admit: mayAdmit(turn.state, role, peer),
      contact: settings.contact,
      insertLsn: writable && server?.state === "primary" ? server.insertLsn : null,
    });
  }
}

/**
 * A member that lost its state, or is new, is taken in once so many of the *others* hold the record
 * that names its memory that every majority has one of them. Whoever is elected later is shown that
 * record, and votes that the member gave before it forgot do not count.
 * (docs/decisions/2026-11-25-votes-carry-a-memory.md)
 */
function mayAdmit(state: State, role: LeaderRole, node: NodeName): boolean {
  const newest = role.published.at(-1);
  const lost = role.peers[node]?.lost ?? null;
  if (newest === undefined || lost === null || memoryOf(newest, node) !== lost) return false;
  // A leader of a pair had its lease when the loss was known, so the other cannot have gone on
  // without it; there is nobody else to ask.
  if (isPair(state)) return role.leaseUntilMs !== null;
  const { [node]: _, ...others } = role.peers;
  const needed = newest.members.length - neededOf(state, newest.members) + 1;
  return holders(state, others, newest) >= needed;
}

/**
 * Publishes the new memories of members that lost their state, so that they can be taken back.
 *
 * @returns true where there were any
 */
export function nameNewMemories(turn: Turn, role: LeaderRole): boolean {
  const newest = role.published.at(-1);
  // One of a pair can settle nothing before the other is back.
  if (newest === undefined || !isSettled(role) && !isPair(turn.state)) return false;
  const members = newest.members.map((member) => {
    const memory = role.peers[member.name]?.lost ?? member.memory;
    return memory === member.memory ? member : { ...member, memory };
  });
  if (members.every((member, index) => member === newest.members[index])) return false;
  report(turn, {
    event: "memory",
    outcome: "started",
    because: "a member lost its state and is to be taken back with a new one",
  });
  publish(turn, { ...newest, members });
  return true;
}

/** Notes which of the published records a majority holds. */
export function settleCommitted(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind !== "leader") return;
  const committed = role.published.findLast((record) =>
    holders(turn.state, role.peers, record) >=
      neededOf(turn.state, membersUnder(turn.state, record))
  );
  if (committed === undefined || compareRecords(committed, role.committed) <= 0) return;
  patchRole(turn, role, {
    committed: { term: committed.term, seq: committed.seq },
    published: role.published.filter((record) => compareRecords(record, committed) >= 0),
  });
}

/**
 * How many of the members that `record` names, this node included, are known to hold it or a newer
 * one of its term.
 */
function holders(state: State, peers: LeaderRole["peers"], record: ClusterRecord): number {
  const members = membersUnder(state, record);
  const holding = Object.entries(peers).filter(([name, peer]) =>
    hasMember(members, name) &&
    peer.admitted && peer.persisted !== null && peer.persisted.term === record.term &&
    compareRecords(peer.persisted, record) >= 0
  );
  return 1 + holding.length;
}

/** True once a majority holds the newest record that this leader published. */
export function isSettled(role: LeaderRole): boolean {
  const newest = role.published.at(-1);
  return newest !== undefined && compareRecords(role.committed, newest) >= 0;
}

/**
 * Until when the lease reaches, as `peers` have acknowledged it. While a change of the members is not
 * committed, a majority of either list will do: a candidate needs one of either, and they all meet.
 */
export function leaseOf({ state, nowMs }: Turn, peers: LeaderRole["peers"]): number | null {
  const { role } = state;
  if (isPair(state) && role.kind === "leader" && role.alone) return aloneUntilMs(state);
  const published = role.kind === "leader" ? role.published : [];
  const lists = [membersOf(state), ...published.map((record) => membersUnder(state, record))];
  const leases = lists.map((members) => {
    const counting = Object.entries(peers).filter(([name]) => hasMember(members, name));
    return leaseUntilMs(state.settings, Object.fromEntries(counting), {
      needed: neededOf(state, members),
      nowMs,
    });
  }).filter((untilMs) => untilMs !== null);
  return leases.length === 0 ? null : Math.max(...leases);
}
