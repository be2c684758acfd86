/**
 * Whether a session has anything under way, known from message types alone.
 *
 * Query, Sync and FunctionCall are each answered by one ReadyForQuery, and only its status byte
 * tells about the transaction. Messages of the extended protocol begin work that no Sync has closed
 * yet. One exception: while the server takes COPY data it ignores every Sync, so those that were sent
 * between the Execute and the end of the data are never answered.
 *
 * Miscounting is possible in one direction only, after a COPY that failed half-way: the session then
 * seems busy, which costs a needless cancel at its end and never a wrong "idle".
 *
 * @module
 */
import type { TransactionStatus } from "./messages.ts";

/** What is known of a session's work. {@linkcode noteRequest} and its siblings change it. */
export interface Activity {
  /** ReadyForQuery messages that are still owed. */
  unanswered: number;
  /** Extended protocol messages were sent, and no Sync after them. */
  unsynced: boolean;
  /** Syncs since the last Query or Execute: what a COPY would swallow. */
  syncsSinceWork: number;
  /** The server asked for COPY data. */
  copyingIn: boolean;
  /** The client said goodbye. */
  terminated: boolean;
  transaction: TransactionStatus;
}

/** The client's messages that {@linkcode noteRequest} wants to see; no payload is needed. */
export const REQUEST_WATCH: Readonly<Record<string, number>> = {
  Q: 0,
  F: 0,
  S: 0,
  P: 0,
  B: 0,
  D: 0,
  E: 0,
  C: 0,
  c: 0,
  f: 0,
  X: 0,
};

/** A session that has just become ready. */
export function createActivity(): Activity {
  return {
    unanswered: 0,
    unsynced: false,
    syncsSinceWork: 0,
    copyingIn: false,
    terminated: false,
    transaction: "idle",
  };
}

/**
 * Takes note of a client's message.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const activity = createActivity();
 * noteRequest(activity, "Q");
 * assert.equal(isBusy(activity), true);
 * noteReady(activity, "in_transaction");
 * assert.equal(isBusy(activity), false);
 * assert.equal(isAtRest(activity), false);
 * ```
 */
export function noteRequest(activity: Activity, code: string): void {
  switch (code) {
    case "Q":
    case "F":
      activity.unanswered++;
      activity.syncsSinceWork = 0;
      break;
    case "S":
      activity.unanswered++;
      activity.syncsSinceWork++;
      activity.unsynced = false;
      break;
    case "E":
      activity.unsynced = true;
      activity.syncsSinceWork = 0;
      break;
    case "P":
    case "B":
    case "D":
    case "C":
      activity.unsynced = true;
      break;
    case "c":
    case "f":
      if (!activity.copyingIn) break;
      activity.copyingIn = false;
      activity.unanswered = Math.max(0, activity.unanswered - activity.syncsSinceWork);
      activity.syncsSinceWork = 0;
      break;
    case "X":
      activity.terminated = true;
      break;
  }
}

/** Takes note of a CopyInResponse. */
export function noteCopyIn(activity: Activity): void {
  activity.copyingIn = true;
}

/** Takes note of a ReadyForQuery. */
export function noteReady(activity: Activity, status: TransactionStatus): void {
  activity.unanswered = Math.max(0, activity.unanswered - 1);
  activity.copyingIn = false;
  activity.transaction = status;
}

/** True where the server still owes an answer: a client that vanishes now leaves work behind. */
export function isBusy(activity: Activity): boolean {
  return activity.unanswered > 0 || activity.unsynced;
}

/** True where the session can be closed without breaking into anything. */
export function isAtRest(activity: Activity): boolean {
  return !isBusy(activity) && activity.transaction === "idle";
}
