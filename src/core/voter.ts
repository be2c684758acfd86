/**
 * The voter: to whom it grants, and what it makes sure of before it says so.
 *
 * A pre-vote asks "would you?", and changes nothing. A vote is persisted, and then the local standby
 * is revoked, before the answer leaves: the position in the answer is final, so that nothing the old
 * leader still sends can make it a lie. (docs/consensus.md, "Election", 1 to 3)
 *
 * @module
 */
import { isBetter, isElectable, objection } from "./candidate.ts";
import { noteShown, standBack } from "./election.ts";
import { cannotCampaign } from "./eligibility.ts";
import { becomeFollower, pauseMs, probeSoon } from "./follower.ts";
import { forceIsNeedless } from "./force.ts";
import { isRecordLeader, ownInstance, ownPosition, ownSystemIdentifier } from "./local.ts";
import { heardInsert } from "./loss.ts";
import { hasMember, isDataMember, membersUnder, newestKnown } from "./members.ts";
import { strangerDenial } from "./membership.ts";
import { forgetSilence } from "./pair.ts";
import type { CandidateClaim } from "./message.ts";
import { isVirgin, newerRecord, type NodeName, type Position, sameInstance } from "./record.ts";
import type { State } from "./state.ts";
import { answer, operate, patch, patchRole, persist, report, type Turn } from "./turn.ts";

/** Answers a pre-vote. Nothing becomes durable and nothing is revoked. */
export function onPreVote(
  turn: Turn,
  exchange: number,
  from: NodeName,
  claim: CandidateClaim,
): void {
  const { state, nowMs } = turn;
  const denial = commonDenial(state, from, claim, nowMs) ??
    (claim.term <= state.durable.term
      ? `its term ${claim.term} is not newer than ${state.durable.term}`
      : null) ??
    betterCandidate(state, from, claim);
  noteShown(turn, claim.record);
  if (denial === null) standBack(turn);
  else probeSoon(turn);
  answer(turn, exchange, {
    type: "pre_vote_answer",
    term: state.durable.term,
    granted: denial === null,
    because: denial ?? "nothing speaks against it",
    record: state.durable.record,
  });
}

/** Answers a vote request, at once where it denies, after persisting and revoking where it grants. */
export function onVote(turn: Turn, exchange: number, from: NodeName, claim: CandidateClaim): void {
  const denial = voteDenial(turn.state, from, claim, turn.nowMs);
  if (denial !== null) {
    report(turn, { event: "vote", outcome: "denied", because: denial, peer: from });
    answer(turn, exchange, {
      type: "vote_answer",
      term: turn.state.durable.term,
      granted: false,
      because: denial,
      record: turn.state.durable.record,
      instance: ownInstance(turn.state),
      position: null,
      memory: turn.state.durable.memory,
      heard: null,
    });
    return;
  }
  abandonPendingVote(turn);
  persist(turn, { term: claim.term, votedFor: from, admitted: true });
  const waitMs = pauseMs(turn.state.settings) / (canWinWhereItFails(turn.state, claim) ? 2 : 1);
  becomeFollower(turn, { leader: null, campaignAtMs: turn.nowMs + waitMs });
  patch(turn, { promise: null });
  forgetSilence(turn);
  report(turn, {
    event: "vote",
    outcome: "granted",
    because: claim.handover === null ? "the promise to the old leader is over" : "handover",
    peer: from,
    fields: { term: claim.term },
  });
  patch(turn, {
    pendingVote: { exchange, term: claim.term, candidate: from, claimed: claim.position },
  });
  if (turn.state.server?.state !== "standby") return answerPendingVote(turn, null);
  if (turn.state.operation === null) return operate(turn, { type: "revoke" });
  if (turn.state.operation.action.type !== "revoke") answerPendingVote(turn, null);
}

/**
 * True for the record's own leader, and for a node with more WAL than the candidate: they can win
 * where it fails, and do not wait behind all the others who voted for it and would fail like it. Not
 * where that leader handed over: the candidate has all that it needs to win.
 */
function canWinWhereItFails(state: State, { handover, position }: CandidateClaim): boolean {
  return isRecordLeader(state) && handover === null || isFurther(ownPosition(state), position);
}

function isFurther(own: Position | null, other: Position | null): boolean {
  return own !== null && other !== null && own.timeline === other.timeline && own.lsn > other.lsn;
}

/** The revocation that a vote was waiting for has ended. */
export function onRevokedForVote(turn: Turn, position: Position | null): void {
  const pending = turn.state.pendingVote;
  if (pending === null) return;
  answerPendingVote(turn, position);
  if (isFurther(position, pending.claimed)) followUp(turn);
}

/**
 * The candidate lacks what has turned out to be here, and so it fails in all likelihood: this node
 * stands as soon as that is decided, rather than after the pause of those who would fail like it.
 */
function followUp(turn: Turn): void {
  const { role, settings } = turn.state;
  if (role.kind !== "follower" || role.leader !== null) return;
  const soonMs = turn.nowMs + settings.heartbeatIntervalMs / 2;
  patchRole(turn, role, { campaignAtMs: Math.min(role.campaignAtMs, soonMs) });
}

function answerPendingVote(turn: Turn, position: Position | null): void {
  const pending = turn.state.pendingVote;
  if (pending === null) return;
  patch(turn, { pendingVote: null });
  const stands = turn.state.durable.term === pending.term &&
    turn.state.durable.votedFor === pending.candidate;
  answer(turn, pending.exchange, {
    type: "vote_answer",
    term: turn.state.durable.term,
    granted: stands,
    because: !stands
      ? "a newer election began meanwhile"
      : position === null
      ? "granted without position: its server is not a standby that could be revoked"
      : "granted with its final position",
    record: turn.state.durable.record,
    instance: ownInstance(turn.state),
    position: stands ? position : null,
    memory: turn.state.durable.memory,
    heard: heardInsert(turn.state, turn.nowMs),
  });
}

function abandonPendingVote(turn: Turn): void {
  const pending = turn.state.pendingVote;
  if (pending === null) return;
  patch(turn, { pendingVote: null });
  answer(turn, pending.exchange, {
    type: "denied",
    term: turn.state.durable.term,
    because: "another vote request came before this one could be answered",
  });
}

function voteDenial(
  state: State,
  from: NodeName,
  claim: CandidateClaim,
  nowMs: number,
): string | null {
  const { term, votedFor } = state.durable;
  const common = commonDenial(state, from, claim, nowMs);
  if (common !== null) return common;
  if (claim.term < term) return `its term ${claim.term} is older than ${term}`;
  if (claim.term === term && votedFor !== null && votedFor !== from) {
    return `this node already voted for ${votedFor} in term ${term}`;
  }
  if (
    claim.term === term && state.role.kind === "follower" && state.role.leader !== null
  ) {
    return `term ${term} already has a leader, ${state.role.leader}`;
  }
  return null;
}

/** What speaks against a candidate in a pre-vote and in a vote alike. */
function commonDenial(
  state: State,
  from: NodeName,
  claim: CandidateClaim,
  nowMs: number,
): string | null {
  const { durable, role, server, promise } = state;
  const stranger = strangerDenial(state, from, claim);
  if (stranger !== null) return stranger;
  const newest = newerRecord(newestKnown(state), claim.record);
  const firstStart = isVirgin(newest);
  if (!hasMember(membersUnder(state, newest), state.settings.self)) {
    return "this node is not a member of the cluster";
  }
  if (firstStart) {
    const denial = firstStartDenial(state, claim);
    if (denial !== null) return denial;
  }
  if (!firstStart && !durable.admitted) {
    return "this node lost its state and may not vote until a leader takes it back";
  }
  if (role.kind === "leader") return `this node is the leader of term ${durable.term}`;
  if (!firstStart && server?.state === "primary") {
    return "PostgreSQL still runs as primary here and is fenced first";
  }
  if (promise !== null && nowMs < promise.untilMs && promise.leader !== from) {
    const { handover } = claim;
    const honoured = handover !== null && handover.to === from &&
      handover.term === promise.term &&
      (promise.leader === null || handover.leader === promise.leader);
    if (!honoured) {
      return `the promise to ${promise.leader ?? "the leader before this agent's start"} holds ` +
        `for another ${Math.ceil(promise.untilMs - nowMs)} ms`;
    }
  }
  return objection({
    newest,
    candidate: claim.instance,
    candidateSystemIdentifier: claim.systemIdentifier,
    forced: claim.forced,
  }) ?? (claim.forced ? forceIsNeedless(state) : null);
}

/**
 * Why data here speaks against a first start: a node that has data and no record may have lost its
 * state file, and then the candidate could lack commits that are here.
 */
function firstStartDenial(state: State, claim: CandidateClaim): string | null {
  const { settings, server } = state;
  if (!isDataMember(state, settings.self) || server?.state === "absent") return null;
  const own = ownSystemIdentifier(state);
  if (own === null) return "this node cannot tell yet whether it has data of its own";
  if (own !== claim.systemIdentifier) {
    return `this node has data of its own (system identifier ${own}), which the candidate lacks`;
  }
  const position = ownPosition(state);
  const covered = position !== null && claim.position !== null &&
    claim.position.timeline === position.timeline && claim.position.lsn >= position.lsn;
  return covered ? null : "this node has data of its own, and the candidate's may be behind it";
}

/**
 * A node that would be the better leader, and may campaign, does not support a lesser one. The
 * newest record's leader is never the lesser one: it holds every commit, though a stopped server
 * has no position to show. And who may campaign is for the newest record to say: a node that
 * missed it cannot win, and must not hold up who can.
 */
function betterCandidate(state: State, from: NodeName, claim: CandidateClaim): string | null {
  if (claim.handover !== null || claim.forced || cannotCampaign(state) !== null) return null;
  const newest = newerRecord(newestKnown(state), claim.record);
  if (newest !== null && !isVirgin(newest)) {
    if (claim.instance !== null && sameInstance(newest.leader, claim.instance)) return null;
    if (!isElectable(newest, ownInstance(state))) return null;
  }
  const own = {
    node: state.settings.self,
    position: ownPosition(state),
    priority: state.settings.priority,
  };
  const theirs = { node: from, position: claim.position, priority: claim.priority };
  return isBetter(own, theirs) ? "this node is the better candidate" : null;
}
