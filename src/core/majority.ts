/**
 * Majority mode: what each kind of event means to a node of three or more votes.
 *
 * Every event is handled in two halves. First the event itself changes what is known; then
 * everything that was waiting for time or knowledge is looked at again, so that no handler has to
 * remember what else its news might set free.
 *
 * @module
 */
import { assertNever } from "./assert_never.ts";
import { onHeartbeatAnswer } from "./agreement.ts";
import type { Event } from "./event.ts";
import {
  campaignByHandover,
  campaignWhenFree,
  expireCampaign,
  onCampaignAnswer,
  onCampaignSilence,
  onRevokedForCampaign,
} from "./election.ts";
import {
  forgetSilentLeader,
  onHeartbeat,
  onProbed,
  onResigned,
  onStreamLost,
  probeWhenSilent,
} from "./follower.ts";
import { keepLease, resumeLeadership, stepDown } from "./leader.ts";
import { hasMember, membersOf } from "./members.ts";
import type { Answer, Request } from "./message.ts";
import { ownInstance } from "./local.ts";
import { ageWhatWasSeen, onWitnessesChecked, watchPeer } from "./pair.ts";
import { onFailoverCommand, settleWatch } from "./operator.ts";
import { advance, onLeaderActionDone, onLeaderActionFailed, onLeaderObserved } from "./phases.ts";
import { type NodeName, sameInstance } from "./record.ts";
import type { ActionFailure, ActionResult, ServerObservation } from "./server.ts";
import { tendServer } from "./server_rules.ts";
import type { Operation, Outstanding, State } from "./state.ts";
import { onConfirm, onConfirmAnswer, onHandoverLost, settleConfirm } from "./switchover.ts";
import { answer, patch, report, type Turn } from "./turn.ts";
import { onPreVote, onRevokedForVote, onVote } from "./voter.ts";

/** Pause before a failed action of a follower is tried again. */
const RETRY_MS = 2000;

/** Takes one event in, and whatever follows from it. */
export function turnMajority(turn: Turn, event: Event): void {
  // One of a pair that acts alone has nobody to wait for: what it does next must not come before
  // the end of a lease that it slept through.
  if (turn.state.role.kind === "leader" && turn.state.role.alone) keepLease(turn);
  takeIn(turn, event);
  watchPeer(turn);
  keepLease(turn);
  advance(turn);
  expireCampaign(turn);
  probeWhenSilent(turn);
  forgetSilentLeader(turn);
  campaignWhenFree(turn);
  settleConfirm(turn);
  settleWatch(turn);
  tendServer(turn);
}

function takeIn(turn: Turn, event: Event): void {
  switch (event.type) {
    case "tick":
      return;
    case "request":
      return takeRequest(turn, event);
    case "answer":
      return settleRequest(turn, event.request, event.message);
    case "no_answer":
      if (event.reason === "rejected") noteRejection(turn, event.request);
      return settleRequest(turn, event.request, null);
    case "observed":
      return takeObservation(turn, event.server);
    case "action_done":
      return takeResult(turn, event.operation, event.result);
    case "action_failed":
      return takeFailure(turn, event.operation, event.failure, event.because);
    case "probed":
      return onProbed(turn, event.node, event);
    case "witnesses_checked":
      return onWitnessesChecked(turn, event.check, event.reached);
    case "operator":
      return onFailoverCommand(turn, event.command);
    case "configured":
      turn.state = {
        ...turn.state,
        settings: { ...turn.state.settings, ...event.settings },
      };
      return;
    case "suspended":
      ageWhatWasSeen(turn, event.gapMs);
      if (event.gapMs >= turn.state.settings.leaseMs) {
        stepDown(turn, `this host was suspended for ${Math.round(event.gapMs)} ms`);
      }
      return;
    default:
      return assertNever(event);
  }
}

function takeRequest(turn: Turn, event: Event & { readonly type: "request" }): void {
  const { exchange, from, message } = event;
  const { settings, durable } = turn.state;
  if (from === settings.self || !mayAsk(turn.state, from, message)) {
    return answer(turn, exchange, {
      type: "denied",
      term: durable.term,
      because: `${from} is no other member of this cluster`,
    });
  }
  switch (message.type) {
    case "pre_vote":
      return onPreVote(turn, exchange, from, message);
    case "vote":
      return onVote(turn, exchange, from, message);
    case "heartbeat":
      return onHeartbeat(turn, exchange, from, message, (because) => stepDown(turn, because));
    case "resigned":
      return onResigned(turn, exchange, from, message.term);
    case "confirm":
      return onConfirm(turn, exchange, message.checkpoint);
    case "handover": {
      const { handover } = message;
      const { promise } = turn.state;
      const valid = handover.to === settings.self && handover.leader === from &&
        promise !== null && promise.leader === from && promise.term === handover.term;
      const because = valid
        ? campaignByHandover(turn, handover)
        : `${from} is not the leader that this node follows in term ${handover.term}`;
      const { term } = turn.state.durable;
      return answer(
        turn,
        exchange,
        because === null ? { type: "noted", term } : { type: "denied", term, because },
      );
    }
    default:
      return assertNever(message);
  }
}

/**
 * True where this node listens to `from` at all. To whom it listens in an election, and as a leader,
 * is for the newest record to say, which may be the one in the message.
 */
function mayAsk(state: State, from: NodeName, message: Request): boolean {
  return "fingerprint" in message || hasMember(membersOf(state), from);
}

/** The other's edge takes nothing from this node: people have to look at the configurations. */
function noteRejection(turn: Turn, request: number): void {
  const to = turn.state.outstanding[request]?.to;
  if (to === undefined) return;
  const disagreement = `${to} rejects the messages of this node: its configuration does not name ` +
    "this node, or has another secret";
  patch(turn, { disagreement });
}

/** A request of ours has ended, with an answer or without one. */
function settleRequest(turn: Turn, request: number, message: Answer | null): void {
  const sent = turn.state.outstanding[request];
  if (sent === undefined) return;
  const { [request]: _, ...outstanding } = turn.state.outstanding;
  patch(turn, { outstanding });
  switch (sent.kind) {
    case "pre_vote":
    case "vote": {
      if (!concernsCampaign(turn.state, sent)) return;
      return message === null
        ? onCampaignSilence(turn, sent.to)
        : onCampaignAnswer(turn, sent.to, message);
    }
    case "heartbeat":
      if (message !== null) onHeartbeatAnswer(turn, sent.to, sent, message);
      return;
    case "confirm":
      return onConfirmAnswer(turn, sent, message);
    case "handover":
      if (message?.type !== "noted") onHandoverLost(turn, sent.term);
      return;
    case "resigned":
      return;
    default:
      return assertNever(sent.kind);
  }
}

function concernsCampaign(state: State, sent: Outstanding): boolean {
  const { role } = state;
  return role.kind === "candidate" && role.stage === sent.kind && role.term === sent.term;
}

function takeObservation(turn: Turn, server: ServerObservation): void {
  const mayResume = turn.state.role.kind === "follower" && ownTermStillOpen(turn.state, turn.nowMs);
  const streamed = isStreaming(turn.state.server);
  patch(turn, { server });
  if (streamed && !isStreaming(server)) onStreamLost(turn);
  if (server.state === "standby" && server.streamingFrom !== null) {
    patch(turn, { streamedAtMs: turn.nowMs });
  }
  const instance = ownInstance(turn.state);
  if (instance !== null) {
    const instances = { ...turn.state.instances, [instance.node]: instance.incarnation };
    patch(turn, { instances });
  }
  if (mayResume && isOwnPrimary(turn.state)) return resumeLeadership(turn);
  onLeaderObserved(turn);
}

function isStreaming(server: ServerObservation | null): boolean {
  return server?.state === "standby" && server.streamingFrom !== null;
}

/** Only an agent that has just started, and has heard and done nothing yet, may resume its term. */
function ownTermStillOpen(state: State, nowMs: number): boolean {
  const { durable, settings, promise, role, startedAtMs } = state;
  return role.kind === "follower" && role.leader === null && durable.admitted &&
    promise !== null && promise.leader === null &&
    durable.record !== null && durable.record.term === durable.term &&
    durable.votedFor === settings.self && durable.resignedTerm < durable.term &&
    durable.record.leader.node === settings.self &&
    nowMs < startedAtMs + settings.leaseMs;
}

function isOwnPrimary(state: State): boolean {
  const { server, durable } = state;
  const instance = ownInstance(state);
  return server?.state === "primary" && instance !== null && durable.record !== null &&
    sameInstance(durable.record.leader, instance) && durable.record.timeline === server.timeline;
}

function takeResult(turn: Turn, id: number, result: ActionResult): void {
  const operation = finish(turn, id);
  if (operation === null) return;
  turn.effects.push({ type: "observe" });
  report(turn, {
    event: operation.action.type,
    outcome: "done",
    because: "",
    fields: { elapsed_ms: Math.round(turn.nowMs - operation.startedAtMs) },
  });
  if (operation.action.type === "revoke") {
    const position = result.type === "revoked" ? result.position : null;
    onRevokedForVote(turn, position);
    return onRevokedForCampaign(turn, position, "no position was read");
  }
  const { type } = operation.action;
  if (type === "clone") patch(turn, { rejoin: { kind: "follow" } });
  if (type === "clone" || type === "follow") patch(turn, { streamedAtMs: turn.nowMs });
  // What was observed before the action is no longer true, and nothing may be decided on it.
  if (operation.action.type !== "set_sync" && operation.action.type !== "prepare") {
    patch(turn, { server: null });
  }
  onLeaderActionDone(turn, operation.action, result);
}

function takeFailure(turn: Turn, id: number, failure: ActionFailure, because: string): void {
  const operation = finish(turn, id);
  if (operation === null) return;
  const { action } = operation;
  turn.effects.push({ type: "observe" });
  report(turn, { event: action.type, outcome: "failed", because, fields: { failure } });
  patch(turn, {
    operationFailure: `${action.type}: ${because}`,
    operateAtMs: turn.nowMs + RETRY_MS,
  });
  if (action.type === "revoke") {
    onRevokedForVote(turn, null);
    return onRevokedForCampaign(turn, null, because);
  }
  if (action.type === "follow" || action.type === "clone") {
    if (failure === "diverged" && action.type === "follow") {
      patch(turn, { rejoin: { kind: "clone", because }, operateAtMs: turn.nowMs });
    } else if (failure === "foreign" || failure === "unsupported") {
      patch(turn, { rejoin: { kind: "blocked", because } });
    }
  }
  onLeaderActionFailed(turn, action, failure, because);
}

function finish(turn: Turn, id: number): Operation | null {
  const { operation } = turn.state;
  if (operation === null || operation.id !== id) return null;
  patch(turn, { operation: null });
  return operation;
}
