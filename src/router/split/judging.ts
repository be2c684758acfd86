/**
 * Judging the statements of the extended protocol: what a Parse makes, and where that may run. Pure.
 *
 * @module
 */
import type { Classified, Classifier } from "../../sql/classify.ts";
import type { RouteHint } from "../../sql/opening.ts";
import type { Verdict } from "../../sql/verdict.ts";
import { parseParse } from "../../wire/requests.ts";
import type { Book, Statement } from "./book.ts";
import type { Split } from "./state.ts";

/** Bytes before a message's payload: its type and its length. */
export const HEADER_BYTES = 5;
/** The type of Query. */
export const QUERY = 0x51;
/** The type of Parse. */
export const PARSE = 0x50;
/** The type of Bind. */
export const BIND = 0x42;
/** The type of Describe. */
export const DESCRIBE = 0x44;
/** The type of Close. */
export const CLOSE = 0x43;
/** The type of Execute. */
export const EXECUTE = 0x45;
/** The type of Sync. */
export const SYNC = 0x53;

/** What the judgement rests on beside the messages. */
export interface Judging {
  classify(text: string): Classified;
  /** The same for a text that ends with a zero; null where there is no zero. */
  classifyBytes(bytes: Uint8Array, from: number): Classified | null;
  /** Changes with what {@linkcode classify} may say; null where judgements are not kept. */
  readonly stamp: symbol | null;
  /** `SET metako.route`. */
  readonly route: RouteHint | "auto";
  readonly book: Book;
  /** Names of SQL's own PREPARE, which share theirs with the protocol's. */
  readonly prepared: ReadonlySet<string>;
}

/** What a session's texts are judged by. @param classifier null where its database is not known yet */
export function judgingBy(
  { readable, memory, book }: Pick<Split, "readable" | "memory" | "book">,
  classifier: Classifier | null,
): Judging {
  const { route, prepared } = memory;
  if (classifier === null || !readable) {
    return {
      classify: () => NOT_READ,
      classifyBytes: () => NOT_READ,
      stamp: null,
      route,
      book,
      prepared,
    };
  }
  const { classify, classifyBytes } = classifier;
  return { classify, classifyBytes, stamp: classifier.stamp(), route, book, prepared };
}

const NOT_READ = {
  verdict: {
    place: "primary",
    reason: "not_parsed",
    boundary: "none",
    touches: [{ type: "opaque" }],
    userFunctions: true,
    statements: 1,
  },
  hint: null,
} as const;

/** The statement that a Parse message makes; null where it cannot be read. */
export function made(
  bytes: Uint8Array,
  at: number,
  end: number,
  judging: Judging,
): Statement | null {
  const parsed = parseParse(bytes, at + HEADER_BYTES, end);
  if (parsed === null) return null;
  const { name, text } = parsed;
  const judged = judging.classify(text);
  const { stamp } = judging;
  return end - at <= judging.book.room()
    ? { name, parse: bytes.slice(at, end), text, judged, stamp, gone: false }
    : { name, parse: null, text: null, judged, stamp, gone: false };
}

/** The unnamed statement that is made once more just as it was: no other copy is needed of it. */
export function repeated(bytes: Uint8Array, at: number, end: number, book: Book): Statement | null {
  if (bytes[at + HEADER_BYTES] !== 0) return null;
  const known = book.get("");
  if (known === null || known.parse === null || known.parse.length !== end - at) return null;
  const { parse } = known;
  for (let i = 0; i < parse.length; i++) {
    if (parse[i] !== bytes[at + i]) return null;
  }
  return { ...known };
}

/** Functions change, and with them the judgement. */
export function judge(statement: Statement, { classify, stamp }: Judging): Classified {
  if (statement.text !== null && (stamp === null || statement.stamp !== stamp)) {
    statement.judged = classify(statement.text);
    statement.stamp = stamp;
  }
  return statement.judged;
}

/** It may mean statements of the protocol's by SQL's own EXECUTE and DEALLOCATE: all must be there. */
export function namesStatements({ reason, touches, statements }: Verdict): boolean {
  return reason === "prepared_text" || statements > 1 ||
    touches.some(({ type }) => type === "deallocated");
}

/** The client insists on a standby. */
export function insists({ boundary }: Verdict, hint: RouteHint | "auto"): boolean {
  return hint === "standby" || boundary === "begin_read_only";
}

/** Nobody notices if it runs twice: a read without functions of the database's own, or a BEGIN. */
export function repeats(verdict: Verdict, place: Verdict["place"]): boolean {
  const harmless = place === "standby" ||
    (verdict.boundary === "begin" && verdict.statements === 1);
  return harmless && !verdict.userFunctions;
}
