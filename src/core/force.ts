/**
 * Forced failover: an operator puts up with the loss of commits, so that there is a primary at all.
 *
 * It lifts one rule only: who may be elected by the newest record. Everything else stands: a
 * majority has to vote, no promise to a leader that is heard is broken, voters revoke themselves,
 * and whoever is ahead of the forced node among those that voted ends it. What it may cost is said
 * before anything is done, and again when it is done. (docs/operations/forced-failover.md)
 *
 * @module
 */
import { coverage, type Grant } from "./candidate.ts";
import { cannotCampaign } from "./eligibility.ts";
import { isRecordLeader, ownInstance, ownPosition, ownSystemIdentifier } from "./local.ts";
import { formatLsn } from "./lsn.ts";
import { hasMember, isDataMember, membersOf } from "./members.ts";
import { type ClusterRecord, isVirgin, type NodeName, type Position } from "./record.ts";
import type { CandidateRole, State } from "./state.ts";
import { patch, progress, report, type Turn } from "./turn.ts";
import { grantsOf } from "./verdict.ts";

/** What an operator said about force: nothing, that it is wanted, that its cost is accepted. */
export type Force = "none" | "ask" | "accepted";

/** A leader that was heard no longer ago than this many heartbeat intervals is alive. */
const ALIVE_INTERVALS = 2.5;

/** The leader that this node still hears; null where there is none. */
export function heardLeader({ role, nowMs, settings }: State): NodeName | null {
  if (role.kind !== "follower" || role.leader === null) return null;
  return nowMs - role.heardAtMs < ALIVE_INTERVALS * settings.heartbeatIntervalMs
    ? role.leader
    : null;
}

/** True while an operator wants this node to be elected by force. */
export function isForcing({ watch, settings }: State): boolean {
  return watch !== null && watch.forced && watch.to === settings.self;
}

/** Why this node cannot be forced, now or ever; null where nothing but time stands against it. */
export function cannotBeForced(state: State): string | null {
  const { settings, durable, server } = state;
  const { record } = durable;
  if (!hasMember(membersOf(state), settings.self)) {
    return "this node is not a member of the cluster";
  }
  if (!isDataMember(state, settings.self)) return "a witness holds no data";
  if (record === null || isVirgin(record)) return "the cluster has never been started";
  if (!durable.admitted) return "this node lost its state; a leader has to take it back first";
  if (server === null) return "the local server has not been observed yet; try again";
  if (server.state === "refused") return server.because;
  if (ownInstance(state) === null) return "there is no data directory here that could be used";
  if (ownSystemIdentifier(state) !== record.systemIdentifier) {
    return "the data directory here belongs to another cluster";
  }
  return server.state === "standby" && server.replayPaused ? "WAL replay is paused" : null;
}

/** Why this node cannot campaign by force at this moment, promises aside; null where it can. */
export function cannotForceNow(state: State): string | null {
  const { server, operation } = state;
  const obstacle = cannotBeForced(state);
  if (obstacle !== null) return obstacle;
  if (server?.state !== "standby") return "PostgreSQL does not run as a standby here yet";
  return operation === null ? null : `the local server is busy (${operation.action.type})`;
}

/** Why a voter that could lead without any loss does not support a forced candidate. */
export function forceIsNeedless(state: State): string | null {
  return isRecordLeader(state) && cannotCampaign(state) === null
    ? "this node led last, holds every commit, and can be elected without force"
    : null;
}

/** Tells an operator what a forced failover to this node may cost. Changes nothing. */
export function tellCost(turn: Turn, reference: number): void {
  const { durable, settings } = turn.state;
  const { record } = durable;
  if (record === null) return;
  const old = record.leader.node;
  const holders = record.electable.map(({ node }) => node).join(", ");
  progress(
    turn,
    reference,
    record.required === 0
      ? `the newest record here (${record.term}.${record.seq}): ${old} leads, and nobody else is ` +
        "known to hold every acknowledged commit"
      : `the newest record here (${record.term}.${record.seq}): ${old} leads, and every ` +
        `acknowledged commit is on ${record.required} of ${holders}`,
  );
  progress(turn, reference, distance(turn.state));
  progress(turn, reference, lossText(record, ownPosition(turn.state), settings.self));
  progress(
    turn,
    reference,
    `${old} must not serve clients any more: make sure that PostgreSQL is stopped there, above ` +
      "all where no agent runs to stop it. When it returns, its WAL that is not part of the new " +
      "primary's history is kept beside and its data directory is cloned",
  );
  progress(
    turn,
    reference,
    "nothing was changed; to go on, repeat the command with --accept-data-loss",
    "unaccepted",
  );
}

/** The voter that is ahead of a forced candidate, and so has to be forced in its place. */
export function aheadOf(
  record: ClusterRecord,
  own: Position | null,
  grants: readonly Grant[],
): { readonly node: NodeName; readonly position: Position } | null {
  for (const { instance, position } of grants) {
    if (instance === null || position === null) continue;
    if (own === null || isFurther(position, own, record)) return { node: instance.node, position };
  }
  return null;
}

/**
 * True where `a` is further than `b`: on the timeline of the record, else on a later one, else by
 * position. Timelines with equal numbers are taken for the same one.
 */
function isFurther(a: Position, b: Position, { timeline }: ClusterRecord): boolean {
  if (a.timeline === b.timeline) return a.lsn > b.lsn;
  if (a.timeline === timeline || b.timeline === timeline) return a.timeline === timeline;
  return a.timeline > b.timeline;
}

/** A forced candidate has won: says what was accepted, to the log and to the operator. */
export function reportForced(turn: Turn, role: CandidateRole, record: ClusterRecord | null): void {
  const { watch, durable } = turn.state;
  const candidate = ownInstance(turn.state);
  if (!role.forced || record === null || candidate === null || role.position === null) return;
  const { covered } = coverage({
    record,
    candidate,
    position: role.position,
    grants: grantsOf(turn.state, role),
  });
  const old = record.leader.node;
  const because = covered
    ? "the votes show that no acknowledged commit is missing here"
    : `an operator accepted that ${lossText(record, role.position, candidate.node)}`;
  const since = lossSince(record, role.position);
  report(turn, {
    event: "forced",
    outcome: "done",
    because,
    peer: old,
    fields: {
      term: durable.term,
      loss: covered ? "none" : "possible",
      timeline: role.position.timeline,
      lsn: formatLsn(role.position.lsn),
      lost_since: since === null ? "unknown" : formatLsn(since.lsn),
      record: `${record.term}.${record.seq}`,
    },
  });
  if (watch !== null) progress(turn, watch.reference, `elected by force: ${because}`);
}

/** A forced campaign has come to an end that no repetition will change. */
export function endForce(turn: Turn, because: string): void {
  const { watch } = turn.state;
  if (watch === null || !isForcing(turn.state)) return;
  progress(turn, watch.reference, because, "failed");
  patch(turn, { watch: null });
}

/** What to do where a forced election found no majority; part of the last word to the operator. */
export const NO_MAJORITY_REMEDY =
  "a majority of the members has to vote, by force too: start metako again on another member, also " +
  "on one without data. A member whose state file is lost does not count until a leader takes it back";

/**
 * From where on commits may be missing at `own`. Only on the timeline of the last leader does a
 * position say it: a node on another one may have left that leader's history long before its end.
 */
function lossSince(record: ClusterRecord, own: Position | null): Position | null {
  return own !== null && own.timeline === record.timeline ? own : null;
}

function lossText(record: ClusterRecord, own: Position | null, self: NodeName): string {
  const { node } = record.leader;
  const since = lossSince(record, own);
  return since !== null
    ? `commits that ${node} acknowledged after ${place(since)} are lost`
    : `commits that ${node}, or a leader before it, acknowledged and ${self} lacks are lost; since ` +
      `${self} does not stand on ${node}'s timeline, it cannot be said from where on`;
}

/** How far this node is behind what was last heard of the leader. */
function distance(state: State): string {
  const { heard, settings, nowMs, durable } = state;
  const own = ownPosition(state);
  const stands = own === null
    ? `${settings.self} does not know its own position yet`
    : `${settings.self} stands at ${place(own)}`;
  if (heard === null) {
    return `${stands}; since the start of this agent nothing was heard from a leader`;
  }
  const agoS = ((nowMs - heard.atMs) / 1000).toFixed(1);
  if (heard.insertLsn === null) {
    return `${stands}; ${heard.leader} was last heard ${agoS} s ago, and said no position`;
  }
  const comparable = own !== null && own.timeline === durable.record?.timeline;
  const behind = comparable ? heard.insertLsn - own.lsn : null;
  const gap = behind === null
    ? ""
    : behind > 0n
    ? `, ${behind} bytes further`
    : ", and all of that is here";
  return `${stands}; ${heard.leader} was last heard ${agoS} s ago, when its WAL ended at ` +
    `${formatLsn(heard.insertLsn)}${gap}. What it wrote since then is not known`;
}

function place({ timeline, lsn }: Position): string {
  return `${formatLsn(lsn)} on timeline ${timeline}`;
}
