/**
 * Whether this node may ask to be elected, and if not, why: the sentence that `status` shows.
 *
 * @module
 */
import { isElectable } from "./candidate.ts";
import { isRecordLeader, ownInstance } from "./local.ts";
import { hasMember, isDataMember, isPair, membersOf } from "./members.ts";
import { type ClusterRecord, isVirgin } from "./record.ts";
import type { State } from "./state.ts";

/**
 * Why this node cannot be a candidate now, promises aside.
 *
 * @param record the newest that was shown; where nobody showed one, this node's own
 *
 * @returns null where it can
 */
export function cannotCampaign(
  state: State,
  record: ClusterRecord | null = state.durable.record,
): string | null {
  const { settings, durable, server, operation } = state;
  if (!hasMember(membersOf(state), settings.self)) {
    return "this node is not a member of the cluster";
  }
  if (!isDataMember(state, settings.self)) return "a witness holds no data";
  if (server === null) return "the local server has not been observed yet";
  if (server.state === "refused") return server.because;
  if (record === null || isVirgin(record)) {
    return settings.initialPrimary
      ? operation === null ? null : "the local server is busy"
      : "the cluster's first start waits for the member configured as primary";
  }
  if (!durable.admitted) return "this node lost its state; a leader has to take it back first";
  const instance = ownInstance(state);
  if (instance === null) return "there is no data directory that could be named";
  if (!isElectable(record, instance)) {
    return record.electable.length === 0
      ? `only ${record.leader.node} may lead: no standby is known to hold every commit`
      : `this node's data directory is not electable under record ${record.term}.${record.seq}`;
  }
  return notReady(state);
}

/**
 * True where only its own record keeps this node from being a candidate. The others may hold a
 * newer one that it missed, so it asks for pre-votes all the same: their answers show it.
 */
export function mayAskAround(state: State): boolean {
  const { durable, settings } = state;
  const { record } = durable;
  const instance = ownInstance(state);
  return isDataMember(state, settings.self) && durable.admitted && instance !== null &&
    record !== null && !isVirgin(record) && !isElectable(record, instance) && !isPair(state) &&
    notReady(state) === null;
}

/** Why the server here is in no condition to be promoted now; null where it is. */
function notReady(state: State): string | null {
  const { settings, server, operation } = state;
  if (server === null) return "the local server has not been observed yet";
  if (server.state === "primary") return "PostgreSQL still runs as primary and is fenced first";
  if (isRecordLeader(state)) {
    if (server.state !== "stopped" && server.state !== "standby") return "PostgreSQL is not ready";
  } else {
    if (settings.nofailover.includes(settings.self)) return "nofailover is set for this node";
    if (server.state !== "standby") return "PostgreSQL does not run as a standby here";
    if (server.replayPaused) return "WAL replay is paused";
  }
  return operation === null ? null : `the local server is busy (${operation.action.type})`;
}
