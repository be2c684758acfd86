/**
 * Limits on time: sessions that rest for too long, inside or outside of a transaction, and queries that
 * take too long.
 *
 * Nothing is done for them where bytes move, and no session has a timer. One loop looks at all
 * sessions every now and then, and tells by the number of answers so far whether a session is still
 * where it was. So a limit is kept to within a tenth of itself, or a second.
 *
 * @module
 */
import { type Complaint, SQLSTATE } from "../wire/sqlstate.ts";
import { deliverCancel, type Located } from "./cancel.ts";
import type { Context } from "./context.ts";
import type { RouterOptions } from "./options.ts";
import type { Session } from "./session.ts";

/** Where a session stands. */
export interface Pulse {
  /**
   * `working`: a server owes it an answer. `routing`: it is the router's turn, as while the session
   * waits for a primary, which has a limit of its own.
   */
  readonly phase: "idle" | "idle_in_transaction" | "working" | "routing";
  /** How many times a server has become ready for it. */
  readonly answered: number;
}

/** What a session is measured by. */
type Limits = Pick<
  RouterOptions,
  "idleTimeoutMs" | "idleInTransactionTimeoutMs" | "queryTimeoutMs"
>;

/** A session as it was seen last. */
interface Seen extends Pulse {
  readonly sinceMs: number;
  /** When its query was cancelled. */
  cancelledAtMs: number | null;
}

const SHORTEST_LOOK_MS = 50;
const LONGEST_LOOK_MS = 1000;
/** How long a server may take to heed a cancel. It does not while it writes to a client that does not read. */
const HEED_MS = 5000;

/** Begins to look. @returns what ends it */
export function keepLimits(context: Context): () => void {
  const { options } = context;
  const seen = new WeakMap<Session, Seen>();
  let ended = false;
  let timer = setTimeout(look, lookEveryMs(options));
  function look() {
    if (ended) return;
    const nowMs = context.ports.now();
    context.roughlyNowMs = nowMs;
    if (anyOf(options)) {
      for (const session of [...context.sessions]) measure(context, session, seen, nowMs);
    }
    timer = setTimeout(look, lookEveryMs(options));
  }
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

function anyOf({ idleTimeoutMs, idleInTransactionTimeoutMs, queryTimeoutMs }: Limits): boolean {
  return idleTimeoutMs > 0 || idleInTransactionTimeoutMs > 0 || queryTimeoutMs > 0;
}

/**
 * How often sessions are looked at: ten times within the shortest limit, within bounds.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const none = { idleTimeoutMs: 0, idleInTransactionTimeoutMs: 0, queryTimeoutMs: 0 };
 * assert.equal(lookEveryMs(none), 1000);
 * assert.equal(lookEveryMs({ ...none, queryTimeoutMs: 3000 }), 300);
 * assert.equal(lookEveryMs({ ...none, idleTimeoutMs: 60_000 }), 1000);
 * ```
 */
export function lookEveryMs(
  { idleTimeoutMs, idleInTransactionTimeoutMs, queryTimeoutMs }: Limits,
): number {
  const set = [idleTimeoutMs, idleInTransactionTimeoutMs, queryTimeoutMs].filter((ms) => ms > 0);
  const wanted = Math.min(...set) / 10;
  return Math.min(LONGEST_LOOK_MS, Math.max(SHORTEST_LOOK_MS, wanted));
}

function measure(
  context: Context,
  session: Session,
  seen: WeakMap<Session, Seen>,
  nowMs: number,
): void {
  const pulse = session.pulse();
  if (pulse === null) return;
  const before = seen.get(session);
  if (before?.phase !== pulse.phase || before.answered !== pulse.answered) {
    seen.set(session, { ...pulse, sinceMs: nowMs, cancelledAtMs: null });
    return;
  }
  const forMs = nowMs - before.sinceMs;
  const { idleTimeoutMs, idleInTransactionTimeoutMs, queryTimeoutMs } = context.options;
  switch (pulse.phase) {
    case "idle":
      if (isOver(forMs, idleTimeoutMs)) close(context, session, idled(idleTimeoutMs));
      return;
    case "idle_in_transaction":
      if (isOver(forMs, idleInTransactionTimeoutMs)) {
        close(context, session, idledInTransaction(idleInTransactionTimeoutMs));
      }
      return;
    case "working":
      if (!isOver(forMs, queryTimeoutMs)) return;
      if (before.cancelledAtMs === null) {
        before.cancelledAtMs = nowMs;
        cancel(context, session, session.overdue(tookTooLong(queryTimeoutMs)), queryTimeoutMs);
      } else if (nowMs - before.cancelledAtMs > HEED_MS) {
        close(context, session, heedless(queryTimeoutMs));
      }
      return;
    case "routing":
      return;
  }
}

function isOver(forMs: number, limitMs: number): boolean {
  return limitMs > 0 && forMs >= limitMs;
}

function close(context: Context, session: Session, complaint: Complaint): void {
  log(context, session, "session_timed_out", complaint.message);
  session.end(complaint);
}

function cancel(
  context: Context,
  session: Session,
  located: Located | null,
  limitMs: number,
): void {
  if (located === null) return close(context, session, heedless(limitMs));
  log(context, session, "query_timed_out", tookTooLong(limitMs));
  context.counters.cancelled++;
  void deliverCancel(located, context.options);
}

function log({ ports }: Context, { card, route }: Session, event: string, because: string): void {
  const { id, user, address } = card;
  ports.log("info", event, {
    session: id,
    user,
    peer: address,
    node: route?.target.node ?? null,
    because,
  });
}

function idled(limitMs: number): Complaint {
  return {
    sqlstate: SQLSTATE.idleSessionTimeout,
    message:
      `This session is closed: it was idle for longer than router.idle_timeout (${limitMs} ` +
      "ms) allows.",
    hint: "Connect again, or let the pool close connections sooner than that.",
  };
}

function idledInTransaction(limitMs: number): Complaint {
  return {
    sqlstate: SQLSTATE.idleInTransactionTimeout,
    message: "This session is closed: it was idle in a transaction for longer than " +
      `router.idle_in_transaction_timeout (${limitMs} ms) allows. The transaction is rolled back.`,
    hint: "Connect again and repeat it without a pause.",
  };
}

function tookTooLong(limitMs: number): string {
  return `canceling statement: it took longer than router.query_timeout (${limitMs} ms) allows`;
}

function heedless(limitMs: number): Complaint {
  return {
    sqlstate: SQLSTATE.queryCancelled,
    message:
      `This session is closed: its query took longer than router.query_timeout (${limitMs} ` +
      "ms) allows, and could not be cancelled.",
    hint: "Connect again; read results as they come, and send what COPY waits for.",
  };
}
