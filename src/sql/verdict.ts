/**
 * What is known of a statement before it runs: where it may run, why, and what it leaves behind.
 *
 * @module
 */
import type { RouteHint } from "./opening.ts";

/**
 * Why a statement goes where it goes. The first group may run on a standby. The second may too where
 * the client insists by a hint, since nothing certain speaks against it. The third never may.
 */
export type Reason =
  | "read"
  | "read_only_transaction"
  | "same_everywhere"
  // Uncertain: a hint decides.
  | "unknown_function"
  | "volatile_function"
  | "server_state"
  // Certain.
  | "empty"
  | "transaction"
  | "write"
  | "row_lock"
  | "data_changing_with"
  | "into"
  | "session_state"
  | "utility"
  | "explain_of_write"
  | "prepared_text"
  | "cursor"
  | "unknown_node"
  | "too_large"
  | "not_parsed";

/** What of the session a statement touches, if it succeeds and its transaction is committed. */
export type Touch =
  /** A setting got another value for the rest of the session. Names are in lower case. */
  | { readonly type: "setting"; readonly name: string }
  | { readonly type: "all_settings" }
  /** DISCARD ALL: a session as new. */
  | { readonly type: "everything" }
  /** DEALLOCATE; null for all of them. */
  | { readonly type: "deallocated"; readonly name: string | null }
  /** SQL's PREPARE. */
  | { readonly type: "prepared"; readonly name: string }
  | { readonly type: "route"; readonly route: RouteHint | "auto" }
  /** Temporary tables may hide others of the same name from here on. */
  | { readonly type: "temporary" }
  | { readonly type: "held_cursor" }
  | { readonly type: "advisory_lock" }
  /** An advisory lock that is gone at the transaction's end. */
  | { readonly type: "transaction_lock" }
  | { readonly type: "listen" }
  /** Functions, operators or extensions changed: what is known of the database is out of date. */
  | { readonly type: "catalogue" }
  /** Nobody can tell: DO, CALL, user-defined volatile functions, what could not be parsed. */
  | { readonly type: "opaque" };

/** How a statement moves the borders of transactions. */
export type Boundary = "none" | "begin" | "begin_read_only" | "end";

/** The verdict on a text, which may hold several statements. */
export interface Verdict {
  /** `standby` means that any server will do. */
  readonly place: "standby" | "primary";
  readonly reason: Reason;
  readonly boundary: Boundary;
  readonly touches: readonly Touch[];
  /** Functions are called that are not PostgreSQL's own: running it twice may be noticed. */
  readonly userFunctions: boolean;
  /** Statements in the text: 0 where there are only comments. */
  readonly statements: number;
}

const UNCERTAIN: ReadonlySet<Reason> = new Set<Reason>([
  "unknown_function",
  "volatile_function",
  "server_state",
]);

/**
 * Where a statement goes once its hint, or the session's `metako.route`, is taken into account. A
 * hint towards standbys cannot send a certain write there, nor what changes the session.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const verdict = { place: "primary", reason: "unknown_function", touches: [] } as const;
 * assert.equal(placeOf(verdict, "standby"), "standby");
 * assert.equal(placeOf({ ...verdict, reason: "write" }, "standby"), "primary");
 * ```
 */
export function placeOf(
  verdict: Pick<Verdict, "place" | "reason" | "touches">,
  hint: RouteHint | "auto" | null,
): "standby" | "primary" {
  if (hint === "primary") return "primary";
  if (hint !== "standby" || verdict.place === "standby") return verdict.place;
  const harmless = verdict.touches.every(({ type }) => type === "opaque");
  return UNCERTAIN.has(verdict.reason) && harmless ? "standby" : "primary";
}
