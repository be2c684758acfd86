/**
 * Statements that are none any more: closed, deallocated, or replaced. What a server is asked to forget
 * counts once it says so, since an error before it, or a transaction that has failed, keeps them.
 *
 * @module
 */
import { parseName } from "../../wire/requests.ts";
import { HEADER_BYTES } from "./judging.ts";
import type { Owed, Side } from "./side.ts";
import type { Split } from "./state.ts";

/** What a server says that has forgotten statements of SQL's or the protocol's own. */
const FORGOTTEN = new Set(["DEALLOCATE", "DEALLOCATE ALL", "DISCARD ALL"]);

/** A simple query or an unnamed Parse takes the place of the unnamed statement, also where it fails. */
export function replaceUnnamed(split: Split, side: Side): void {
  drop(split, side, "");
  for (const { made } of side.expected) {
    for (const statement of made ?? []) if (statement.name === "") statement.gone = true;
  }
}

/** A unit that nobody has looked into may have made and closed any. */
export function forgetAll({ book }: Split, side: Side): void {
  book.clear();
  for (const { made } of side.expected) for (const statement of made ?? []) statement.gone = true;
}

/** A CloseComplete came. */
export function noteClosed(split: Split, side: Side): void {
  const name = side.expected[0]?.closes?.shift() ?? null;
  if (name !== null) drop(split, side, name);
}

/** A CommandComplete came. */
export function noteCommand(split: Split, side: Side, message: Uint8Array): void {
  const drops = side.expected[0]?.drops ?? null;
  if (drops === null || !FORGOTTEN.has(parseName(message, HEADER_BYTES) ?? "")) return;
  const name = drops.shift();
  if (name === undefined) return;
  if (name !== null) return drop(split, side, name);
  for (const statement of split.book.named()) drop(split, side, statement.name);
  split.book.clear();
  side.made.clear();
}

/** There is one of this name again, which is not the one that was to be closed. */
export function noLongerStale({ stale }: Side, name: string): void {
  const at = stale.indexOf(name);
  if (at >= 0) stale.splice(at, 1);
}

/** An error came: of what its unit was to make and to forget nothing more will happen. */
export function noteFailed(split: Split, owed: Owed): void {
  // Whether such a Parse was reached, and took the old one away, only the server knows.
  if (owed.made?.some(({ name }) => name === "") === true) split.book.delete("");
  owed.made = null;
  owed.closes = null;
  owed.drops = null;
}

function drop(split: Split, side: Side, name: string): void {
  split.book.delete(name);
  side.made.delete(name);
  const other = side === split.primary ? split.standby : split.primary;
  if (other?.made.delete(name) === true && !other.stale.includes(name)) other.stale.push(name);
}
