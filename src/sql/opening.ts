/**
 * What stands in front of a statement: white space, comments, a hint. And its first word.
 *
 * @module
 */

/** Where a hint or `SET metako.route` sends statements. */
export type RouteHint = "primary" | "standby";

/** The beginning of a text. */
export interface Opening {
  /** Where the first word begins, behind white space, comments and stray semicolons. */
  readonly start: number;
  /** The first word in lower case, ASCII letters only; empty where something else stands there. */
  readonly keyword: string;
  /** From a comment `metako: primary` or `metako: standby` in front; the first one counts. */
  readonly hint: RouteHint | null;
}

const HINT = /^\/\*\s*metako:\s*(primary|standby)\s*\*\/$/i;
const WORD = /[A-Za-z]+/y;
// Longer than any word that PostgreSQL's grammar can begin with.
const LONGEST_WORD = 16;

/**
 * Reads it. Comments nest, as in PostgreSQL; one that never ends hides the whole text.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const opening = readOpening("/* metako: standby *\/ -- twice\n SELECT 1");
 * assert.deepEqual(opening, { start: 32, keyword: "select", hint: "standby" });
 * ```
 */
export function readOpening(text: string): Opening {
  let at = 0;
  let hint: RouteHint | null = null;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === 0x20 || (code >= 0x09 && code <= 0x0D) || code === 0x3B) {
      at++;
    } else if (code === 0x2D && text.charCodeAt(at + 1) === 0x2D) {
      at = endOfLine(text, at);
    } else if (code === 0x2F && text.charCodeAt(at + 1) === 0x2A) {
      const end = endOfComment(text, at);
      const given = HINT.exec(text.slice(at, Math.min(end, at + 64)))?.[1];
      hint ??= (given?.toLowerCase() as RouteHint | undefined) ?? null;
      at = end;
    } else {
      break;
    }
  }
  WORD.lastIndex = at;
  const word = WORD.exec(text)?.[0] ?? "";
  return { start: at, keyword: word.length > LONGEST_WORD ? "" : word.toLowerCase(), hint };
}

function endOfLine(text: string, at: number): number {
  while (at < text.length && text[at] !== "\n" && text[at] !== "\r") at++;
  return at;
}

function endOfComment(text: string, at: number): number {
  let depth = 0;
  while (at < text.length) {
    if (text[at] === "/" && text[at + 1] === "*") {
      depth++;
      at += 2;
    } else if (text[at] === "*" && text[at + 1] === "/") {
      depth--;
      at += 2;
      if (depth === 0) return at;
    } else {
      at++;
    }
  }
  return text.length;
}
