/**
 * The leader's side of agreement: records out, acknowledgements in, and the lease they make.
 *
 * What a leader does with its PostgreSQL is in phases.ts; what it does at an operator's request is
 * in switchover.ts.
 *
 * @module
 */
import { becomeFollower, pauseMs } from "./follower.ts";
import { leaseUntilMs } from "./lease.ts";
import { ownInstance } from "./local.ts";
import { membersOf, neededVotes, peersOf } from "./members.ts";
import type { Answer } from "./message.ts";
import { advance } from "./phases.ts";
import {
  type ClusterRecord,
  compareRecords,
  fingerprint,
  isVirgin,
  type NodeName,
  type RecordMark,
} from "./record.ts";
import { initialSync } from "./standbys.ts";
import type { LeaderPhase, LeaderRole, Outstanding, PeerProgress, State } from "./state.ts";
import {
  drawIncarnation,
  operate,
  patch,
  patchRole,
  persist,
  progress,
  report,
  send,
  type Turn,
} from "./turn.ts";

/** Heartbeats to one member that may be under way at once; more would only pile up behind it. */
const MAXIMUM_UNANSWERED = 3;

/** Phases in which PostgreSQL may be running as primary. */
const WRITABLE_PHASES: readonly LeaderPhase[] = [
  "promoting",
  "publishing",
  "leading",
  "resuming",
  "burying",
  "restarting",
  "switching",
];

const NO_PROGRESS: PeerProgress = {
  ackedSentAtMs: null,
  persisted: null,
  admitted: false,
  lostAtMs: null,
  instance: null,
};

/** This node has won its term. It first makes a majority hold what it adopted. */
export function becomeLeader(
  turn: Turn,
  won: { readonly record: ClusterRecord | null; readonly votes: readonly NodeName[] },
): void {
  const { durable, server } = turn.state;
  report(turn, {
    event: "elected",
    outcome: "done",
    because: `votes of ${won.votes.join(", ")}`,
    fields: { term: durable.term },
  });
  patch(turn, { promise: null, campaignFailure: null });
  const adopted = won.record === null || isVirgin(won.record) || server?.state !== "stopped"
    ? null
    : { timeline: won.record.timeline, lsn: won.record.startLsn };
  if (won.record === null || isVirgin(won.record)) {
    lead(turn, "claiming", { adopted, votes: won.votes });
    claimSolo(turn, null);
  } else {
    lead(turn, "adopting", { adopted, votes: won.votes });
    publish(turn, { ...won.record, seq: 0 });
  }
}

/** After an agent's restart: PostgreSQL still runs as primary of this node's own term. */
export function resumeLeadership(turn: Turn): void {
  const { durable, server, startedAtMs, settings } = turn.state;
  if (durable.record === null || server?.state !== "primary") return;
  report(turn, {
    event: "resume",
    outcome: "started",
    because: "PostgreSQL runs as primary of this node's own term; a majority has to confirm it",
    fields: { term: durable.term },
  });
  const role = lead(turn, "resuming", {
    published: [durable.record],
    sync: { setting: server.sync, barrierLsn: null },
    pendingSync: server.sync.required >= 1 || mayBeAlone(turn.state)
      ? server.sync
      : initialSync(turn.state),
    electedDeadlineMs: startedAtMs + settings.leaseMs,
  });
  beat(turn, role);
  advance(turn);
}

/** True where commits may be acknowledged without a standby: the record says so, and the policy. */
export function mayBeAlone({ settings, durable }: State): boolean {
  return settings.durability === "quorum" && durable.record?.required === 0;
}

/** Publishes the claim to lead alone: nobody else is electable until commits are known elsewhere. */
export function claimSolo(turn: Turn, adopted: ClusterRecord | null): void {
  const { settings, instances } = turn.state;
  // A server that does not answer just now has its data directory all the same. To name another
  // would leave a record under which nobody may ever be elected.
  const known = adopted === null ? undefined : instances[settings.self];
  const leader = ownInstance(turn.state) ??
    { node: settings.self, incarnation: known ?? drawIncarnation(turn) };
  publish(turn, {
    term: turn.state.durable.term,
    seq: adopted?.seq ?? 0,
    members: adopted?.members ?? settings.members,
    systemIdentifier: adopted?.systemIdentifier ?? null,
    leader,
    timeline: 0,
    startLsn: 0n,
    electable: [],
    required: 0,
  });
}

/** Makes `content` this term's next record: durable here first, then sent to all. */
export function publish(turn: Turn, content: ClusterRecord): void {
  const { role, durable } = turn.state;
  if (role.kind !== "leader") return;
  const record: ClusterRecord = { ...content, term: durable.term, seq: content.seq + 1 };
  persist(turn, { record });
  const next = patchRole(turn, role, { published: [...role.published, record] });
  beat(turn, next);
  settleCommitted(turn);
  advance(turn);
}

/** Sends heartbeats when they are due, and ends the leadership when the lease has run out. */
export function keepLease(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind !== "leader") return;
  const untilMs = leaseOf(turn, role.peers);
  const renewed = untilMs === role.leaseUntilMs
    ? role
    : patchRole(turn, role, { leaseUntilMs: untilMs });
  if (turn.nowMs >= (untilMs ?? role.electedDeadlineMs)) {
    const sinceMs = turn.state.settings.leaseMs;
    stepDown(turn, `no majority acknowledged a heartbeat for ${sinceMs} ms`);
    return;
  }
  if (turn.nowMs >= renewed.nextHeartbeatAtMs) beat(turn, renewed);
}

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
  if (message.term > durable.term) {
    stepDown(turn, `${from} has reached term ${message.term}`);
    persist(turn, { term: message.term, votedFor: null });
    return;
  }
  if (!message.accepted) {
    patch(turn, { disagreement: `${from} refuses heartbeats: ${message.because}` });
    return;
  }
  const before = role.peers[from] ?? NO_PROGRESS;
  const ackedSentAtMs = message.admitted
    ? Math.max(before.ackedSentAtMs ?? -Infinity, sent.sentAtMs)
    : before.ackedSentAtMs;
  const peer: PeerProgress = {
    ackedSentAtMs,
    persisted: compareRecords(message.persisted, before.persisted) >= 0
      ? message.persisted
      : before.persisted,
    admitted: message.admitted,
    lostAtMs: message.admitted ? null : before.lostAtMs ?? turn.nowMs,
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
  patchRole(turn, role, { peers, leaseUntilMs: leaseOf(turn, peers) });
  settleCommitted(turn);
  advance(turn);
}

/** Ends this node's leadership: whatever PostgreSQL may still be writing is stopped, at once. */
export function stepDown(turn: Turn, because: string): void {
  const { role, durable, settings } = turn.state;
  if (role.kind !== "leader") return;
  report(turn, {
    event: "step_down",
    outcome: "done",
    because,
    fields: { term: durable.term, phase: role.phase },
  });
  if (role.switchover !== null) {
    progress(turn, role.switchover.reference, `the switchover ended: ${because}`, "failed");
  }
  const { watch } = turn.state;
  if (watch !== null) {
    progress(turn, watch.reference, `this node leads no more: ${because}`, "failed");
  }
  becomeFollower(turn, { leader: null, campaignAtMs: turn.nowMs + pauseMs(settings) });
  patch(turn, { promise: null, watch: null });
  if (WRITABLE_PHASES.includes(role.phase) && turn.state.operation?.action.type !== "fence") {
    operate(turn, { type: "fence" });
  }
}

/** True once a majority holds the newest record that this leader published. */
export function isSettled(role: LeaderRole): boolean {
  const newest = role.published.at(-1);
  return newest !== undefined && compareRecords(role.committed, newest) >= 0;
}

/** Enters a phase, and says so. */
export function enterPhase(turn: Turn, role: LeaderRole, phase: LeaderPhase): LeaderRole {
  report(turn, {
    event: "phase",
    outcome: "noted",
    because: phase,
    fields: { term: turn.state.durable.term },
  });
  return patchRole(turn, role, { phase, phaseSinceMs: turn.nowMs, retryAtMs: turn.nowMs });
}

/** Sends a heartbeat to every member that is not already behind with its answers. */
export function beat(turn: Turn, role: LeaderRole): void {
  const { settings, durable, server } = turn.state;
  patchRole(turn, role, { nextHeartbeatAtMs: turn.nowMs + settings.heartbeatIntervalMs });
  const writable = role.phase === "leading" || role.phase === "switching";
  for (const peer of peersOf(turn.state)) {
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
      admit: mayAdmit(turn.state, role, peer),
      contact: settings.contact,
      insertLsn: writable && server?.state === "primary" ? server.insertLsn : null,
    });
  }
}

/**
 * A member that lost its state is taken back once a majority of the *others* holds the record, by
 * acknowledgements of heartbeats that were sent after the loss was known: an older one says nothing
 * of a newer term, for which the member may have voted before it forgot.
 */
function mayAdmit(state: State, role: LeaderRole, node: NodeName): boolean {
  const newest = role.published.at(-1);
  const lostAtMs = role.peers[node]?.lostAtMs ?? null;
  if (newest === undefined || lostAtMs === null) return false;
  const others = Object.entries(role.peers).filter(([name, { ackedSentAtMs }]) =>
    name !== node && ackedSentAtMs !== null && ackedSentAtMs > lostAtMs
  );
  return holders(others, newest) >= neededVotes(state);
}

function settleCommitted(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind !== "leader") return;
  const entries = Object.entries(role.peers);
  const committed = role.published.findLast((record) =>
    holders(entries, record) >= neededVotes(turn.state)
  );
  if (committed === undefined || compareRecords(committed, role.committed) <= 0) return;
  patchRole(turn, role, {
    committed: { term: committed.term, seq: committed.seq },
    published: role.published.filter((record) => compareRecords(record, committed) >= 0),
  });
}

/** How many members, this node included, are known to hold a record of this term or a newer one. */
function holders(peers: readonly [NodeName, PeerProgress][], mark: RecordMark): number {
  const holding = peers.filter(([, peer]) =>
    peer.admitted && peer.persisted !== null && peer.persisted.term === mark.term &&
    compareRecords(peer.persisted, mark) >= 0
  );
  return 1 + holding.length;
}

function leaseOf({ state, nowMs }: Turn, peers: LeaderRole["peers"]): number | null {
  return leaseUntilMs(state.settings, peers, { needed: neededVotes(state), nowMs });
}

function lead(turn: Turn, phase: LeaderPhase, given: Partial<LeaderRole>): LeaderRole {
  const { nowMs } = turn;
  const role: LeaderRole = {
    kind: "leader",
    phase,
    phaseSinceMs: nowMs,
    votes: [],
    peers: {},
    leaseUntilMs: leaseOf(turn, {}),
    electedDeadlineMs: nowMs + turn.state.settings.leaseMs,
    nextHeartbeatAtMs: nowMs,
    published: [],
    committed: null,
    adopted: null,
    sync: { setting: { names: [], required: 0 }, barrierLsn: null },
    pendingSync: null,
    answeredAtMs: nowMs,
    seenAtMs: {},
    switchover: null,
    retryAtMs: nowMs,
    ...given,
  };
  patch(turn, { role });
  return role;
}
