/**
 * How the other data members stand, as the leader sees it: who may be elected, and why the rest may
 * not. For people; decides nothing.
 *
 * @module
 */
import { isSettled } from "./agreement.ts";
import { formatLsn } from "./lsn.ts";
import { membersOf } from "./members.ts";
import { type ClusterRecord, includesInstance, type NodeName } from "./record.ts";
import type { LeaderRole, State } from "./state.ts";

/** Whether one data member may be elected. */
export interface Electability {
  readonly node: NodeName;
  readonly electable: boolean;
  /** Why not; empty where it is. */
  readonly because: string;
}

/** How the other data members stand; null on a node that does not serve as the leader. */
export function electabilities(state: State, nowMs: number): readonly Electability[] | null {
  const { role, settings } = state;
  const record = role.kind === "leader" ? role.published.at(-1) : undefined;
  if (role.kind !== "leader" || role.phase !== "leading" || record === undefined) return null;
  return membersOf(state)
    .filter(({ name, kind }) => kind === "data" && name !== settings.self)
    .map(({ name }) => {
      const because = whyNotElectable(state, role, record, { node: name, nowMs });
      return { node: name, electable: because === null, because: because ?? "" };
    });
}

/**
 * How many bytes of its WAL may be missing on the next leader, should this one be gone now.
 *
 * @returns null where it does not serve as the leader, or where nobody else may be elected
 */
export function possibleLossBytes(state: State): number | null {
  const { role, server } = state;
  if (role.kind !== "leader" || role.phase !== "leading" || server?.state !== "primary") {
    return null;
  }
  const record = role.published.at(-1);
  if (record === undefined || record.electable.length === 0) return null;
  if (record.required >= 1) return 0;
  const flushed = record.electable.map((instance) =>
    server.standbys.find((standby) => includesInstance([standby], instance))?.flushedLsn
  ).filter((lsn) => lsn !== undefined);
  if (flushed.length < record.electable.length) return null;
  const least = flushed.reduce((a, b) => a < b ? a : b);
  return Number(server.insertLsn > least ? server.insertLsn - least : 0n);
}

function whyNotElectable(
  state: State,
  role: LeaderRole,
  record: ClusterRecord,
  { node, nowMs }: { readonly node: NodeName; readonly nowMs: number },
): string | null {
  const { settings, server } = state;
  const peer = role.peers[node];
  const instance = peer?.instance ?? null;
  if (instance !== null && includesInstance(record.electable, instance)) {
    return isSettled(role)
      ? null
      : "a majority does not hold the record yet that makes it electable";
  }
  if (settings.nofailover.includes(node)) return "nofailover is set for it";
  const ackedMs = peer?.ackedSentAtMs ?? null;
  if (peer !== undefined && !peer.admitted) return "it lost its state and is not taken back yet";
  if (ackedMs === null || nowMs - ackedMs > settings.leaseMs) {
    return "its agent does not acknowledge heartbeats";
  }
  if (instance === null) return "its PostgreSQL does not answer, or has no data yet";
  if (server?.state !== "primary") return "PostgreSQL here does not answer just now";
  const standby = server.standbys.find((one) => one.node === node);
  if (standby === undefined) return "it does not stream from the primary";
  if (standby.incarnation !== instance.incarnation) {
    return `it streams as another data directory (${standby.incarnation}) than its agent names ` +
      `(${instance.incarnation})`;
  }
  if (standby.state !== "streaming") return `it has not caught up (${standby.state})`;
  const lagBytes = server.insertLsn - standby.flushedLsn;
  const { durability, maximumLagBytes } = settings;
  if (durability === "async" && maximumLagBytes !== null && lagBytes > maximumLagBytes) {
    return `it lags by ${lagBytes} bytes, and ${maximumLagBytes} are allowed`;
  }
  const { barrierLsn } = role.sync;
  if (barrierLsn === null || role.pendingSync !== null) {
    return "the names that commits wait for are not in force yet";
  }
  return standby.flushedLsn < barrierLsn
    ? `it has not flushed past ${formatLsn(barrierLsn)} yet`
    : "it has just become ready, and is made electable next";
}
