/**
 * The local PostgreSQL server as the core sees it: what was observed, and what can be asked of it.
 *
 * The postgres room produces observations and carries out actions; the core decides between them.
 *
 * @module
 */
import type { Lsn } from "./lsn.ts";
import type { Incarnation, NodeName, Position } from "./record.ts";

/** Where a standby streams from. */
export interface Upstream {
  readonly node: NodeName;
  readonly host: string;
  readonly port: number;
}

/**
 * A name in `synchronous_standby_names`. Where a member's data directory is not known yet its
 * incarnation is null: a name that no standby bears, which keeps commits waiting.
 */
export interface SyncName {
  readonly node: NodeName;
  readonly incarnation: Incarnation | null;
}

/** `ANY required (names)`; no names means asynchronous. */
export interface SyncSetting {
  readonly names: readonly SyncName[];
  readonly required: number;
}

/** One row of `pg_stat_replication` that belongs to a member. */
export interface AttachedStandby {
  readonly node: NodeName;
  readonly incarnation: Incarnation;
  /** `pg_stat_replication.state`: only "streaming" has caught up. */
  readonly state: string;
  readonly flushedLsn: Lsn;
  readonly replayedLsn: Lsn;
}

/** What identifies a data directory. */
export interface ServerIdentity {
  readonly incarnation: Incarnation | null;
  readonly systemIdentifier: string;
}

/** What the local server is doing. Every variant holds only what can be known in it. */
export type ServerObservation =
  /** No data directory, or an empty one, or what an interrupted clone left behind. */
  | { readonly state: "absent" }
  /** There is something that metako must not touch; `because` says what and what to do. */
  | { readonly state: "refused"; readonly because: string }
  /** A data directory, and no process. `wasPrimary`: it has no standby.signal. */
  | ServerIdentity & {
    readonly state: "stopped";
    readonly wasPrimary: boolean;
    readonly cleanly: boolean;
    /** Latest checkpoint's timeline and location (pg_controldata). */
    readonly checkpoint: Position;
  }
  /** A process that does not accept connections yet, or is shutting down. */
  | { readonly state: "starting"; readonly because: string }
  /** A process that answers nothing within the health check's time limit. */
  | { readonly state: "unresponsive"; readonly because: string }
  | ServerIdentity & {
    readonly state: "standby";
    /** Received or replayed, whichever is more. Final only after revocation. */
    readonly position: Position;
    readonly replayedLsn: Lsn;
    /** The node its WAL receiver streams from; null where none is running. */
    readonly streamingFrom: NodeName | null;
    /** The node its settings name, whether it streams or not; null after revocation. */
    readonly following: NodeName | null;
    readonly replayPaused: boolean;
  }
  | ServerIdentity & {
    readonly state: "primary";
    readonly timeline: number;
    readonly insertLsn: Lsn;
    readonly standbys: readonly AttachedStandby[];
    /** `synchronous_standby_names` as the settings say it; not proof that it is in force. */
    readonly sync: SyncSetting;
  };

/** Something the local server is asked to do. At most one is under way, but a fence preempts. */
export type ServerAction =
  /** initdb, managed settings, roles; start as the cluster's first primary. */
  | { readonly type: "initialise"; readonly incarnation: Incarnation; readonly sync: SyncSetting }
  /** Start directly as primary on the same timeline. */
  | { readonly type: "start_primary"; readonly sync: SyncSetting }
  /** Start in recovery, attached to nobody, so that its position can be read. */
  | { readonly type: "start_standby" }
  /** Start if need be, and stream from `upstream`, unless the local WAL left the upstream's history. */
  | { readonly type: "follow"; readonly upstream: Upstream }
  /** Stop receiving WAL, durably, and read the final position. */
  | { readonly type: "revoke" }
  /** Wait until everything received is replayed; check disk space. Changes nothing. */
  | { readonly type: "prepare" }
  /**
   * Set the names, verify that they are in force, then promote, unless it is a primary already.
   * `beyondTimeline`: the new timeline's number has to be larger, since that one may be taken.
   */
  | { readonly type: "promote"; readonly sync: SyncSetting; readonly beyondTimeline?: number }
  /** Change the names on a running primary; done when in force. */
  | { readonly type: "set_sync"; readonly sync: SyncSetting }
  /** Fast shutdown: PostgreSQL waits until standbys have the shutdown checkpoint. */
  | { readonly type: "stop" }
  /** Immediate shutdown, then SIGKILL; done when every backend is gone. */
  | { readonly type: "fence" }
  /** Replace the data directory by a copy of the upstream's, and follow it. */
  | { readonly type: "clone"; readonly incarnation: Incarnation; readonly upstream: Upstream };

/** What an action gives back. */
export type ActionResult =
  | {
    readonly type: "started_primary";
    readonly systemIdentifier: string;
    readonly incarnation: Incarnation;
    /** The timeline and where it began (the switch point; 0n on timeline 1). */
    readonly timeline: number;
    readonly startLsn: Lsn;
    /** The insert position, read after the names came into force. */
    readonly barrierLsn: Lsn;
  }
  | { readonly type: "revoked"; readonly position: Position }
  | { readonly type: "sync_in_force"; readonly barrierLsn: Lsn }
  | { readonly type: "stopped"; readonly checkpoint: Position }
  | { readonly type: "done" };

/** Why an action failed, in kinds that the core acts upon. */
export type ActionFailure =
  /** The local WAL is not a prefix of the upstream's: rewind or clone. */
  | "diverged"
  /** The upstream belongs to another cluster, or the data directory does. */
  | "foreign"
  /** Cannot be done on this server at all (no control over its process). */
  | "unsupported"
  /** Anything else; it may be tried again. */
  | "failed";

/** Extends {@linkcode SyncName} to the name that a standby reports as `application_name`. */
export function standbyName(name: SyncName): string {
  return name.incarnation === null ? name.node : `${name.node}-${name.incarnation}`;
}

const STANDBY_NAME = /^(.+)-([0-9a-f]{8})$/;

/**
 * Reads an `application_name` back.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseStandbyName("node-2-0a1b2c3d"), {
 *   node: "node-2",
 *   incarnation: "0a1b2c3d",
 * });
 * assert.equal(parseStandbyName("psql"), null);
 * ```
 *
 * @returns null where the name was not made by {@linkcode standbyName} from a known incarnation
 */
export function parseStandbyName(
  text: string,
): { node: NodeName; incarnation: Incarnation } | null {
  const match = STANDBY_NAME.exec(text);
  return match === null ? null : { node: match[1]!, incarnation: match[2]! };
}
