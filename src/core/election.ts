/**
 * The candidate: it asks first whether it would be elected, then makes its vote durable, revokes
 * itself, asks for votes, and counts. (docs/consensus.md, "Election")
 *
 * @module
 */
import { assertNever } from "./assert_never.ts";
import { cannotCampaign, mayAskAround } from "./eligibility.ts";
import { becomeFollower, pauseMs } from "./follower.ts";
import { cannotForceNow, endForce, isForcing, reportForced } from "./force.ts";
import { becomeLeader } from "./leader.ts";
import { isRecordLeader, ownInstance, ownPosition, ownSystemIdentifier } from "./local.ts";
import { isPair, membersOf, newestKnown, peersOf } from "./members.ts";
import type { Answer, CandidateClaim, Handover } from "./message.ts";
import {
  type ClusterRecord,
  compareRecords,
  fingerprint,
  isForgotten,
  isVirgin,
  type NodeName,
  type Position,
} from "./record.ts";
import { nextTerm } from "./pair.ts";
import type { CandidateRole, State } from "./state.ts";
import {
  operate,
  patch,
  patchRole,
  persist,
  randomBelow,
  report,
  send,
  type Turn,
} from "./turn.ts";
import { type Verdict, verdict } from "./verdict.ts";

/** Starts a campaign where nothing holds this node back; called at every turn of a follower. */
export function campaignWhenFree(turn: Turn): void {
  const { role, promise } = turn.state;
  if (role.kind !== "follower" || turn.nowMs < role.campaignAtMs) return;
  if (promise !== null && turn.nowMs < promise.untilMs) return;
  disbelieve(turn);
  adoptNewerList(turn, turn.state.shown);
  const forced = isForcing(turn.state);
  if (obstacle(turn.state, { forced }) !== null && (forced || !mayAskAround(turn.state))) return;
  const asks = { term: ownNextTerm(turn.state), handover: null, forced };
  startStage(turn, { stage: "pre_vote", ...asks });
  for (const peer of peersOf(turn.state)) {
    send(turn, peer, { type: "pre_vote", ...claim(turn.state, asks) });
  }
  countPreVotes(turn);
}

/**
 * The leader hands over to this node: no need to ask first, and no promise holds.
 *
 * @returns why it cannot campaign now, or null where it does
 */
export function campaignByHandover(turn: Turn, handover: Handover): string | null {
  patch(turn, { promise: null });
  adoptNewerList(turn, turn.state.shown);
  const obstacle = cannotCampaign(turn.state);
  report(turn, {
    event: "handover",
    outcome: obstacle === null ? "started" : "failed",
    because: obstacle ?? `${handover.leader} hands term ${handover.term} over to this node`,
    peer: handover.leader,
  });
  becomeFollower(turn, { leader: null, campaignAtMs: turn.nowMs });
  if (obstacle === null) askForVotes(turn, { handover, forced: false });
  return obstacle;
}

/** This node has just agreed that another one goes first: it does not compete with it. */
export function standBack(turn: Turn): void {
  const { role, settings } = turn.state;
  if (role.kind !== "candidate" || role.stage !== "pre_vote") return;
  const backoffMs = settings.heartbeatIntervalMs / 2 +
    randomBelow(turn, settings.heartbeatIntervalMs);
  becomeFollower(turn, { leader: null, campaignAtMs: turn.nowMs + backoffMs });
}

/** An answer to a pre-vote or vote of this campaign. */
export function onCampaignAnswer(turn: Turn, from: NodeName, message: Answer): void {
  const { role } = turn.state;
  if (role.kind !== "candidate") return;
  const wanted = role.stage === "pre_vote" ? "pre_vote_answer" : "vote_answer";
  if (message.type !== wanted) return onCampaignSilence(turn, from);
  if (adoptNewerList(turn, message.record)) {
    const { term, seq } = turn.state.durable.record!;
    return lose(turn, { because: `its member list is older than record ${term}.${seq}` });
  }
  patchRole(turn, role, { answers: { ...role.answers, [from]: message } });
  if ("record" in message) noteShown(turn, message.record);
  if (message.term > turn.state.durable.term) {
    persist(turn, { term: message.term, votedFor: null });
    return lose(turn, { because: `${from} has already reached term ${message.term}` });
  }
  count(turn);
}

/**
 * Somebody showed a record in an election. It is remembered, so that those who missed it as well can
 * be told: the newer of the two records decides. A pair has nobody to tell.
 */
export function noteShown(turn: Turn, record: ClusterRecord | null): void {
  if (isPair(turn.state) || compareRecords(record, newestKnown(turn.state)) <= 0) return;
  if (compareRecords(record, turn.state.disbelieved) <= 0) return;
  patch(turn, { shown: record, shownAtMs: turn.nowMs });
}

/**
 * Gives up a record that was only heard of, where nobody could be elected under it for long: those
 * who held it may have lost their disks, and the others would tell each other of it for ever. Nothing
 * rests on it, since an agent that begins again does not know it either: a record that was committed
 * is held by somebody in every majority.
 */
function disbelieve(turn: Turn): void {
  const { shown, shownAtMs, durable, settings } = turn.state;
  if (shown === null || compareRecords(shown, durable.record) <= 0) return;
  if (turn.nowMs - shownAtMs < BELIEVED_LEASES * settings.leaseMs) return;
  patch(turn, { shown: null, disbelieved: shown });
}

/** For how many leases without a leader a record is believed that was only heard of. */
const BELIEVED_LEASES = 10;

/**
 * A candidate that missed a change of the members counts, and asks, the wrong ones. It takes over the
 * record that it was shown, as it would from a late heartbeat, and begins again.
 */
function adoptNewerList(turn: Turn, shown: ClusterRecord | null): boolean {
  const { settings, durable } = turn.state;
  if (shown === null || isVirgin(durable.record)) return false;
  if (compareRecords(shown, durable.record) <= 0 || !durable.admitted) return false;
  if (isForgotten(shown, settings.self, durable.memory)) return false;
  if (fingerprint(shown.members) === fingerprint(membersOf(turn.state))) return false;
  const newTerm = shown.term > durable.term;
  persist(turn, newTerm ? { term: shown.term, votedFor: null, record: shown } : { record: shown });
  return true;
}

/** No answer will come from `from` in this campaign. */
export function onCampaignSilence(turn: Turn, from: NodeName): void {
  const { role } = turn.state;
  if (role.kind !== "candidate" || role.failed.includes(from)) return;
  patchRole(turn, role, { failed: [...role.failed, from] });
  count(turn);
}

/** The candidate's own revocation has ended; without a final position it cannot win. */
export function onRevokedForCampaign(turn: Turn, position: Position | null, because: string): void {
  const { role } = turn.state;
  if (role.kind !== "candidate" || role.stage !== "vote" || role.final) return;
  if (position === null) {
    return lose(turn, { because: `its own position is not final: ${because}`, uncovered: true });
  }
  patchRole(turn, role, { final: true, position });
  count(turn);
}

/** Goes on with a campaign when its time has come; called at every turn of a candidate. */
export function expireCampaign(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind !== "candidate") return;
  if (turn.nowMs >= role.deadlineMs) return lose(turn, verdict(turn.state, role));
  if (role.stage === "pre_vote" && turn.nowMs >= role.listenUntilMs) countPreVotes(turn);
}

function askForVotes(turn: Turn, how: Pick<CandidateRole, "handover" | "forced">): void {
  const { settings } = turn.state;
  const { handover, forced } = how;
  const term = ownNextTerm(turn.state);
  persist(turn, { term, votedFor: settings.self, admitted: true });
  const revocable = turn.state.server?.state === "standby";
  const role = startStage(turn, { stage: "vote", term, ...how });
  patchRole(turn, role, { final: !revocable });
  report(turn, {
    event: "campaign",
    outcome: "started",
    because: forced
      ? "an operator forces it, and a majority would agree"
      : handover === null
      ? "no leader, and a majority would agree"
      : "handover",
    fields: { term },
  });
  for (const peer of peersOf(turn.state)) {
    send(turn, peer, { type: "vote", ...claim(turn.state, { term, ...how }) });
  }
  if (revocable) operate(turn, { type: "revoke" });
  countVotes(turn);
}

function ownNextTerm(state: State): number {
  const { term } = state.durable;
  if (!isPair(state)) return term + 1;
  return nextTerm(term, { self: state.settings.self, members: membersOf(state) });
}

function startStage(
  turn: Turn,
  options: Pick<CandidateRole, "stage" | "term" | "handover" | "forced">,
): CandidateRole {
  const role: CandidateRole = {
    kind: "candidate",
    ...options,
    answers: {},
    failed: [],
    deadlineMs: turn.nowMs + 2 * pauseMs(turn.state.settings),
    listenUntilMs: turn.nowMs + turn.state.settings.heartbeatIntervalMs / 4,
    final: false,
    position: null,
  };
  patch(turn, { role });
  return role;
}

function claim(
  state: State,
  asks: Pick<CandidateClaim, "term" | "handover" | "forced">,
): CandidateClaim {
  return {
    fingerprint: fingerprint(membersOf(state)),
    ...asks,
    instance: ownInstance(state),
    systemIdentifier: ownSystemIdentifier(state),
    record: newestKnown(state),
    position: ownPosition(state) ?? adoptedPosition(state),
    priority: state.settings.priority,
  };
}

/** At a first start a server that was there before is taken over where it stands. */
function adoptedPosition(state: State): Position | null {
  const { server, durable } = state;
  if (server === null || !isVirgin(durable.record)) return null;
  if (server.state === "primary") return { timeline: server.timeline, lsn: server.insertLsn };
  return server.state === "stopped" && server.cleanly ? server.checkpoint : null;
}

function count(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind !== "candidate") return;
  if (role.stage === "pre_vote") countPreVotes(turn);
  else countVotes(turn);
}

function countPreVotes(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind !== "candidate") return;
  const result = verdict(turn.state, role);
  const because = obstacle(turn.state, { forced: role.forced, record: result.record });
  switch (result.outcome) {
    case "won":
      // A member without a say of its own grants to everybody. Hearing the others too lets the
      // lesser of two candidates notice the better one, instead of splitting the vote with it.
      if (!result.complete && turn.nowMs < role.listenUntilMs) return;
      if (because !== null) return lose(turn, { because });
      if (isEarly(turn.state, role)) {
        const denial = denialIn(role);
        if (denial !== null) return lose(turn, { because: denial });
      }
      return askForVotes(turn, { handover: null, forced: role.forced });
    case "lost":
      return lose(turn, result);
    case "pending":
      return;
    default:
      return assertNever(result.outcome);
  }
}

function countVotes(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind !== "candidate") return;
  const result = verdict(turn.state, role);
  switch (result.outcome) {
    case "won":
      reportForced(turn, role, result.record);
      return becomeLeader(turn, {
        record: result.record,
        votes: result.votes,
        forced: role.forced,
        loss: result.loss ?? null,
      });
    case "lost":
      return lose(turn, result);
    case "pending":
      return;
    default:
      return assertNever(result.outcome);
  }
}

function lose(
  turn: Turn,
  result: Pick<Verdict, "because" | "uncovered" | "hopeless">,
): void {
  const { role, settings } = turn.state;
  if (role.kind !== "candidate") return;
  const { because, uncovered } = result;
  const { heartbeatIntervalMs } = settings;
  // Its voters pause after a vote. It comes back later than they do, so that one of them who could
  // win, above all the record's own leader, is not kept waiting for ever.
  // And who only asks what others know need not ask often.
  const yieldMs = uncovered === true || mayAskAround(turn.state) ? pauseMs(settings) : 0;
  const backoffMs = isEarly(turn.state, role)
    ? heartbeatIntervalMs / 8 + randomBelow(turn, heartbeatIntervalMs / 8)
    : heartbeatIntervalMs / 2 + randomBelow(turn, heartbeatIntervalMs);
  becomeFollower(turn, { leader: null, campaignAtMs: turn.nowMs + yieldMs + backoffMs });
  if (because !== turn.state.campaignFailure || role.stage === "vote") {
    report(turn, {
      event: role.stage === "vote" ? "campaign" : "pre_vote",
      outcome: "failed",
      because,
      fields: { term: role.term, electable: isRecordLeader(turn.state) || role.position !== null },
    });
  }
  patch(turn, { campaignFailure: because });
  if (result.hopeless === true) endForce(turn, because);
}

/**
 * True at the first pre-vote since the leader was lost. The others find that out a little earlier or
 * later, and look when they are asked. So a majority that is not of one mind is asked again soon,
 * instead of splitting the vote with whoever denies: it would be the better one, or will know better.
 */
function isEarly(state: State, { stage, forced }: CandidateRole): boolean {
  return stage === "pre_vote" && state.campaignFailure === null && !forced && !mayAskAround(state);
}

function denialIn({ answers }: CandidateRole): string | null {
  for (const [node, answer] of Object.entries(answers)) {
    if (answer.type === "pre_vote_answer" && !answer.granted) return `${node}: ${answer.because}`;
  }
  return null;
}

/** `record` is the newest that the answers showed. */
function obstacle(
  state: State,
  { forced, record }: { readonly forced: boolean; readonly record?: ClusterRecord | null },
): string | null {
  return forced ? cannotForceNow(state) : cannotCampaign(state, record);
}
