/**
 * Statements that are none any more: closed, deallocated, or replaced. What a server is asked to forget
 * counts once it says so, since an error before it, or a transaction that has failed, keeps them.
 *
 * @module
 */
import { parseName } from "../../wire/requests.ts";
import type { Statement } from "./book.ts";
import { HEADER_BYTES } from "./judging.ts";
import { takeBack } from "./memory.ts";
import type { Owed, Side } from "./side.ts";
import type { Split } from "./state.ts";

/** What a server says that has forgotten statements of SQL's or the protocol's own. */
const FORGOTTEN = new Set(["DEALLOCATE", "DEALLOCATE ALL", "DISCARD ALL"]);

/** A simple query or an unnamed Parse takes the place of the unnamed statement, also where it fails. */
export function replaceUnnamed(split: Split, side: Side): void {
  drop(split, side, "");
  for (const { made } of side.expected) {
    if (made === null) continue;
    for (const statement of made) if (statement.name === "") leave(split, statement);
  }
}

/** A unit that nobody has looked into may have made and closed any. */
export function forgetAll(split: Split, side: Side): void {
  split.book.clear();
  for (const { made } of side.expected) {
    for (const statement of made ?? []) leave(split, statement);
  }
}

/** A CloseComplete came. */
export function noteClosed(split: Split, side: Side): void {
  const name = side.expected[0]?.closes?.shift() ?? null;
  if (name !== null) drop(split, side, name);
}

/** A CommandComplete came. */
export function noteCommand(split: Split, side: Side, message: Uint8Array): void {
  const [owed, ...behind] = side.expected;
  if (owed === undefined || owed.drops === null) return;
  const tag = parseName(message, HEADER_BYTES) ?? "";
  const name = FORGOTTEN.has(tag) ? owed.drops.shift() : undefined;
  if (name === undefined) return;
  if (name !== null) drop(split, side, name);
  // The unnamed one stays.
  else for (const statement of split.book.named()) drop(split, side, statement.name);
  // What was sent behind it may have left such marks again.
  if (owed.dropsOnly && behind.length === 0) {
    takeBack(split.memory, tag === "DISCARD ALL" ? "everything" : { name });
  }
}

/** There is one of this name again, which is not the one that was to be closed. */
export function noLongerStale({ stale }: Side, name: string): void {
  const at = stale.indexOf(name);
  if (at >= 0) stale.splice(at, 1);
}

const COUNTED = new Set(["1", "2", "3", "T", "n", "C", "I", "s"]);

/** A message of this type came, and may be the last one that answers one of the client's. */
export function noteAnswer({ expected: [owed] }: Side, code: string): void {
  if (owed !== undefined && owed.order !== null && COUNTED.has(code)) owed.answers++;
}

/** An error came: of what its unit was to make and to forget nothing more will happen. */
export function noteFailed(split: Split, side: Side, owed: Owed): void {
  const { made, order, answers } = owed;
  for (const statement of made ?? []) split.book.abandon(statement);
  // An unnamed Parse that fails has taken the old one away.
  const atUnnamed = order === null ? made?.[0]?.name === "" : order[answers] === "p";
  owed.made = null;
  owed.closes = null;
  owed.drops = null;
  owed.order = null;
  if (atUnnamed) drop(split, side, "");
}

function leave({ book }: Split, statement: Statement): void {
  statement.gone = true;
  book.abandon(statement);
}

function drop(split: Split, side: Side, name: string): void {
  split.book.delete(name);
  side.made.delete(name);
  const other = side === split.primary ? split.standby : split.primary;
  if (other?.made.delete(name) === true && !other.stale.includes(name)) other.stale.push(name);
}
