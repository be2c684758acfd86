/**
 * Leading: how it begins, what it publishes, how long it lasts, and how it ends.
 *
 * How the members agree to it is in agreement.ts, what a leader does with its PostgreSQL in
 * phases.ts, what it does at an operator's request in switchover.ts.
 *
 * @module
 */
import { beat, leaseOf, settleCommitted } from "./agreement.ts";
import { becomeFollower, pauseMs } from "./follower.ts";
import { ownInstance, ownPosition } from "./local.ts";
import { lossText, type PossibleLoss } from "./loss.ts";
import { isPair, majorityOf } from "./members.ts";
import { mayGoOnAlone, mayResumeAlone } from "./pair.ts";
import { advance } from "./phases.ts";
import { type ClusterRecord, isVirgin, type NodeName } from "./record.ts";
import { initialSync } from "./standbys.ts";
import type { LeaderPhase, LeaderRole, State } from "./state.ts";
import {
  drawIncarnation,
  operate,
  patch,
  patchRole,
  persist,
  progress,
  report,
  type Turn,
} from "./turn.ts";

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

/** This node has won its term. It first makes a majority hold what it adopted. */
export function becomeLeader(
  turn: Turn,
  won: {
    readonly record: ClusterRecord | null;
    readonly votes: readonly NodeName[];
    readonly forced?: boolean;
    readonly loss: PossibleLoss | null;
  },
): void {
  const { durable, server } = turn.state;
  report(turn, {
    event: "elected",
    outcome: "done",
    because: `votes of ${won.votes.join(", ")}`,
    fields: { term: durable.term },
  });
  patch(turn, { promise: null, campaignFailure: null });
  if (won.loss !== null) {
    const { knownBytes, heardAgoMs } = won.loss;
    report(turn, {
      event: "possible_loss",
      outcome: "noted",
      because: lossText(won.loss),
      fields: {
        term: durable.term,
        ...(knownBytes === null ? {} : { known_bytes: Number(knownBytes) }),
        ...(heardAgoMs === null ? {} : { heard_ago_ms: heardAgoMs }),
      },
    });
  }
  const adopted = won.record === null || isVirgin(won.record) || server?.state !== "stopped"
    ? null
    : { timeline: won.record.timeline, lsn: won.record.startLsn };
  const given = {
    adopted,
    votes: won.votes,
    alone: isPair(turn.state) && won.votes.length < majorityOf(turn.state),
    ...takenTimeline(turn.state, won),
    possibleLoss: won.loss,
  };
  if (won.record === null || isVirgin(won.record)) {
    lead(turn, "claiming", given);
    claimSolo(turn, null);
  } else {
    lead(turn, "adopting", given);
    publish(turn, { ...won.record, seq: 0 });
  }
}

/**
 * A forced leader may stand where another one left the same timeline, and a claim that never came
 * to name its timeline may have made one: its successor's number has to be another.
 */
function takenTimeline(
  state: State,
  won: { readonly record: ClusterRecord | null; readonly forced?: boolean },
): Pick<LeaderRole, "beyondTimeline"> {
  const { record } = won;
  if (record === null || isVirgin(record)) return {};
  const doubtful = won.forced === true || record.timeline === 0;
  if (!doubtful) return record.takenTimeline === undefined ? {} : beyond(record.takenTimeline);
  const next = (ownPosition(state)?.timeline ?? 0) + 1;
  return beyond(Math.max(record.timeline, record.takenTimeline ?? 0, next));
}

function beyond(beyondTimeline: number): Pick<LeaderRole, "beyondTimeline"> {
  return { beyondTimeline };
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
    alone: isPair(turn.state) && mayResumeAlone(turn.state),
  });
  beat(turn, role);
  settleCommitted(turn);
  advance(turn);
}

/** True where commits may be acknowledged without a standby: the record says so, and the policy. */
export function mayBeAlone({ settings, durable }: State): boolean {
  return settings.durability !== "strict" && durable.record?.required === 0;
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
    ...announced(turn.state, adopted),
    electable: [],
    required: 0,
  });
}

/** The timeline that the promotion behind a claim may make; its successor has to know of it. */
function announced(
  state: State,
  adopted: ClusterRecord | null,
): Pick<ClusterRecord, "takenTimeline"> {
  if (adopted === null || isVirgin(adopted)) return {};
  const { role } = state;
  const taken = role.kind === "leader" ? role.beyondTimeline ?? 0 : 0;
  const own = ownPosition(state)?.timeline ?? 0;
  return { takenTimeline: Math.max(adopted.timeline, adopted.takenTimeline ?? 0, taken, own) + 1 };
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
  const lapsesAtMs = untilMs ?? role.electedDeadlineMs;
  if (turn.nowMs >= lapsesAtMs) {
    if (isPair(turn.state) && mayGoOnAlone(turn.state, renewed, lapsesAtMs)) {
      return goOnAlone(turn, renewed);
    }
    const sinceMs = turn.state.settings.leaseMs;
    stepDown(
      turn,
      renewed.alone
        ? `neither its peer nor a majority of the witness addresses was reached for ${sinceMs} ms`
        : `no majority acknowledged a heartbeat for ${sinceMs} ms`,
    );
    return;
  }
  if (turn.nowMs >= renewed.nextHeartbeatAtMs) beat(turn, renewed);
}

/** The lease of a pair's leader has lapsed, and it may decide without the other from now on. */
function goOnAlone(turn: Turn, role: LeaderRole): void {
  report(turn, {
    event: "alone",
    outcome: "done",
    because: "the peer acknowledged nothing for a whole lease, and this node may act without it",
    fields: { term: turn.state.durable.term },
  });
  const alone = patchRole(turn, role, { alone: true });
  const next = patchRole(turn, alone, { leaseUntilMs: leaseOf(turn, alone.peers) });
  beat(turn, next);
  settleCommitted(turn);
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

function lead(turn: Turn, phase: LeaderPhase, given: Partial<LeaderRole>): LeaderRole {
  const { nowMs } = turn;
  const role: LeaderRole = {
    kind: "leader",
    phase,
    phaseSinceMs: nowMs,
    votes: [],
    peers: {},
    leaseUntilMs: null,
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
    possibleLoss: null,
    retryAtMs: nowMs,
    alone: false,
    ...given,
  };
  patch(turn, { role });
  return patchRole(turn, role, { leaseUntilMs: leaseOf(turn, {}) });
}
