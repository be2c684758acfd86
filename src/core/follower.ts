/**
 * The follower: it listens to a leader, makes its records durable, and keeps silence towards others.
 *
 * When the leader falls silent it asks the leader's ports. Only when both refuse, and only while
 * some standby holds every commit, may the promise end early; a port that says nothing proves
 * nothing. Under the same condition the promise lasts longer where PostgreSQL works on and only its
 * agent is silent: it may be restarting. (docs/consensus.md, "Lease and promise")
 *
 * @module
 */
import { ownInstance, summarise } from "./local.ts";
import { isBorneWith, isCovered, patienceUntilMs, promiseTo } from "./lease.ts";
import { strangerDenial } from "./membership.ts";
import type { Request } from "./message.ts";
import { hearLeader } from "./pair.ts";
import {
  compareRecords,
  fingerprint,
  isForgotten,
  memoryOf,
  newerRecord,
  type NodeName,
  sameInstance,
} from "./record.ts";
import type { Settings } from "./settings.ts";
import type { FollowerRole, PromiseToLeader, State } from "./state.ts";
import {
  answer,
  drawMemory,
  patch,
  patchRole,
  persist,
  progress,
  report,
  type Turn,
} from "./turn.ts";

/** How many heartbeat intervals of silence make a follower ask the leader's ports. */
const SILENT_INTERVALS = 2.2;

/** How long a node that just voted, or lost, leaves the stage to others. */
export function pauseMs(settings: Settings): number {
  return Math.max(settings.communicationTimeoutMs, 2 * settings.heartbeatIntervalMs);
}

/** Makes this node a follower of `leader`, or of nobody yet. */
export function becomeFollower(
  turn: Turn,
  options: { readonly leader: NodeName | null; readonly campaignAtMs: number },
): FollowerRole {
  const role: FollowerRole = {
    kind: "follower",
    leader: options.leader,
    writable: false,
    yielding: false,
    leaderContact: null,
    leaderInsertLsn: null,
    heardAtMs: turn.nowMs,
    workingAtMs: null,
    campaignAtMs: options.campaignAtMs,
    probeAtMs: Infinity,
  };
  patch(turn, { role });
  return role;
}

/** A leader speaks. `stepDown` is what a node does that believed to be one itself. */
export function onHeartbeat(
  turn: Turn,
  exchange: number,
  from: NodeName,
  message: Request & { readonly type: "heartbeat" },
  stepDown: (because: string) => void,
): void {
  const refusal = heartbeatRefusal(turn.state, from, message);
  if (refusal !== null) {
    const disagreement = strangerDenial(turn.state, from, message);
    if (disagreement !== null) patch(turn, { disagreement });
    return answerHeartbeat(turn, exchange, false, refusal);
  }
  const newTerm = message.term > turn.state.durable.term;
  if (turn.state.role.kind === "leader") {
    stepDown(`${from} leads term ${message.term}`);
  }
  if (mayCount(turn, message)) {
    persist(turn, {
      term: message.term,
      votedFor: newTerm ? from : turn.state.durable.votedFor ?? from,
      record: newerRecord(turn.state.durable.record, message.record),
      admitted: true,
    });
  }
  const before = turn.state.role;
  const known = before.kind === "follower" && before.leader === from &&
    turn.state.promise?.term === message.term;
  if (!known) {
    report(turn, {
      event: "follow",
      outcome: "noted",
      because: `${from} leads term ${message.term}`,
      peer: from,
      fields: { term: message.term },
    });
    patch(turn, { rejoin: { kind: "follow" }, operateAtMs: turn.nowMs, campaignFailure: null });
  }
  const role = known ? before : becomeFollower(turn, { leader: from, campaignAtMs: turn.nowMs });
  const borne = known && isBorneWith(turn.state, before, turn.nowMs);
  patchRole(turn, role, {
    writable: message.writable || borne,
    yielding: message.yielding,
    leaderContact: message.contact,
    leaderInsertLsn: message.insertLsn,
    heardAtMs: turn.nowMs,
    workingAtMs: borne && !message.writable ? before.workingAtMs : null,
    probeAtMs: turn.nowMs + SILENT_INTERVALS * turn.state.settings.heartbeatIntervalMs,
  });
  patch(turn, {
    promise: promiseTo(turn.state.settings, {
      term: message.term,
      leader: from,
      leaseMs: message.leaseMs,
      nowMs: turn.nowMs,
    }),
    heard: {
      leader: from,
      atMs: turn.nowMs,
      insertLsn: message.insertLsn ??
        (turn.state.heard?.leader === from ? turn.state.heard.insertLsn : null),
    },
    contacts: { ...turn.state.contacts, [from]: message.contact },
    disagreement: null,
  });
  hearInsert(turn, message);
  hearLeader(turn, from, message.alone);
  watchLeader(turn, from, message.term, message.writable);
  answerHeartbeat(turn, exchange, true, "");
}

/**
 * True where this node remembers all that it must, or is taken back: with the memory that it has
 * now, and no other. One that finds another named in a newer record has been given an old copy of
 * its state file: it has lost its state like any other, and begins a new memory.
 */
function mayCount(turn: Turn, message: Request & { readonly type: "heartbeat" }): boolean {
  const { settings, durable } = turn.state;
  if (durable.admitted) {
    if (!isForgotten(message.record, settings.self, durable.memory)) return true;
    persist(turn, { admitted: false, memory: drawMemory(turn) });
    return false;
  }
  return message.admit && memoryOf(message.record, settings.self) === durable.memory;
}

/** Remembers how far the leader's WAL reaches, for an election in which nobody has all of it. */
function hearInsert(turn: Turn, { record, insertLsn }: Request & { type: "heartbeat" }): void {
  if (record === null || insertLsn === null) return;
  const { leader, timeline } = record;
  const { leaderInsert: before } = turn.state;
  const known = before !== null && sameInstance(before.leader, leader) &&
    before.position.timeline === timeline;
  // A heartbeat may overtake an earlier one.
  const lsn = known && before.position.lsn > insertLsn ? before.position.lsn : insertLsn;
  const leaderInsert = { leader, position: { timeline, lsn }, heardAtMs: turn.nowMs };
  patch(turn, { leaderInsert });
}

/** The leader of `term` says that it is down, durably: nobody need wait for its lease. */
export function onResigned(turn: Turn, exchange: number, from: NodeName, term: number): void {
  const { promise, role } = turn.state;
  if (promise !== null && promise.leader === from && promise.term === term) {
    patch(turn, { promise: null });
    if (role.kind === "follower") {
      becomeFollower(turn, { leader: null, campaignAtMs: turn.nowMs });
    }
    report(turn, {
      event: "leader_resigned",
      outcome: "noted",
      because: `${from} gave up term ${term}`,
      peer: from,
    });
  }
  answer(turn, exchange, { type: "noted", term: turn.state.durable.term });
}

/** What a probe of the silent leader found. */
export function onProbed(
  turn: Turn,
  node: NodeName,
  found: { readonly agent: string; readonly server: string; readonly primary: boolean },
): void {
  const { promise, role } = turn.state;
  if (promise === null || promise.leader !== node || turn.nowMs >= promise.untilMs) return;
  const covered = isCovered(turn.state);
  if (found.primary && covered) return bearWith(turn, promise);
  // A pair has nobody to ask whether the guess is right, so a refusal shortens nothing there.
  if (turn.state.settings.pair !== null) return;
  if (found.agent !== "refused" || found.server !== "refused" || !covered) return;
  if (role.kind !== "follower" || role.heardAtMs + silenceMs(turn.state) > turn.nowMs) return;
  report(turn, {
    event: "leader_gone",
    outcome: "noted",
    because: `both the agent and PostgreSQL of ${node} refuse connections`,
    peer: node,
  });
  patch(turn, { promise: null });
  patchRole(turn, role, { leader: null, writable: false, campaignAtMs: turn.nowMs });
}

/** The leader's PostgreSQL works on without its agent: nothing would be gained by an election. */
function bearWith(turn: Turn, promise: PromiseToLeader): void {
  const { role, settings } = turn.state;
  if (role.kind !== "follower" || role.leader === null || settings.agentSilenceMs === 0) return;
  if (role.workingAtMs === null) {
    report(turn, {
      event: "agent_silent",
      outcome: "noted",
      because: `the agent of ${role.leader} says nothing, and its PostgreSQL works as a primary`,
      peer: role.leader,
    });
  }
  patchRole(turn, role, { workingAtMs: turn.nowMs });
  const untilMs = patienceUntilMs(settings, {
    workingAtMs: turn.nowMs,
    heardAtMs: role.heardAtMs,
  });
  patch(turn, { promise: { ...promise, untilMs: Math.max(promise.untilMs, untilMs) } });
}

/** Asks a silent leader's ports; called at every turn of a follower. */
export function probeWhenSilent(turn: Turn): void {
  const { role, promise, settings, contacts } = turn.state;
  if (role.kind !== "follower" || promise === null || promise.leader === null) return;
  if (turn.nowMs < role.probeAtMs || turn.nowMs >= promise.untilMs) return;
  patchRole(turn, role, { probeAtMs: turn.nowMs + settings.heartbeatIntervalMs });
  turn.effects.push({
    type: "probe",
    node: promise.leader,
    contact: contacts[promise.leader] ?? null,
  });
}

/** A leader whose promise is over is no leader any more; called at every turn. */
export function forgetSilentLeader(turn: Turn): void {
  const { role, promise } = turn.state;
  if (role.kind !== "follower" || role.leader === null) return;
  if (promise !== null && turn.nowMs < promise.untilMs) return;
  report(turn, {
    event: "leader_lost",
    outcome: "noted",
    because: `nothing was heard from ${role.leader} for as long as the promise to it held`,
    peer: role.leader,
  });
  becomeFollower(turn, { leader: null, campaignAtMs: turn.nowMs });
}

/** Another node asks for votes: if the leader is silent for us too, look at once. */
export function probeSoon(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind === "follower" && role.heardAtMs + silenceMs(turn.state) <= turn.nowMs) {
    patchRole(turn, role, { probeAtMs: Math.min(role.probeAtMs, turn.nowMs) });
  }
}

/** The stream broke off: if the leader's agent is not heard any more either, look soon. */
export function onStreamLost(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind !== "follower") return;
  const dueAtMs = role.heardAtMs + silenceMs(turn.state);
  patchRole(turn, role, { probeAtMs: Math.min(role.probeAtMs, dueAtMs) });
}

function silenceMs(state: State): number {
  return 1.2 * state.settings.heartbeatIntervalMs;
}

function heartbeatRefusal(
  state: State,
  from: NodeName,
  message: Request & { readonly type: "heartbeat" },
): string | null {
  const { durable, role } = state;
  const stranger = strangerDenial(state, from, message);
  if (stranger !== null) return stranger;
  if (message.term < durable.term) return `term ${message.term} is older than ${durable.term}`;
  if (message.term === durable.term) {
    if (role.kind === "leader") return `this node leads term ${durable.term} itself`;
    if (role.kind === "follower" && role.leader !== null && role.leader !== from) {
      return `${role.leader} leads term ${durable.term}`;
    }
  }
  if (compareRecords(message.record, durable.record) < 0 && durable.admitted) {
    return "its record is older than this node's";
  }
  return null;
}

function answerHeartbeat(
  turn: Turn,
  exchange: number,
  accepted: boolean,
  because: string,
): void {
  const { durable, settings } = turn.state;
  const { record, admitted } = durable;
  answer(turn, exchange, {
    type: "heartbeat_answer",
    term: durable.term,
    accepted,
    because,
    persisted: admitted && record !== null ? { term: record.term, seq: record.seq } : null,
    admitted,
    memory: durable.memory,
    proposes: fingerprint(settings.members),
    instance: ownInstance(turn.state),
    contact: settings.contact,
    server: summarise(turn.state),
  });
}

/** Keeps an operator who asked for another leader informed. */
function watchLeader(turn: Turn, leader: NodeName, term: number, writable: boolean): void {
  const { watch } = turn.state;
  if (watch === null || term <= watch.term) return;
  if (leader !== watch.to) {
    progress(turn, watch.reference, `${leader} was elected instead (term ${term})`, "failed");
    patch(turn, { watch: null });
    return;
  }
  if (watch.stage === "waiting" || watch.stage === "handed_over") {
    progress(turn, watch.reference, `${leader} was elected (term ${term})`);
    patch(turn, { watch: { ...watch, stage: "elected" } });
  }
  if (writable && watch.stage !== "writable") {
    progress(turn, watch.reference, `${leader} is the primary`);
    patch(turn, { watch: { ...watch, stage: "writable" } });
  }
}
