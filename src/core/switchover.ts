/**
 * The planned switchover, seen from the leader that gives way and from the target that takes over.
 *
 * PostgreSQL is shut down so that the target has every byte, the target confirms it, and only then
 * does the leader resign, durably, and hand over. Until that moment any failing step leads back to
 * the old primary, within its lease; after it there is no way back but a new term. (docs/consensus.md, "Planned switchover")
 *
 * @module
 */
import { beat } from "./agreement.ts";
import { becomeFollower, pauseMs } from "./follower.ts";
import { enterPhase } from "./leader.ts";
import { formatLsn } from "./lsn.ts";
import { peersOf } from "./members.ts";
import type { Answer, Handover } from "./message.ts";
import type { NodeName, Position } from "./record.ts";
import type { ActionFailure, ActionResult, ServerAction } from "./server.ts";
import type { LeaderRole, Outstanding, State, Switchover } from "./state.ts";
import {
  answer,
  operate,
  patch,
  patchRole,
  persist,
  progress,
  report,
  send,
  type Turn,
} from "./turn.ts";

/** How long the target may take to confirm, before the switchover is rolled back. */
const CONFIRM_MS = 5000;

/** Pause between two questions to the target. */
const CONFIRM_RETRY_MS = 50;

/** Pause before a fence that failed is tried again. */
const FENCE_RETRY_MS = 1000;

/** How long an operator's call follows what happens elsewhere. */
export const WATCH_MS = 60_000;

/** How long a confirmation waits for WAL that may still be on its way. */
const PENDING_CONFIRM_MS = 500;

/** Begins: PostgreSQL is asked to shut down while its standbys still stream. */
export function beginSwitchover(
  turn: Turn,
  role: LeaderRole,
  reference: number,
  to: NodeName,
): void {
  progress(turn, reference, `${to} is electable and streaming; new transactions are held`);
  const switching = patchRole(turn, enterPhase(turn, role, "switching"), {
    switchover: {
      reference,
      to,
      stage: "stopping",
      checkpoint: null,
      retryAtMs: Infinity,
      deadlineMs: Infinity,
      failure: null,
    },
  });
  operate(turn, { type: "stop" });
  beat(turn, switching);
}

/** PostgreSQL finished what the switchover asked of it. */
export function onSwitchoverActionDone(turn: Turn, role: LeaderRole, result: ActionResult): void {
  const { switchover } = role;
  if (switchover === null) return;
  if (switchover.stage === "rolling_back") {
    enterPhase(turn, role, "restarting");
    return;
  }
  if (result.type !== "stopped") return;
  const next: Switchover = {
    ...switchover,
    stage: "confirming",
    checkpoint: result.checkpoint,
    retryAtMs: turn.nowMs,
    deadlineMs: turn.nowMs + CONFIRM_MS,
  };
  progress(
    turn,
    switchover.reference,
    `PostgreSQL is shut down, its last checkpoint is at ${formatLsn(result.checkpoint.lsn)}`,
  );
  continueSwitchover(turn, patchRole(turn, role, { switchover: next }));
}

/** PostgreSQL could not do what the switchover asked of it. */
export function onSwitchoverActionFailed(
  turn: Turn,
  role: LeaderRole,
  action: ServerAction,
  failure: ActionFailure,
  because: string,
): void {
  const { switchover } = role;
  if (switchover === null) return;
  if (action.type === "stop" && failure === "unsupported") {
    // Nothing was done to the server, so there is nothing to roll back.
    progress(turn, switchover.reference, `it cannot be stopped: ${because}`, "failed");
    beat(turn, enterPhase(turn, patchRole(turn, role, { switchover: null }), "leading"));
    return;
  }
  if (action.type === "stop") return rollBack(turn, role, `it could not be stopped: ${because}`);
  patchRole(turn, role, { switchover: { ...switchover, retryAtMs: turn.nowMs + FENCE_RETRY_MS } });
}

/** Asks the target again when it is time, and gives up when it takes too long. */
export function continueSwitchover(turn: Turn, role: LeaderRole): void {
  const { switchover } = role;
  if (switchover === null || switchover.stage === "stopping") return;
  if (switchover.stage === "rolling_back") {
    const due = turn.state.operation === null && turn.nowMs >= switchover.retryAtMs;
    if (due) operate(turn, { type: "fence" });
    return;
  }
  if (switchover.checkpoint === null) return;
  if (turn.nowMs >= switchover.deadlineMs) {
    return rollBack(turn, role, `${switchover.to} did not confirm the last checkpoint in time`);
  }
  if (turn.nowMs < switchover.retryAtMs) return;
  patchRole(turn, role, { switchover: { ...switchover, retryAtMs: Infinity } });
  send(turn, switchover.to, {
    type: "confirm",
    term: turn.state.durable.term,
    checkpoint: switchover.checkpoint,
  });
}

/** The target says whether its WAL reaches the shutdown checkpoint; null where it says nothing. */
export function onConfirmAnswer(turn: Turn, sent: Outstanding, message: Answer | null): void {
  const { role, durable, settings } = turn.state;
  if (role.kind !== "leader" || role.switchover?.stage !== "confirming") return;
  const { switchover } = role;
  const from = sent.to;
  // An answer to an earlier switchover speaks of an earlier checkpoint.
  if (from !== switchover.to || sent.sentAtMs < role.phaseSinceMs) return;
  if (message?.type !== "confirm_answer" || !message.reached) {
    patchRole(turn, role, {
      switchover: { ...switchover, retryAtMs: turn.nowMs + CONFIRM_RETRY_MS },
    });
    return;
  }
  progress(turn, switchover.reference, `${from} has received all of it`);
  const handover: Handover = { term: durable.term, leader: settings.self, to: from };
  persist(turn, { resignedTerm: durable.term });
  send(turn, from, { type: "handover", handover });
  progress(turn, switchover.reference, `term ${durable.term} is handed over to ${from}`);
  report(turn, {
    event: "handover",
    outcome: "done",
    because: "an operator asked for it",
    peer: from,
    fields: { term: durable.term },
  });
  becomeFollower(turn, {
    leader: null,
    campaignAtMs: turn.nowMs + settings.leaseMs + 2 * pauseMs(settings),
  });
  patch(turn, {
    promise: null,
    watch: {
      reference: switchover.reference,
      to: from,
      stage: "handed_over",
      term: durable.term,
      deadlineMs: turn.nowMs + WATCH_MS,
      forced: false,
      because: "it was not elected",
    },
  });
}

/** The handover did not reach its target: the others need not wait for the lease either. */
export function onHandoverLost(turn: Turn, term: number): void {
  if (turn.state.durable.resignedTerm !== term || turn.state.durable.term !== term) return;
  for (const peer of peersOf(turn.state)) send(turn, peer, { type: "resigned", term });
}

/** A leader asks whether this node's WAL reaches its shutdown checkpoint. */
export function onConfirm(turn: Turn, exchange: number, checkpoint: Position): void {
  answerConfirm(turn);
  patch(turn, {
    pendingConfirm: { exchange, checkpoint, deadlineMs: turn.nowMs + PENDING_CONFIRM_MS },
  });
  turn.effects.push({ type: "observe" });
}

/** Answers a waiting confirmation where the position is reached, or where time is up. */
export function settleConfirm(turn: Turn): void {
  const { pendingConfirm } = turn.state;
  if (pendingConfirm === null) return;
  if (reaches(turn.state, pendingConfirm.checkpoint) || turn.nowMs >= pendingConfirm.deadlineMs) {
    answerConfirm(turn);
  }
}

function rollBack(turn: Turn, role: LeaderRole, failure: string): void {
  const { switchover } = role;
  if (switchover === null) return;
  progress(turn, switchover.reference, `rolling back: ${failure}`);
  report(turn, { event: "switchover", outcome: "failed", because: failure, peer: switchover.to });
  patchRole(turn, role, {
    switchover: {
      ...switchover,
      stage: "rolling_back",
      failure,
      retryAtMs: Infinity,
      deadlineMs: Infinity,
    },
  });
  operate(turn, { type: "fence" });
}

function answerConfirm(turn: Turn): void {
  const { pendingConfirm, server, durable } = turn.state;
  if (pendingConfirm === null) return;
  patch(turn, { pendingConfirm: null });
  answer(turn, pendingConfirm.exchange, {
    type: "confirm_answer",
    term: durable.term,
    reached: reaches(turn.state, pendingConfirm.checkpoint),
    position: server?.state === "standby" ? server.position : null,
  });
}

/** The checkpoint's record begins at its LSN, so its WAL has to reach further than that. */
function reaches(state: State, checkpoint: Position): boolean {
  const { server } = state;
  return server?.state === "standby" && server.position.timeline === checkpoint.timeline &&
    server.position.lsn > checkpoint.lsn;
}
