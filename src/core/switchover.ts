/**
 * Steering by hand: an operator names the next primary.
 *
 * With a healthy leader it is a switchover: PostgreSQL is shut down so that the target has every
 * byte, the target confirms it, and only then does the leader resign, durably, and hand over. Until
 * that moment any failing step leads back to the old primary, within its lease; after it there is
 * no way back but a new term. Without a leader it is an election in which the named node does not
 * wait its turn; who may be elected is not for the operator to say.
 * (docs/consensus.md, "Planned switchover")
 *
 * @module
 */
import { cannotCampaign } from "./eligibility.ts";
import { becomeFollower, pauseMs } from "./follower.ts";
import { beat, enterPhase, isSettled } from "./leader.ts";
import { formatLsn } from "./lsn.ts";
import type { Answer, Handover } from "./message.ts";
import { includesInstance, type NodeName, type Position } from "./record.ts";
import type { ActionFailure, ActionResult, ServerAction } from "./server.ts";
import { isDataMember, peersOf } from "./settings.ts";
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

/** A target further behind than this would keep writes waiting for long; it is refused. */
const MAXIMUM_LAG_BYTES = 16n * 1024n * 1024n;

/** How long the target may take to confirm, before the switchover is rolled back. */
const CONFIRM_MS = 5000;

/** Pause between two questions to the target. */
const CONFIRM_RETRY_MS = 50;

/** Pause before a fence that failed is tried again. */
const FENCE_RETRY_MS = 1000;

/** How long an operator's call follows what happens elsewhere. */
const WATCH_MS = 60_000;

/** How long a confirmation waits for WAL that may still be on its way. */
const PENDING_CONFIRM_MS = 500;

/** An operator asks that `to` lead. */
export function onFailoverCommand(turn: Turn, reference: number, to: NodeName): void {
  const { settings, role } = turn.state;
  if (!isDataMember(settings, to)) {
    const known = settings.members.filter((m) => m.kind === "data").map((m) => m.name).join(", ");
    return progress(turn, reference, `${to} is no data member; they are ${known}`, "refused");
  }
  if (role.kind === "leader") return startSwitchover(turn, role, reference, to);
  if (to !== settings.self) {
    const whom = role.kind === "follower" && role.leader !== null
      ? `${role.leader}, the leader`
      : `${to} itself, since there is no leader`;
    return progress(turn, reference, `this node does not lead; ask ${whom}`, "refused");
  }
  const obstacle = cannotCampaign(turn.state);
  if (obstacle !== null) {
    return progress(turn, reference, `${to} cannot be elected: ${obstacle}`, "refused");
  }
  progress(turn, reference, `${to} campaigns as soon as no promise holds it back`);
  patch(turn, {
    watch: {
      reference,
      to,
      stage: "waiting",
      term: turn.state.durable.term,
      deadlineMs: turn.nowMs + WATCH_MS,
      because: "",
    },
  });
  if (role.kind === "follower") patchRole(turn, role, { campaignAtMs: turn.nowMs });
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
      stage: "waiting",
      term: durable.term,
      deadlineMs: turn.nowMs + WATCH_MS,
      because: "it was not elected",
    },
  });
}

/** The handover did not reach its target: the others need not wait for the lease either. */
export function onHandoverLost(turn: Turn, term: number): void {
  if (turn.state.durable.resignedTerm !== term || turn.state.durable.term !== term) return;
  for (const peer of peersOf(turn.state.settings)) send(turn, peer, { type: "resigned", term });
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

/** Follows what an operator waits for; called at every turn. */
export function settleWatch(turn: Turn): void {
  const { watch, role, server, settings } = turn.state;
  if (watch === null) return;
  const finish = (step: string, outcome: "succeeded" | "failed") => {
    progress(turn, watch.reference, step, outcome);
    patch(turn, { watch: null });
  };
  if (watch.to === settings.self) {
    if (role.kind === "leader" && role.phase === "leading") {
      return finish(
        `${settings.self} is the primary (term ${turn.state.durable.term})`,
        "succeeded",
      );
    }
    if (role.kind === "follower" && role.leader !== null && turn.state.durable.term > watch.term) {
      return finish(`${role.leader} was elected instead`, "failed");
    }
    const because = turn.state.campaignFailure;
    if (because !== null && because !== watch.because) {
      progress(turn, watch.reference, `not elected yet: ${because}`);
      patch(turn, { watch: { ...watch, because } });
    }
  } else if (
    watch.stage === "writable" && server?.state === "standby" && server.streamingFrom === watch.to
  ) {
    return finish(`${settings.self} follows it as a standby`, "succeeded");
  }
  if (turn.nowMs >= watch.deadlineMs) {
    finish(`no success within ${WATCH_MS / 1000} s: ${watch.because}`, "failed");
  }
}

function startSwitchover(turn: Turn, role: LeaderRole, reference: number, to: NodeName): void {
  const { settings } = turn.state;
  if (to === settings.self) {
    return progress(turn, reference, `${to} is the primary already`, "succeeded");
  }
  const obstacle = switchoverObstacle(turn.state, role, to);
  if (obstacle !== null) {
    return progress(turn, reference, `cannot switch over to ${to}: ${obstacle}`, "refused");
  }
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

function switchoverObstacle(state: State, role: LeaderRole, to: NodeName): string | null {
  const { server, operation, settings } = state;
  if (role.phase !== "leading" || server?.state !== "primary") {
    return `the leader is not ready (phase ${role.phase}); try again when it serves writes`;
  }
  if (operation !== null) return `the leader is busy (${operation.action.type}); try again`;
  if (settings.nofailover.includes(to)) return "nofailover is set for it";
  const record = role.published.at(-1);
  const standby = server.standbys.find((one) =>
    one.node === to && one.incarnation === role.peers[to]?.instance?.incarnation
  );
  if (standby === undefined || standby.state !== "streaming") {
    return "it does not stream from the primary; see what status says about it";
  }
  if (!isSettled(role) || record === undefined || !includesInstance(record.electable, standby)) {
    return "it is not electable yet; try again when status lists it as electable";
  }
  const lagBytes = server.insertLsn - standby.flushedLsn;
  if (lagBytes > MAXIMUM_LAG_BYTES) {
    return `it is ${lagBytes} bytes behind, at most ${MAXIMUM_LAG_BYTES} are allowed; ` +
      "wait until it has caught up";
  }
  return null;
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
