/**
 * The standbys of a leader: which are attached, which commits wait for them, and which of them may
 * be elected. The lawful steps are durability.ts; here is what they should lead to.
 *
 * With `strict` a commit waits for the wanted number of standbys, and writes wait while there are
 * fewer. With `quorum` it waits for as many of them as are there: who has been away for a lease is
 * dropped, and after the last one the leader goes on alone, so that nobody else may be elected until
 * a standby is back. With `async` it waits for nobody, and electable is who lags by little enough.
 * (docs/consensus.md, "Durability")
 *
 * @module
 */
import { isSettled } from "./agreement.ts";
import { nextDurabilityStep, type Promised } from "./durability.ts";
import { publish } from "./leader.ts";
import { isDataMember, peersOf } from "./members.ts";
import { isLeaving } from "./membership.ts";
import { actsAlone } from "./pair.ts";
import { type ClusterRecord, includesInstance, type Instance, type NodeName } from "./record.ts";
import type { SyncName, SyncSetting } from "./server.ts";
import type { LeaderRole, State } from "./state.ts";
import { operate, patchRole, report, type Turn } from "./turn.ts";

/** Nobody holds anything for certain but the leader. */
const SOLO: Promised = { electable: [], required: 0 };

/** The wanted k, and never more than there are other data members that may be elected. */
export function wantedStandbys(state: State): number {
  if (state.settings.durability === "async") return 0;
  return Math.min(Math.max(1, state.settings.wantedStandbys), successors(state).length);
}

/** The other data members that may be elected. */
function successors(state: State): readonly NodeName[] {
  return peersOf(state).filter((node) =>
    isDataMember(state, node) && !state.settings.nofailover.includes(node) &&
    !isLeaving(state, node)
  );
}

/**
 * The names that commits wait for at first: every other data member that may be elected, or, where
 * the policy lets a leader go on with fewer, those of them that voted for it and so are there.
 * Nobody where the policy waits for nobody, unless a record in force still promises otherwise.
 */
export function initialSync(state: State): SyncSetting {
  const { settings, instances, durable, role } = state;
  const promised = durable.record?.required ?? 0;
  const there = settings.durability === "quorum" && role.kind === "leader" && role.votes.length > 0
    ? role.votes
    : peersOf(state);
  const known = durable.record === null ? [] : [durable.record.leader, ...durable.record.electable];
  if (settings.durability === "async" && promised === 0) return { names: [], required: 0 };
  const names: SyncName[] = successors(state).filter((node) => there.includes(node))
    .map((node) => ({
      node,
      incarnation: instances[node] ??
        known.find((instance) => instance.node === node)?.incarnation ?? null,
    }));
  return { names, required: Math.min(Math.max(wantedStandbys(state), promised), names.length) };
}

/**
 * True where so many standbys were attached when the server last answered that one of them can be
 * elected: |E| − k + 1. Where k is 0 nobody is known to hold every commit.
 */
export function hasReadySuccessor(turn: Turn, role: LeaderRole): boolean {
  const record = role.published.at(-1);
  if (record === undefined || record.required < 1 || !isSettled(role)) return false;
  const ready = record.electable.filter((instance) =>
    (role.seenAtMs[instance.incarnation] ?? -Infinity) >
      role.answeredAtMs - turn.state.settings.leaseMs
  );
  return ready.length > record.electable.length - record.required;
}

/** Remembers when each attached standby was last seen near enough to be elected. */
export function rememberStandbys(turn: Turn, role: LeaderRole): void {
  const { server } = turn.state;
  if (server?.state !== "primary" || role.phase !== "leading") return;
  const seenAtMs = { ...role.seenAtMs };
  for (const standby of attached(turn.state, role)) seenAtMs[standby.incarnation] = turn.nowMs;
  patchRole(turn, role, { seenAtMs, answeredAtMs: turn.nowMs });
}

/**
 * Standbys that stream from this leader now, each member's present data directory only. Where
 * commits wait for nobody, those that lag by more than an election would bear do not count.
 */
function attached(state: State, role: LeaderRole): readonly Instance[] {
  const { server, settings } = state;
  if (server?.state !== "primary") return [];
  const able = successors(state);
  const bound = settings.durability === "async" ? settings.maximumLagBytes : null;
  return server.standbys
    .filter((standby) =>
      standby.state === "streaming" && able.includes(standby.node) &&
      role.peers[standby.node]?.instance?.incarnation === standby.incarnation &&
      (bound === null || server.insertLsn - standby.flushedLsn <= bound)
    )
    .map(({ node, incarnation }) => ({ node, incarnation }))
    .sort((a, b) => a.node < b.node ? -1 : 1);
}

/** Takes one step towards the standbys that are really there, if one is lawful now. */
export function stepDurability(turn: Turn, role: LeaderRole): void {
  const { server, operation } = turn.state;
  if (server?.state !== "primary" || operation !== null || !isSettled(role)) return;
  if (turn.nowMs < role.retryAtMs) return;
  const record = role.published.at(-1);
  if (record === undefined) return;
  const unproved = role.pendingSync ??
    (role.sync.barrierLsn === null ? role.sync.setting : null);
  if (unproved !== null) return setSync(turn, role, unproved);

  const desired = desiredPromise(turn, role, record);
  if (desired === null || role.sync.barrierLsn === null) return;
  const step = nextDurabilityStep({
    sync: role.sync.setting,
    records: role.published,
    barrierLsn: role.sync.barrierLsn,
    flushed: server.standbys.map((standby) => ({ instance: standby, lsn: standby.flushedLsn })),
  }, desired);
  if (step === null) return;
  if (step.type === "set_sync") return setSync(turn, role, step.sync);
  report(turn, {
    event: "electable",
    outcome: "started",
    because: `k = ${step.promised.required} of ${
      step.promised.electable.map(({ node }) => node).join(", ") || "nobody"
    }`,
  });
  publish(turn, { ...record, ...step.promised });
}

function setSync(turn: Turn, role: LeaderRole, sync: SyncSetting): void {
  patchRole(turn, role, { pendingSync: sync });
  operate(turn, { type: "set_sync", sync });
}

/**
 * Who should be electable, those attached and for a while those that just were, and how many of
 * them a commit should wait for. Null where things stay as they are until more are there.
 */
function desiredPromise(turn: Turn, role: LeaderRole, record: ClusterRecord): Promised | null {
  const { state } = turn;
  // Alone, nobody is made electable: the other has to hold this node's newest record first.
  const present = actsAlone(state) ? [] : attached(state, role);
  const lingering = record.electable.filter((instance) =>
    !includesInstance(present, instance) &&
    !present.some((other) => other.node === instance.node) &&
    !isLeaving(state, instance.node) &&
    (role.seenAtMs[instance.incarnation] ?? -Infinity) > turn.nowMs - state.settings.leaseMs
  );
  const wanted = wantedStandbys(state);
  const electable = [...present, ...lingering];
  if (state.settings.durability === "strict") {
    return present.length > 0 && electable.length >= wanted
      ? { electable, required: wanted }
      : null;
  }
  if (present.length === 0) return maySolo(turn, role, record) ? SOLO : null;
  return { electable, required: Math.min(wanted, electable.length) };
}

/** True where nobody has been there for a lease. */
function maySolo(turn: Turn, role: LeaderRole, record: ClusterRecord): boolean {
  const sinceMs = turn.nowMs - turn.state.settings.leaseMs;
  return role.phaseSinceMs <= sinceMs &&
    record.electable.every(({ incarnation }) =>
      (role.seenAtMs[incarnation] ?? -Infinity) < sinceMs
    );
}
