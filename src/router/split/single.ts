/**
 * Batches of one statement by the protocol's shortest way, as drivers send them nearly always: an
 * unnamed Parse or none, Bind, perhaps Describe, Execute, Sync, all of the unnamed portal. Pure.
 *
 * @module
 */
import { placeOf } from "../../sql/verdict.ts";
import { endOfMessage } from "../../wire/bytes.ts";
import type { Statement } from "./book.ts";
import { homeOf } from "./belonging.ts";
import {
  BIND,
  DESCRIBE,
  EXECUTE,
  HEADER_BYTES,
  insists,
  judge,
  type Judging,
  made,
  namesStatements,
  PARSE,
  repeated,
  repeats,
  SYNC,
} from "./judging.ts";
import { writes } from "./memory.ts";
import type { Unit } from "./unit.ts";

const PORTAL = 0x50;
const NONE: readonly never[] = [];

/**
 * Judges such a batch, as {@linkcode planBatch} would, which takes all that there are.
 *
 * @returns null where it is none of these, or the statement is not one that any server may have
 */
export function planSingle(bytes: Uint8Array, judging: Judging): Unit | null {
  let at = 0;
  let statement: Statement | null = null;
  const makes = bytes[at] === PARSE;
  if (makes) {
    const end = endOfMessage(bytes, at);
    if (bytes[HEADER_BYTES] !== 0) return null;
    statement = repeated(bytes, at, end, judging.book) ?? made(bytes, at, end, judging);
    at = end;
  }
  let end = endOfMessage(bytes, at);
  if (bytes[at] !== BIND || !isUnnamed(bytes, at + HEADER_BYTES, end)) return null;
  const nameAt = at + HEADER_BYTES + 1;
  if (!makes) statement = judging.book.find(bytes, nameAt, end);
  else if (!isUnnamed(bytes, nameAt, end)) return null;
  if (statement === null || statement.parse === null) return null;
  if (!makes && judging.book.others(statement.name).length > 0) return null;
  at = end;
  end = endOfMessage(bytes, at);
  if (bytes[at] === DESCRIBE) {
    if (bytes[at + HEADER_BYTES] !== PORTAL || !isUnnamed(bytes, at + HEADER_BYTES + 1, end)) {
      return null;
    }
    at = end;
    end = endOfMessage(bytes, at);
  }
  const executes = bytes[at] === EXECUTE && isUnnamed(bytes, at + HEADER_BYTES, end) &&
    end - at >= EXECUTE_BYTES;
  if (!executes || bytes[end] !== SYNC || end + HEADER_BYTES !== bytes.length) return null;
  return planned(bytes, statement, makes, judging);
}

/** Its header, the empty name, and the limit. */
const EXECUTE_BYTES = 10;

function isUnnamed(bytes: Uint8Array, at: number, end: number): boolean {
  return at < end && bytes[at] === 0;
}

function planned(
  bytes: Uint8Array,
  statement: Statement,
  makes: boolean,
  judging: Judging,
): Unit | null {
  const { verdict, hint } = judge(statement, judging);
  if (namesStatements(verdict)) return null;
  const wish = hint ?? judging.route;
  const place = placeOf(verdict, wish);
  const elsewhere = place === "standby";
  return {
    bytes,
    place,
    insists: elsewhere && insists(verdict, wish),
    begins: verdict.boundary === "begin_read_only",
    home: homeOf(verdict),
    writes: !elsewhere && writes(verdict),
    repeatable: repeats(verdict, place),
    touches: verdict.touches,
    needs: makes ? NONE : [statement],
    makes: makes ? [statement] : NONE,
    closes: NONE,
    unread: false,
    ends: verdict.boundary === "end" ? "last" : null,
    silent: false,
    texts: statement.text === null ? NONE : [statement.text],
  };
}
