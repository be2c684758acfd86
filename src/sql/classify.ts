/**
 * From a text to a verdict: the opening's hint, a gate for what needs no parser, PostgreSQL's parser for
 * the rest, and a memory of verdicts.
 *
 * One classifier belongs to one state of one database's catalogue, since its verdicts rest on that.
 *
 * @module
 */
import { createVerdictCache } from "./cache.ts";
import type { Catalogue } from "./catalogue.ts";
import { readOpening, type RouteHint } from "./opening.ts";
import type { Parser } from "./parser.ts";
import { createRecall } from "./recall.ts";
import { shapeOf } from "./shape.ts";
import { judgeStatement } from "./statement.ts";
import type { Verdict } from "./verdict.ts";

const DECODER = new TextDecoder();

/** Texts above this many UTF-16 units are not parsed, and go to the primary. */
export const MAXIMUM_TEXT_LENGTH = 32_768;

/** A verdict, and what the client itself asks for. */
export interface Classified {
  readonly verdict: Verdict;
  readonly hint: RouteHint | null;
}

/** Classifies the statements of one database. */
export interface Classifier {
  classify(text: string): Classified;
  /** The same for a text in UTF-8 that ends with a zero; null where there is no zero. */
  classifyBytes(bytes: Uint8Array, from: number): Classified | null;
  /** A standby refused this text as a write (25006): from now on its like goes to the primary. */
  remember(text: string): void;
  /** What a text was judged to be holds for as long as this is the same. */
  stamp(): symbol;
  /** What the memory of verdicts takes, in bytes, by its own reckoning. */
  cachedBytes(): number;
}

/**
 * Makes a classifier.
 *
 * @param catalogue null where the functions are not known: a statement that calls one is no read then
 * @param maximumBytes what the memory of verdicts may take
 */
export function createClassifier(
  { parser, catalogue, maximumBytes }: {
    readonly parser: Parser;
    readonly catalogue: Catalogue | null;
    readonly maximumBytes: number;
  },
): Classifier {
  const cache = createVerdictCache(maximumBytes);
  const recall = createRecall<Classified>();
  let stamp = Symbol();
  const plainOperators = (catalogue?.volatileOperators.size ?? 0) === 0;
  function classify(text: string): Classified {
    if (text.length > MAXIMUM_TEXT_LENGTH) return { verdict: TOO_LARGE, hint: null };
    const { start, keyword, hint } = readOpening(text);
    const opened = start === 0 ? text : text.slice(start);
    const gated = gate(keyword, opened, plainOperators);
    if (gated !== null) return { verdict: gated, hint };
    const key = shapeOf(opened);
    const known = cache.get(key);
    if (known !== null) return { verdict: known, hint };
    const parsed = parser.parse(opened);
    const verdict = parsed.type === "parsed"
      ? combine(parsed.statements.map((statement) => judgeStatement(statement, catalogue)))
      : NOT_PARSED;
    // A parser that is being replaced will be able to tell tomorrow.
    if (parsed.type !== "unavailable") cache.set(key, verdict);
    return { verdict, hint };
  }

  return {
    classify,
    classifyBytes(bytes, from) {
      const known = recall.find(bytes, from);
      if (known !== null) return known;
      const end = bytes.indexOf(0, from);
      if (end < 0) return null;
      const classified = classify(DECODER.decode(bytes.subarray(from, end)));
      // Not what would be another verdict tomorrow.
      if (classified.verdict !== NOT_PARSED) recall.keep(bytes, from, classified);
      return classified;
    },
    remember(text) {
      recall.clear();
      const key = shapeOf(text.slice(readOpening(text).start));
      const verdict = cache.get(key);
      if (verdict === null) return;
      cache.set(key, { ...verdict, place: "primary", reason: "write" });
      stamp = Symbol();
    },
    stamp: () => stamp,
    cachedBytes: cache.bytes,
  };
}

const PLAIN: Omit<Verdict, "reason"> = {
  place: "primary",
  boundary: "none",
  touches: [],
  userFunctions: false,
  statements: 1,
};
const OPAQUE: Omit<Verdict, "reason"> = {
  ...PLAIN,
  touches: [{ type: "opaque" }],
  userFunctions: true,
};
const EMPTY: Verdict = { ...PLAIN, reason: "empty", statements: 0 };
const TOO_LARGE: Verdict = { ...OPAQUE, reason: "too_large" };
const NOT_PARSED: Verdict = { ...OPAQUE, reason: "not_parsed" };
const WRITE: Verdict = { ...PLAIN, reason: "write" };
const BEGIN: Verdict = { ...PLAIN, reason: "transaction", boundary: "begin" };
const END: Verdict = { ...PLAIN, reason: "transaction", boundary: "end" };

const LONE_WORDS: ReadonlyMap<string, Verdict> = new Map([
  ["begin", BEGIN],
  ["commit", END],
  ["end", END],
  ["rollback", END],
  ["abort", END],
]);
const CHANGES_ROWS = new Set(["insert", "update", "delete"]);
// With none of these there is neither a call, nor an attribute that is one, nor a second statement.
const MAY_HIDE_MORE = /[(.;]/;

/** What the first word alone decides; null where the parser is needed. */
function gate(keyword: string, text: string, plainOperators: boolean): Verdict | null {
  if (text === "") return EMPTY;
  const lone = LONE_WORDS.get(keyword);
  if (lone !== undefined && text.length <= keyword.length + 1) {
    const rest = text.slice(keyword.length);
    if (rest === "" || rest === ";") return lone;
  }
  if (!plainOperators || !CHANGES_ROWS.has(keyword)) return null;
  const end = text.endsWith(";") ? text.length - 1 : text.length;
  return MAY_HIDE_MORE.test(text.slice(0, end)) ? null : WRITE;
}

/** Several statements in one text run in one place: a standby only where every one of them may. */
function combine(verdicts: readonly Verdict[]): Verdict {
  const [first] = verdicts;
  if (first === undefined) return EMPTY;
  if (verdicts.length === 1) return first;
  const decisive =
    verdicts.find(({ place, boundary }) => place === "primary" || boundary !== "none") ?? first;
  const reads = decisive === first && first.place === "standby" && first.boundary === "none";
  return {
    place: reads ? "standby" : "primary",
    reason: decisive.boundary === "begin_read_only" ? "transaction" : decisive.reason,
    boundary: "none",
    touches: verdicts.flatMap(({ touches }) => touches),
    userFunctions: verdicts.some(({ userFunctions }) => userFunctions),
    statements: verdicts.length,
  };
}
