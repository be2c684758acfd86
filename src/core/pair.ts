/**
 * Pair mode: when one of two data members may decide by itself.
 *
 * It is majority mode with another answer to "how many decide" (members.ts): two while both are
 * there, and one while this node acts alone. Terms, votes, records, revocation, promotion and
 * fencing stay as they are. Two nodes cannot tell a dead peer from a cut link, so every rule here
 * is a guess with its limits written down. (docs/consensus.md, "Pair mode")
 *
 * @module
 */
import { isRecordLeader, ownInstance } from "./local.ts";
import { includesInstance, isVirgin, type MemberEntry, type NodeName } from "./record.ts";
import type { PairSettings } from "./settings.ts";
import type { LeaderRole, State } from "./state.ts";
import { checkWitnesses, patch, type Turn } from "./turn.ts";

/** What a member of a pair knows of its peer, and of the world outside. */
export interface PairWatch {
  /** When the peer was last heard as what it should be: a leader, or a follower that acknowledges. */
  readonly heardAtMs: number;
  /** When this node last took anything in. */
  readonly awakeAtMs: number;
  /** When it last noticed that it had not: what it reads right after that is old. */
  readonly deafAtMs: number;
  readonly failedChecks: number;
  readonly checkAtMs: number;
  /** The silence began while this node streamed from the leader and was electable. */
  readonly entitled: boolean;
  readonly witnesses: WitnessWatch;
}

/** What is known of the witness addresses. */
export interface WitnessWatch {
  /** The question that waits for its answer. */
  readonly check: number | null;
  /** When the newest question was asked. */
  readonly beganAtMs: number;
  readonly nextAtMs: number;
  /** When the question was asked that last found a majority of them; null before. */
  readonly reachedAtMs: number | null;
  /** How many the last answer found. */
  readonly reached: number | null;
}

/** A peer is silent once it has missed its time by this many intervals. */
const SILENT_INTERVALS = 1.5;

/** A node that read nothing for longer than this does not know what its peer said meanwhile. */
const DEAF_INTERVALS = 2;

/** How often the witness addresses are tried while the peer is there, so that `status` knows. */
const IDLE_CHECK_MS = 30_000;

/** What an agent that has just started knows of its peer: nothing. */
export function initialWatch(nowMs: number): PairWatch {
  return {
    heardAtMs: nowMs,
    awakeAtMs: nowMs,
    deafAtMs: nowMs,
    failedChecks: 0,
    checkAtMs: nowMs,
    entitled: false,
    witnesses: { check: null, beganAtMs: nowMs, nextAtMs: nowMs, reachedAtMs: null, reached: null },
  };
}

/** True while this node decides by itself. */
export function actsAlone(state: State): boolean {
  if (state.settings.pair === null) return false;
  return state.role.kind === "leader" ? state.role.alone : whyNotAlone(state) === null;
}

/**
 * Why a node that does not lead may not ask to be elected by itself alone, or null where it may:
 * its own record is solo and names it, or the leader fell silent while this node was electable.
 */
export function whyNotAlone(state: State): string | null {
  const { pair, settings, durable, nowMs } = state;
  if (pair === null || settings.pair === null) return "this is no pair";
  if (!durable.admitted) return "it lost its state";
  if (!reachesWitnesses(state)) return "it does not reach a majority of the witness addresses";
  if (isSoloHere(state)) return null;
  if (!pair.entitled) {
    return "the silence did not begin while this node streamed and held every commit";
  }
  const { failureThreshold, failoverDelayMs } = settings.pair;
  const silentMs = nowMs - pair.heardAtMs;
  if (silentMs < failoverDelayMs || pair.failedChecks < failureThreshold) {
    return "its peer has not been silent for long enough";
  }
  return silentMs < 2 * failoverDelayMs ? null : "its peer has been silent for too long";
}

/**
 * True where a leader whose lease lapses now may go on by itself.
 *
 * One that notices late stood still: half a fence margin on, its guardian has ended PostgreSQL, and
 * after a whole one its peer may have been elected. One that only resumes after a restart does not know what happened before, unless nobody else was electable.
 */
export function mayGoOnAlone(state: State, role: LeaderRole, lapsedAtMs: number): boolean {
  const { settings, nowMs } = state;
  if (settings.pair === null || role.alone) return false;
  const lateMs = Math.min(settings.heartbeatIntervalMs, settings.fenceMarginMs / 2);
  if (nowMs > lapsedAtMs + lateMs) return false;
  // The peer may not have heard the newest record: each that may be in force counts.
  const solo = role.published.every(({ electable }) => electable.length === 0);
  const confirmed = role.leaseUntilMs !== null || role.votes.length > 0;
  if (!confirmed && !solo) return false;
  if (settings.pair.witnessCount > 0) return reachesWitnesses(state);
  return settings.pair.whenAlone === "serve" || (solo && role.leaseUntilMs !== null);
}

/** True where this node may resume its own term alone: nobody else could have been elected. */
export function mayResumeAlone(state: State): boolean {
  return state.settings.pair !== null && isSoloHere(state) && reachesWitnesses(state);
}

/** Until when a leader that acts alone may write, as the witness addresses have it. */
export function aloneUntilMs(state: State): number | null {
  const { pair, settings, nowMs } = state;
  if (settings.pair === null || settings.pair.witnessCount === 0) return nowMs + settings.leaseMs;
  const reachedAtMs = pair?.witnesses.reachedAtMs ?? null;
  return reachedAtMs === null ? null : reachedAtMs + settings.leaseMs;
}

/**
 * A term that only this node would take. Two nodes that act alone do not ask each other, so each
 * takes only numbers of its own: the first name even ones, the second odd ones.
 */
export function nextTerm(
  term: number,
  options: { readonly self: NodeName; readonly members: readonly MemberEntry[] },
): number {
  const { self, members } = options;
  const rank = members.map(({ name }) => name).sort().indexOf(self);
  return (term + 1) % 2 === rank % 2 ? term + 1 : term + 2;
}

/** The leader was heard: whatever silence follows begins now, and in this condition. */
export function hearLeader(turn: Turn, leader: NodeName, alone: boolean): void {
  const { durable, server, settings, pair } = turn.state;
  if (pair === null) return;
  const awake = turn.nowMs >= pair.deafAtMs + settings.heartbeatIntervalMs;
  const own = ownInstance(turn.state);
  const { record } = durable;
  const streams = server?.state === "standby" && server.streamingFrom === leader;
  const electable = durable.admitted && own !== null && record !== null &&
    includesInstance(record.electable, own) &&
    (record.required >= 1 || settings.durability === "async");
  hearPeer(turn, awake && !alone && streams && electable);
}

/** The peer was heard. `entitled`: a silence that begins now may end in a promotion. */
export function hearPeer(turn: Turn, entitled: boolean): void {
  const { pair, settings } = turn.state;
  if (pair === null) return;
  patch(turn, {
    pair: {
      ...pair,
      heardAtMs: turn.nowMs,
      failedChecks: 0,
      checkAtMs: turn.nowMs + SILENT_INTERVALS * settings.heartbeatIntervalMs,
      entitled,
    },
  });
}

/** This node voted for its peer: what it knows of the silence counts for nothing. */
export function forgetSilence(turn: Turn): void {
  const { pair } = turn.state;
  if (pair !== null) patch(turn, { pair: { ...pair, entitled: false } });
}

/**
 * The host was suspended: its clock stood still meanwhile, and everything that was seen before is
 * older by that time than the clock says.
 */
export function ageWhatWasSeen(turn: Turn, gapMs: number): void {
  forgetSilence(turn);
  const { pair } = turn.state;
  if (pair === null) return;
  const { witnesses } = pair;
  const { beganAtMs, reachedAtMs } = witnesses;
  patch(turn, {
    pair: {
      ...pair,
      witnesses: {
        ...witnesses,
        beganAtMs: beganAtMs - gapMs,
        reachedAtMs: reachedAtMs === null ? null : reachedAtMs - gapMs,
      },
    },
  });
}

/** Counts the checks of a silent peer, and asks the witness addresses; called at every turn. */
export function watchPeer(turn: Turn): void {
  const { pair, settings } = turn.state;
  if (pair === null || settings.pair === null) return;
  const { heartbeatIntervalMs } = settings;
  const deaf = turn.nowMs - pair.awakeAtMs > DEAF_INTERVALS * heartbeatIntervalMs;
  patch(turn, {
    pair: { ...pair, awakeAtMs: turn.nowMs, deafAtMs: deaf ? turn.nowMs : pair.deafAtMs },
  });
  if (deaf) hearPeer(turn, false);
  else if (turn.nowMs >= pair.checkAtMs) {
    patch(turn, {
      pair: {
        ...pair,
        awakeAtMs: turn.nowMs,
        failedChecks: pair.failedChecks + 1,
        checkAtMs: turn.nowMs + heartbeatIntervalMs,
      },
    });
  }
  askWitnesses(turn);
}

/** An answer about the witness addresses; it is as old as the question. */
export function onWitnessesChecked(turn: Turn, check: number, reached: number): void {
  const { pair, settings } = turn.state;
  if (pair === null || settings.pair === null || pair.witnesses.check !== check) return;
  const enough = reached >= Math.floor(settings.pair.witnessCount / 2) + 1;
  const { beganAtMs, reachedAtMs } = pair.witnesses;
  patch(turn, {
    pair: {
      ...pair,
      witnesses: {
        ...pair.witnesses,
        check: null,
        reached,
        reachedAtMs: enough ? beganAtMs : reachedAtMs,
      },
    },
  });
}

/** What two nodes cannot know, for the log at start and for `status`. */
export function pairCaution(pair: PairSettings): string {
  const cure = "A witness member (a third vote without PostgreSQL) removes the doubt";
  if (pair.witnessCount > 0) {
    return "two data members without a witness cannot tell a dead peer from a cut link: if only the " +
      `link between them is cut, both reach the witness addresses and both become primary. ${cure}`;
  }
  return pair.whenAlone === "serve"
    ? "two data members without a witness cannot tell a dead peer from a cut link: when the link is " +
      `cut, both become primary, and the writes of the older term are given up. ${cure}`
    : "two data members without a witness cannot tell a dead peer from a cut link: the primary stops " +
      `when its standby falls silent, for whatever reason. ${cure}`;
}

/** What is wrong in the pair just now, in words. */
export function pairProblems(state: State): string[] {
  const { pair, settings, role } = state;
  if (pair === null || settings.pair === null) return [];
  const problems: string[] = [];
  const { witnessCount } = settings.pair;
  const { reached } = pair.witnesses;
  if (reached !== null && reached < Math.floor(witnessCount / 2) + 1) {
    problems.push(
      `only ${reached} of ${witnessCount} witness addresses were reached; without its peer this node ` +
        "could not act",
    );
  }
  if (role.kind === "leader" && role.alone) {
    problems.push("this node acts alone: it decides without its peer, which is silent");
  }
  if (role.kind === "follower" && role.leader === null) {
    const obstacle = whyNotAlone(state);
    if (obstacle !== null) {
      problems.push(
        `this node may not act alone: ${obstacle}; it waits for its peer, or an operator`,
      );
    }
  }
  return problems;
}

function askWitnesses(turn: Turn): void {
  const { pair, settings, role } = turn.state;
  if (pair === null || settings.pair === null || settings.pair.witnessCount === 0) return;
  const { heartbeatIntervalMs, communicationTimeoutMs } = settings;
  const lonely = pair.failedChecks > 0 || (role.kind === "leader" && role.alone);
  const { check, beganAtMs, nextAtMs } = pair.witnesses;
  if (turn.nowMs < Math.min(nextAtMs, lonely ? beganAtMs + heartbeatIntervalMs : Infinity)) return;
  if (check !== null && turn.nowMs < beganAtMs + 2 * communicationTimeoutMs) return;
  checkWitnesses(turn, lonely ? heartbeatIntervalMs : IDLE_CHECK_MS);
}

function reachesWitnesses({ pair, settings, nowMs }: State): boolean {
  if (settings.pair === null || settings.pair.witnessCount === 0) return true;
  const reachedAtMs = pair?.witnesses.reachedAtMs ?? null;
  return reachedAtMs !== null && nowMs < reachedAtMs + settings.leaseMs;
}

/**
 * True where this node's own record lets nobody else be elected. A newer term that it did not ask
 * for itself says that its peer went on without it. That the peer ever held the record nobody
 * remembers, so one that is to fence when alone does not start alone either.
 */
function isSoloHere(state: State): boolean {
  const { record, votedFor } = state.durable;
  const { pair } = state.settings;
  if (pair?.witnessCount === 0 && pair.whenAlone === "fence") return false;
  return record !== null && !isVirgin(record) && record.electable.length === 0 &&
    votedFor === state.settings.self && isRecordLeader(state);
}
