/**
 * The shape of a text: whole numbers that cannot matter to where it runs are all written alike, so
 * that a client which writes its values into its statements is judged once and not every time.
 *
 * @module
 */

const ZERO = 0x30;
const NINE = 0x39;
const QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const DOLLAR = 0x24;
const MINUS = 0x2D;
const SLASH = 0x2F;
const STAR = 0x2A;
/** Above this many digits PostgreSQL's scanner takes a number for a fraction, which some places refuse. */
export const DIGITS_OF_AN_INTEGER = 9;

/**
 * Gives the shape. It is a text of the same grammar: numbers of up to nine digits become `0`, longer
 * ones `9999999999`. Strings, quoted names, parameters, numbers that are part of anything else, and
 * all that follows a comment, a dollar quote or a string with a backslash stay as they are.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(
 *   shapeOf("SELECT a1 FROM t WHERE id = 17 AND b = '17' AND c = $1 LIMIT 10"),
 *   "SELECT a1 FROM t WHERE id = 0 AND b = '17' AND c = $1 LIMIT 0",
 * );
 * ```
 */
export function shapeOf(text: string): string {
  let shape = "";
  let copied = 0;
  let at = 0;
  // The character before, where it might make digits a part of something else.
  let joined = false;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= NINE && !joined) {
      const from = at;
      while (isDigit(text.charCodeAt(at))) at++;
      joined = joins(text.charCodeAt(at));
      if (joined) continue;
      shape += text.slice(copied, from) + (at - from > DIGITS_OF_AN_INTEGER ? "9999999999" : "0");
      copied = at;
      continue;
    }
    if (code === QUOTE || code === DOUBLE_QUOTE) {
      const end = text.indexOf(code === QUOTE ? "'" : '"', at + 1);
      if (end < 0 || text.slice(at, end).includes("\\")) break;
      at = end;
    } else if (code === DOLLAR && !isDigit(text.charCodeAt(at + 1))) {
      break;
    } else if (code === MINUS || code === SLASH) {
      if (text.charCodeAt(at + 1) === (code === MINUS ? MINUS : STAR)) break;
    }
    joined = joins(code);
    at++;
  }
  return copied === 0 ? text : shape + text.slice(copied);
}

/** True for the code of a digit. */
export function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

/** Letters, digits, `_`, `$`, `.`, quotes, and all beyond ASCII: digits beside them are not by themselves. */
export function joins(code: number): boolean {
  return (code >= 0x61 && code <= 0x7A) || (code >= 0x41 && code <= 0x5A) || isDigit(code) ||
    code === 0x5F || code === DOLLAR || code === 0x2E || code === QUOTE || code === DOUBLE_QUOTE ||
    code >= 0x80;
}
