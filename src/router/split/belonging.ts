/**
 * Which statements deal with what only the primary has, so that a read-only transaction on a standby
 * cannot run them. Pure.
 *
 * @module
 */
import type { Touch, Verdict } from "../../sql/verdict.ts";

/** A cursor is the primary's where it was declared WITH HOLD there, and EXECUTE's where PREPARE was. */
export type Home = "no" | "yes" | "with_held_cursor" | "with_prepared";

/** What is left behind on the server that runs it, or taken from there. */
const OF_THE_PRIMARY: ReadonlySet<Touch["type"]> = new Set<Touch["type"]>([
  "advisory_lock",
  "deallocated",
  "held_cursor",
  "listen",
  "prepared",
  "transaction_lock",
]);

/**
 * Judges a statement by its verdict.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const verdict = { place: "primary", reason: "session_state", touches: [{ type: "listen" }] } as const;
 * assert.equal(homeOf(verdict), "yes");
 * assert.equal(homeOf({ ...verdict, reason: "write", touches: [] }), "no");
 * ```
 */
export function homeOf(
  { place, reason, touches }: Pick<Verdict, "place" | "reason" | "touches">,
): Home {
  if (place === "standby") return "no";
  if (reason === "prepared_text") return "with_prepared";
  if (touches.some(({ type }) => OF_THE_PRIMARY.has(type))) return "yes";
  return reason === "cursor" ? "with_held_cursor" : "no";
}

/** What two statements together are. */
export function nearer(a: Home, b: Home): Home {
  if (a === "no" || b === "no") return a === "no" ? b : a;
  return a === b ? a : "yes";
}
