/**
 * Whether this node may ask to be elected, and if not, why: the sentence that `status` shows.
 *
 * @module
 */
import { isElectable } from "./candidate.ts";
import { isRecordLeader, ownInstance } from "./local.ts";
import { isDataMember } from "./members.ts";
import { isVirgin } from "./record.ts";
import type { State } from "./state.ts";

/**
 * Why this node cannot be a candidate now, promises aside.
 *
 * @returns null where it can
 */
export function cannotCampaign(state: State): string | null {
  const { settings, durable, server, operation } = state;
  const { record } = durable;
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
