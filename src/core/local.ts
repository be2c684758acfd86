/**
 * What the last observation says about this node's own data directory.
 *
 * @module
 */
import type { ServerSummary } from "./message.ts";
import type { Instance, Position } from "./record.ts";
import { isVirgin, sameInstance } from "./record.ts";
import type { State } from "./state.ts";

/** This node's data directory, or null where there is none that could be named. */
export function ownInstance(state: State): Instance | null {
  const { server, settings } = state;
  if (server === null) return null;
  switch (server.state) {
    case "stopped":
    case "standby":
    case "primary":
      return server.incarnation === null
        ? null
        : { node: settings.self, incarnation: server.incarnation };
    default:
      return null;
  }
}

/** The system identifier of the local data directory, or null where there is none to read. */
export function ownSystemIdentifier(state: State): string | null {
  const { server } = state;
  if (server === null) return null;
  return "systemIdentifier" in server ? server.systemIdentifier : null;
}

/** The position last observed on a running standby; not final unless it was revoked before. */
export function ownPosition(state: State): Position | null {
  return state.server?.state === "standby" ? state.server.position : null;
}

/** True where the record names this node's data directory as the last one that was writable. */
export function isRecordLeader(state: State): boolean {
  const instance = ownInstance(state);
  const { record } = state.durable;
  return record !== null && !isVirgin(record) && instance !== null &&
    sameInstance(record.leader, instance);
}

/** The server in three words, for the leader and for people. */
export function summarise(state: State): ServerSummary {
  const { server } = state;
  if (server === null) return { state: "unknown", timeline: null, lsn: null };
  switch (server.state) {
    case "standby":
      return { state: "standby", timeline: server.position.timeline, lsn: server.position.lsn };
    case "primary":
      return { state: "primary", timeline: server.timeline, lsn: server.insertLsn };
    case "stopped":
      return {
        state: "stopped",
        timeline: server.checkpoint.timeline,
        lsn: server.checkpoint.lsn,
      };
    default:
      return { state: server.state, timeline: null, lsn: null };
  }
}
