/**
 * Units of a client's work: a simple query, or the extended protocol's messages up to a Sync. One unit
 * runs on one server, and this is where it may run. Pure.
 *
 * @module
 */
import type { Classified } from "../../sql/classify.ts";
import { placeOf, type Touch } from "../../sql/verdict.ts";
import { endOfMessage, readInt32 } from "../../wire/bytes.ts";
import { parseBind, parseExecute, parseQuery, parseTarget } from "../../wire/requests.ts";
import { type Home, homeOf, nearer } from "./belonging.ts";
import type { Statement } from "./book.ts";
import {
  BIND,
  CLOSE,
  DESCRIBE,
  EXECUTE,
  HEADER_BYTES,
  insists,
  judge,
  type Judging,
  made,
  namesStatements,
  PARSE,
  QUERY,
  repeated,
  repeats,
  SYNC,
} from "./judging.ts";
import { writes } from "./memory.ts";
import { planSingle } from "./single.ts";

/** What goes to a server in one piece. */
export interface Unit {
  /** Its messages, one behind the other. A view that others may overwrite once it was sent. */
  readonly bytes: Uint8Array;
  /** `standby` where any server will do. */
  readonly place: "standby" | "primary";
  /** The client insists on a standby: by a hint, or by a transaction that is read only. */
  readonly insists: boolean;
  /** It begins a read-only transaction, and does nothing else. */
  readonly begins: boolean;
  /** Whether it deals with what only the primary has, even in a transaction that is read only. */
  readonly home: Home;
  /** Something may be changed that others read. */
  readonly writes: boolean;
  /** Nobody notices if it runs twice: reads alone without functions of the database's own, or a BEGIN. */
  readonly repeatable: boolean;
  readonly touches: readonly Touch[];
  /** Statements that it uses, and that must be on the server before. */
  readonly needs: readonly Statement[];
  /** Statements that its Parse messages make, in their order. */
  readonly makes: readonly Statement[];
  /** Names that it closes. */
  readonly closes: readonly string[];
  /** It was not looked into, and may have made statements that nobody here knows. */
  readonly unread: boolean;
  /** Whether a statement in it ends a transaction: its last one, or one that is followed by others. */
  readonly ends: "last" | "early" | null;
  /** It ends with a Sync of the router's own, in the middle of a batch of the client's. */
  readonly silent: boolean;
  /** The texts of its statements, but for a simple query's. */
  readonly texts: readonly string[];
}

/** The texts of a unit, for the memory of what a standby refused. @param bytes its messages */
export function textsOf({ texts }: Unit, bytes: Uint8Array): readonly string[] {
  if (bytes[0] !== QUERY) return texts;
  const text = parseQuery(bytes, HEADER_BYTES);
  return text === null ? NONE : [text];
}

/** Judges a simple query. A payload that cannot be read goes to the primary, which refuses it. */
export function planQuery(bytes: Uint8Array, { classifyBytes, route, book }: Judging): Unit {
  const classified = classifyBytes(bytes, HEADER_BYTES);
  if (classified === null) return blind(bytes);
  const { verdict, hint } = classified;
  const place = placeOf(verdict, hint ?? route);
  return {
    bytes,
    place,
    insists: place === "standby" && insists(verdict, hint ?? route),
    begins: verdict.boundary === "begin_read_only" && verdict.statements === 1,
    home: homeOf(verdict),
    writes: place === "primary" && writes(verdict),
    repeatable: repeats(verdict, place),
    touches: verdict.touches,
    needs: place === "primary" && namesStatements(verdict) ? book.movable() : NONE,
    makes: NONE,
    closes: NONE,
    unread: false,
    ends: null,
    silent: false,
    texts: NONE,
  };
}

/** A unit whose content is not looked into: it goes to the primary, and nothing is known after it. */
export function blind(bytes: Uint8Array): Unit {
  return {
    bytes,
    place: "primary",
    insists: false,
    begins: false,
    home: "no",
    writes: true,
    repeatable: false,
    touches: [{ type: "opaque" }],
    needs: NONE,
    makes: NONE,
    closes: NONE,
    unread: true,
    ends: null,
    silent: false,
    texts: NONE,
  };
}

const NONE: readonly never[] = [];

/**
 * Judges messages of the extended protocol.
 *
 * @param bytes whole messages
 * @param complete they end with a Sync. Without one only the description of an unnamed read is left to
 * a standby: the rest of the unit is not known, and may yet be moved as long as nothing ran.
 */
export function planBatch(bytes: Uint8Array, complete: boolean, judging: Judging): Unit {
  return (complete ? planSingle(bytes, judging) : null) ?? planMany(bytes, complete, judging);
}

/** The same for batches of any kind, without a shorter way for any. */
export function planMany(bytes: Uint8Array, complete: boolean, judging: Judging): Unit {
  const batch: Batch = {
    made: new Map(),
    portals: new Map(),
    needs: new Set(),
    makes: [],
    closes: [],
    used: new Map(),
    executed: [],
    bound: [],
    unknown: false,
    namesOfSql: false,
    primary: false,
  };
  for (let at = 0; at < bytes.length;) {
    const end = endOfMessage(bytes, at);
    if (!take(batch, bytes, at, end, judging)) return blind(bytes);
    at = end;
  }
  const { executed } = batch;
  const texts: string[] = [];
  let anywhere = true;
  let home: Home = "no";
  for (const [{ text }, { verdict, hint }] of batch.used) {
    if (text !== null) texts.push(text);
    anywhere &&= placeOf(verdict, hint ?? judging.route) === "standby";
    home = nearer(home, homeOf(verdict));
  }
  if (batch.namesOfSql) home = nearer(home, "with_prepared");
  let single = true;
  let insisting = false;
  let repeatable = true;
  let ends: Unit["ends"] = null;
  for (const { verdict, hint } of executed) {
    if (ends === "last") ends = "early";
    if (verdict.boundary === "end") ends ??= "last";
    single &&= verdict.boundary === "none" || executed.length === 1;
    insisting ||= insists(verdict, hint ?? judging.route);
    repeatable &&= !verdict.userFunctions;
  }
  if (batch.bound.some(({ verdict }) => namesStatements(verdict))) {
    for (const statement of judging.book.movable()) batch.needs.add(statement);
  }
  const writing = batch.unknown || batch.bound.some(({ verdict }) => writes(verdict));
  const enough = complete ? executed.length > 0 : batch.used.size > 0 && batch.portals.size === 0;
  const place = !batch.primary && anywhere && single && enough ? "standby" : "primary";
  return {
    bytes,
    place,
    insists: place === "standby" && insisting,
    begins: executed.length === 1 && executed[0]!.verdict.boundary === "begin_read_only",
    home,
    writes: place === "primary" && writing,
    repeatable: executed.length === 1
      ? !batch.primary && repeats(executed[0]!.verdict, place)
      : place === "standby" && repeatable,
    touches: touchesOf(batch),
    needs: batch.needs.size === 0 ? NONE : [...batch.needs],
    makes: batch.makes,
    closes: batch.closes,
    unread: false,
    ends,
    silent: false,
    texts,
  };
}

function touchesOf({ bound, unknown }: Batch): readonly Touch[] {
  if (unknown) return [...bound.flatMap(({ verdict }) => verdict.touches), { type: "opaque" }];
  return bound.length === 1
    ? bound[0]!.verdict.touches
    : bound.flatMap(({ verdict }) => verdict.touches);
}

/** True where these bytes are one unit to the byte: a simple query, or a batch with its Sync. */
export function isWholeUnit(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER_BYTES || readInt32(bytes, 1) < 4) return false;
  if (bytes[0] === QUERY) return endOfMessage(bytes, 0) === bytes.length;
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const code = bytes[at]!;
    if (readInt32(bytes, at + 1) < 4) return false;
    at = endOfMessage(bytes, at);
    if (code === SYNC) return at === bytes.length;
    if (code !== PARSE && code !== BIND && code !== DESCRIBE && code !== EXECUTE) return false;
  }
  return false;
}

interface Batch {
  readonly made: Map<string, Statement>;
  readonly portals: Map<string, Classified | null>;
  readonly needs: Set<Statement>;
  readonly makes: Statement[];
  readonly closes: string[];
  readonly used: Map<Statement, Classified>;
  readonly executed: Classified[];
  /** All of these are taken to run, if not in this unit then in a later one. */
  readonly bound: Classified[];
  /** A statement of SQL's own PREPARE is among these, and nobody here knows what it says. */
  unknown: boolean;
  /** It uses or makes a name that was made by SQL's own PREPARE. */
  namesOfSql: boolean;
  /** Something in it is the primary's business. */
  primary: boolean;
}

/** @returns false where a message cannot be read */
function take(
  batch: Batch,
  bytes: Uint8Array,
  at: number,
  end: number,
  judging: Judging,
): boolean {
  const code = bytes[at];
  const from = at + HEADER_BYTES;
  switch (code) {
    case PARSE: {
      const again = repeated(bytes, at, end, judging.book);
      const statement = again ?? made(bytes, at, end, judging);
      if (statement === null) return false;
      batch.makes.push(statement);
      batch.made.set(statement.name, statement);
      batch.used.set(statement, judge(statement, judging));
      if (statement.name === "") return true;
      batch.primary = true;
      batch.namesOfSql ||= judging.prepared.has(statement.name);
      // Only a server that has it can refuse to make it twice.
      const taken = judging.book.get(statement.name);
      const free = taken === null || batch.closes.includes(statement.name);
      if (!free && taken.parse !== null) batch.needs.add(taken);
      return true;
    }
    case BIND: {
      const bound = parseBind(bytes, from, end);
      if (bound === null) return false;
      const judged = use(batch, bound.statement, judging);
      batch.portals.set(bound.portal, judged);
      if (judged !== null) batch.bound.push(judged);
      return true;
    }
    case DESCRIBE:
    case CLOSE: {
      const target = parseTarget(bytes, from, end);
      if (target === null) return false;
      if (target.kind === "portal") {
        if (!batch.portals.has(target.name)) batch.primary = true;
      } else if (code === DESCRIBE) {
        use(batch, target.name, judging);
      } else {
        batch.closes.push(target.name);
        batch.primary = true;
      }
      return true;
    }
    case EXECUTE: {
      const execute = parseExecute(bytes, from, end);
      if (execute === null) return false;
      const statement = batch.portals.get(execute.portal) ?? null;
      if (statement === null) batch.primary = true;
      else batch.executed.push(statement);
      return true;
    }
    default:
      return true;
  }
}

/** The judgement on the statement of this name; null, and the primary's business, where the client has none. */
function use(batch: Batch, name: string, judging: Judging): Classified | null {
  const made = batch.made.get(name);
  if (made !== undefined) return made.judged;
  const known = judging.book.get(name);
  if (known === null) {
    batch.primary = true;
    batch.unknown ||= judging.prepared.has(name);
    batch.namesOfSql ||= batch.unknown;
    return null;
  }
  batch.needs.add(known);
  const judged = judge(known, judging);
  batch.used.set(known, judged);
  // It cannot be made anywhere else.
  if (known.parse === null) batch.primary = true;
  for (const other of judging.book.others(name)) {
    batch.bound.push(judge(other, judging));
    batch.primary = true;
  }
  return judged;
}
