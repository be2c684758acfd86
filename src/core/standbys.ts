/**
 * The standbys of a leader: which are attached, which commits wait for them, and which of them may
 * be elected. The lawful steps are durability.ts; here is what they should lead to.
 *
 * A commit waits for one standby. With `strict` that is never relaxed: with no standby attached, writes
 * wait. With `quorum` the last one is dropped after the lease, record first, and the leader goes on
 * alone: then nobody else may be elected until a standby is back.
 * (docs/decisions/2026-11-24-names-follow-standbys.md)
 *
 * @module
 */
import { isSettled } from "./agreement.ts";
import { nextDurabilityStep, type Promised } from "./durability.ts";
import { publish } from "./leader.ts";
import { isDataMember, peersOf } from "./members.ts";
import { actsAlone } from "./pair.ts";
import { type ClusterRecord, includesInstance, type Instance } from "./record.ts";
import type { SyncName, SyncSetting } from "./server.ts";
import type { LeaderRole, State } from "./state.ts";
import { operate, patchRole, report, type Turn } from "./turn.ts";

/** How many standbys must hold a commit before it is acknowledged. */
const REQUIRED = 1;

/** Nobody holds anything for certain but the leader. */
const SOLO: Promised = { electable: [], required: 0 };

/**
 * The names that commits wait for at first: every other data member that may be elected, or, where
 * the policy lets a leader go on alone, those of them that voted for it and so are there.
 */
export function initialSync(state: State): SyncSetting {
  const { settings, instances, durable, role } = state;
  const there = settings.durability === "quorum" && role.kind === "leader" && role.votes.length > 0
    ? role.votes
    : peersOf(state);
  const known = durable.record === null ? [] : [durable.record.leader, ...durable.record.electable];
  const names: SyncName[] = peersOf(state)
    .filter((node) => there.includes(node))
    .filter((node) => isDataMember(state, node) && !settings.nofailover.includes(node))
    .map((node) => ({
      node,
      incarnation: instances[node] ??
        known.find((instance) => instance.node === node)?.incarnation ?? null,
    }));
  return { names, required: names.length === 0 ? 0 : REQUIRED };
}

/** True where a standby that may be elected was attached when the server last answered. */
export function hasReadySuccessor(turn: Turn, role: LeaderRole): boolean {
  const record = role.published.at(-1);
  if (record === undefined || record.required < 1 || !isSettled(role)) return false;
  return record.electable.some((instance) =>
    (role.seenAtMs[instance.incarnation] ?? -Infinity) >
      role.answeredAtMs - turn.state.settings.leaseMs
  );
}

/** Remembers when each attached standby was last seen. */
export function rememberStandbys(turn: Turn, role: LeaderRole): void {
  const { server } = turn.state;
  if (server?.state !== "primary" || role.phase !== "leading") return;
  const seenAtMs = { ...role.seenAtMs };
  for (const standby of attached(turn.state, role)) seenAtMs[standby.incarnation] = turn.nowMs;
  patchRole(turn, role, { seenAtMs, answeredAtMs: turn.nowMs });
}

/** Standbys that stream from this leader now, each member's present data directory only. */
function attached(state: State, role: LeaderRole): readonly Instance[] {
  const { server, settings } = state;
  if (server?.state !== "primary") return [];
  return server.standbys
    .filter((standby) =>
      standby.state === "streaming" && isDataMember(state, standby.node) &&
      !settings.nofailover.includes(standby.node) &&
      role.peers[standby.node]?.instance?.incarnation === standby.incarnation
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

/** Who should be electable: those attached, and for a while those that just were. */
function desiredPromise(turn: Turn, role: LeaderRole, record: ClusterRecord): Promised | null {
  // Alone, nobody is made electable: the other has to hold this node's newest record first.
  const present = actsAlone(turn.state) ? [] : attached(turn.state, role);
  if (present.length === 0) return maySolo(turn, role, record) ? SOLO : null;
  const lingering = record.electable.filter((instance) =>
    !includesInstance(present, instance) &&
    !present.some((other) => other.node === instance.node) &&
    (role.seenAtMs[instance.incarnation] ?? -Infinity) > turn.nowMs - turn.state.settings.leaseMs
  );
  return { electable: [...present, ...lingering], required: REQUIRED };
}

/** True where the policy lets the leader go on alone, and nobody has been there for a lease. */
function maySolo(turn: Turn, role: LeaderRole, record: ClusterRecord): boolean {
  const { durability, leaseMs } = turn.state.settings;
  const sinceMs = turn.nowMs - leaseMs;
  return durability === "quorum" && role.phaseSinceMs <= sinceMs &&
    record.electable.every(({ incarnation }) =>
      (role.seenAtMs[incarnation] ?? -Infinity) < sinceMs
    );
}
