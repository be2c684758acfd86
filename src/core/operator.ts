/**
 * Steering by hand: what an operator asks for, and how it is followed to its end.
 *
 * With a healthy leader it is a switchover (switchover.ts), which waits a little for what is only
 * passing. Without one it is an election in which the named node does not wait its turn; who may be
 * elected is not for the operator to say, unless by force (force.ts).
 *
 * @module
 */
import { isSettled } from "./agreement.ts";
import { cannotCampaign } from "./eligibility.ts";
import type { OperatorCommand } from "./event.ts";
import { cannotBeForced, heardLeader, NO_MAJORITY_REMEDY, tellCost } from "./force.ts";
import { isDataMember, membersOf } from "./members.ts";
import { includesInstance, type NodeName } from "./record.ts";
import type { LeaderRole, State, Watch } from "./state.ts";
import { beginSwitchover, WATCH_MS } from "./switchover.ts";
import { patch, patchRole, progress, report, type Turn } from "./turn.ts";

/** A target further behind than this would keep writes waiting for long; it is refused. */
const MAXIMUM_LAG_BYTES = 16n * 1024n * 1024n;

/** How many heartbeat intervals without an acknowledgement make a target unfit. */
const SILENT_INTERVALS = 2.5;

/** How long a switchover waits for what is only passing: a list being changed, a standby back. */
const PATIENCE_MS = 5000;

/** An operator asks that `to` lead. */
export function onFailoverCommand(turn: Turn, command: OperatorCommand): void {
  const { reference, to, force } = command;
  const { settings, role } = turn.state;
  if (!isDataMember(turn.state, to)) {
    const known = membersOf(turn.state).filter((m) => m.kind === "data").map((m) => m.name).join(
      ", ",
    );
    return progress(turn, reference, `${to} is no data member; they are ${known}`, "refused");
  }
  if (force !== "none") return onForceCommand(turn, command);
  if (role.kind === "leader") return requestSwitchover(turn, role, reference, to);
  if (to !== settings.self) {
    const whom = role.kind === "follower" && role.leader !== null
      ? `${role.leader}, the leader`
      : `${to} itself, since there is no leader`;
    return progress(turn, reference, `this node does not lead; ask ${whom}`, "refused");
  }
  const { watch } = turn.state;
  if (watch !== null) {
    const because = `a failover to ${watch.to} is under way already`;
    return progress(turn, reference, because, "refused");
  }
  const obstacle = cannotCampaign(turn.state);
  if (obstacle !== null) {
    return progress(turn, reference, `${to} cannot be elected: ${obstacle}`, "refused");
  }
  progress(turn, reference, `${to} campaigns as soon as no promise holds it back`);
  watchCampaign(turn, reference, false);
}

/** An operator wants a node to lead although commits may be lost. Only that node can be asked. */
function onForceCommand(turn: Turn, { reference, to, force }: OperatorCommand): void {
  const { settings, role, watch } = turn.state;
  if (to !== settings.self) {
    return progress(turn, reference, `only ${to} itself can be forced; ask it`, "refused");
  }
  if (role.kind === "leader") {
    return role.phase === "leading"
      ? progress(turn, reference, `${to} is the primary already`, "succeeded")
      : progress(turn, reference, `${to} is about to be the primary (${role.phase})`, "refused");
  }
  const obstacle = livingLeader(turn.state) ??
    (watch !== null ? `a failover to ${watch.to} is under way already` : null) ??
    cannotBeForced(turn.state);
  if (obstacle !== null) {
    return progress(turn, reference, `${to} cannot be forced: ${obstacle}`, "refused");
  }
  if (force === "ask") return tellCost(turn, reference);
  report(turn, {
    event: "force",
    outcome: "started",
    because: "an operator accepts that commits may be lost",
  });
  progress(turn, reference, `${to} campaigns by force as soon as no promise holds it back`);
  watchCampaign(turn, reference, true);
}

function watchCampaign(turn: Turn, reference: number, forced: boolean): void {
  const { settings, durable, role } = turn.state;
  patch(turn, {
    watch: {
      reference,
      to: settings.self,
      stage: "waiting",
      term: durable.term,
      deadlineMs: turn.nowMs + WATCH_MS,
      forced,
      because: "",
    },
  });
  if (role.kind === "follower") patchRole(turn, role, { campaignAtMs: turn.nowMs });
}

function livingLeader(state: State): string | null {
  const leader = heardLeader(state);
  return leader === null
    ? null
    : `${leader} leads and is heard; ask for a switchover, without --force`;
}

/** Follows what an operator waits for; called at every turn. */
export function settleWatch(turn: Turn): void {
  const { watch, role, server, settings } = turn.state;
  if (watch === null) return;
  const finish = (step: string, outcome: "succeeded" | "failed") => {
    progress(turn, watch.reference, step, outcome);
    patch(turn, { watch: null });
  };
  if (role.kind === "leader" && watch.to !== settings.self) {
    // A switchover is asked for once: what came to nothing is for the operator to look into, and
    // each further attempt would interrupt writes again.
    if (watch.stage !== "waiting") return finish(whyNotTakenOver(turn.state, watch), "failed");
    if (role.switchover === null) startSwitchover(turn, role, watch);
    return;
  }
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
    const alive = watch.forced ? livingLeader(turn.state) : null;
    if (alive !== null) return finish(`${settings.self} cannot be forced: ${alive}`, "failed");
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
    const remedy = watch.forced ? `. Remember that ${NO_MAJORITY_REMEDY}` : "";
    finish(`no success within ${WATCH_MS / 1000} s: ${watch.because}${remedy}`, "failed");
  }
}

/** What an operator is told where the old leader leads again after it had handed over. */
function whyNotTakenOver({ settings, durable }: State, { to, stage }: Watch): string {
  const done = stage === "handed_over"
    ? `${to} did not take over`
    : `${to} was elected and did not remain the leader`;
  return `${done}: ${settings.self} leads again (term ${durable.term}). The log of ${to} says ` +
    "why; ask again when that has passed";
}

/** Notes the wish; it is fulfilled at once, or as soon as what stands against it has passed. */
function requestSwitchover(turn: Turn, role: LeaderRole, reference: number, to: NodeName): void {
  const { settings, durable, watch } = turn.state;
  if (to === settings.self) {
    return progress(turn, reference, `${to} is the primary already`, "succeeded");
  }
  if (settings.nofailover.includes(to)) {
    return progress(turn, reference, `nofailover is set for ${to}`, "refused");
  }
  if (role.switchover !== null || watch !== null) {
    const other = role.switchover?.to ?? watch?.to;
    return progress(turn, reference, `a switchover to ${other} is under way already`, "refused");
  }
  patch(turn, {
    watch: {
      reference,
      to,
      stage: "waiting",
      term: durable.term,
      deadlineMs: turn.nowMs + PATIENCE_MS,
      forced: false,
      because: "",
    },
  });
}

/** Begins the switchover that is asked for, unless something stands against it. */
function startSwitchover(turn: Turn, role: LeaderRole, watch: Watch): void {
  const { reference, to } = watch;
  const obstacle = switchoverObstacle(turn.state, role, to);
  if (obstacle !== null) {
    if (turn.nowMs >= watch.deadlineMs) {
      patch(turn, { watch: null });
      return progress(turn, reference, `cannot switch over to ${to}: ${obstacle}`, "refused");
    }
    if (watch.because === "") progress(turn, reference, `waits: ${obstacle}`);
    patch(turn, { watch: { ...watch, because: obstacle } });
    return;
  }
  patch(turn, { watch: null });
  beginSwitchover(turn, role, reference, to);
}

function switchoverObstacle(state: State, role: LeaderRole, to: NodeName): string | null {
  const { server, operation } = state;
  if (role.phase !== "leading" || server?.state !== "primary") {
    return `the leader is not ready (phase ${role.phase}); try again when it serves writes`;
  }
  if (operation !== null) return `the leader is busy (${operation.action.type}); try again`;
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
  const ackedMs = role.peers[to]?.ackedSentAtMs ?? -Infinity;
  if (state.nowMs - ackedMs > SILENT_INTERVALS * state.settings.heartbeatIntervalMs) {
    return "its agent does not answer heartbeats";
  }
  const lagBytes = server.insertLsn - standby.flushedLsn;
  if (lagBytes > MAXIMUM_LAG_BYTES) {
    return `it is ${lagBytes} bytes behind, at most ${MAXIMUM_LAG_BYTES} are allowed; ` +
      "wait until it has caught up";
  }
  return null;
}
