/**
 * A memory of verdicts by the bytes of a text: what a client sends again and again, but for the numbers
 * in it, is recognised before it is decoded.
 *
 * It knows plain ASCII without comments, dollar quotes and backslashes in strings, up to a length, and
 * leaves all else to {@linkcode shapeOf}. Of what it knows it makes the same shape.
 *
 * @module
 */
import { DIGITS_OF_AN_INTEGER, isDigit, joins } from "./shape.ts";

/** The memory. */
export interface Recall<Judged> {
  /** What is known of the text from `from` up to its zero; null where that is nothing. */
  find(bytes: Uint8Array, from: number): Judged | null;
  /** Keeps it for texts of this shape, where it is one of those that this memory knows. */
  keep(bytes: Uint8Array, from: number, judged: Judged): void;
  clear(): void;
}

const LONGEST_BYTES = 1024;
/** Above this many shapes it begins anew. */
const MAXIMUM_SHAPES = 2000;
const LONG_NUMBER = "9999999999";

const ZERO = 0x30;
const NINE = 0x39;
const QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const BACKSLASH = 0x5C;
const DOLLAR = 0x24;
const MINUS = 0x2D;
const SLASH = 0x2F;
const STAR = 0x2A;

/** Makes an empty one. */
export function createRecall<Judged>(): Recall<Judged> {
  const known = new Map<number, { readonly shape: Uint8Array; readonly judged: Judged }>();
  const scratch = new Uint8Array(LONGEST_BYTES + LONG_NUMBER.length);
  return {
    find(bytes, from) {
      const length = writeShape(bytes, from, scratch);
      if (length < 0) return null;
      const found = known.get(hashOf(scratch, length));
      return found !== undefined && isSame(found.shape, scratch, length) ? found.judged : null;
    },
    keep(bytes, from, judged) {
      const length = writeShape(bytes, from, scratch);
      if (length < 0) return;
      if (known.size >= MAXIMUM_SHAPES) known.clear();
      known.set(hashOf(scratch, length), { shape: scratch.slice(0, length), judged });
    },
    clear: () => known.clear(),
  };
}

/**
 * Writes the shape of the text from `from` up to its zero.
 *
 * @param into at least ten bytes longer than the longest text that is looked at
 * @returns its length; -1 where the text is none of those that can be shaped so, or has no zero
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const into = new Uint8Array(64);
 * const length = writeShape(new TextEncoder().encode("SELECT a1 + 17\0"), 0, into);
 * assert.equal(new TextDecoder().decode(into.subarray(0, length)), "SELECT a1 + 0");
 * ```
 */
export function writeShape(bytes: Uint8Array, from: number, into: Uint8Array): number {
  const limit = into.length - LONG_NUMBER.length;
  let written = 0;
  let at = from;
  // As in shapeOf: the character before might make digits a part of something else.
  let joined = false;
  while (at < bytes.length && written < limit) {
    const code = bytes[at]!;
    if (code === 0) return written;
    if (code >= 0x80) return -1;
    if (code >= ZERO && code <= NINE && !joined) {
      const begin = at;
      while (isDigit(bytes[at]!)) at++;
      joined = joins(bytes[at]!);
      if (joined) {
        if (written + at - begin > limit) return -1;
        for (let i = begin; i < at; i++) into[written++] = bytes[i]!;
      } else if (at - begin > DIGITS_OF_AN_INTEGER) {
        for (let i = 0; i < LONG_NUMBER.length; i++) into[written++] = NINE;
      } else {
        into[written++] = ZERO;
      }
      continue;
    }
    if (code === QUOTE || code === DOUBLE_QUOTE) {
      into[written++] = code;
      for (at++; bytes[at] !== code; at++) {
        const inside = bytes[at];
        const plain = inside !== undefined && inside !== 0 && inside < 0x80 && inside !== BACKSLASH;
        if (!plain || written >= limit) return -1;
        into[written++] = inside;
      }
    } else if (code === DOLLAR && !isDigit(bytes[at + 1]!)) {
      return -1;
    } else if (code === MINUS || code === SLASH) {
      if (bytes[at + 1] === (code === MINUS ? MINUS : STAR)) return -1;
    }
    joined = joins(code);
    into[written++] = code;
    at++;
  }
  return -1;
}

function hashOf(bytes: Uint8Array, length: number): number {
  let hash = 7;
  for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
  // What the engine keeps without a box.
  return hash & 0x3FFFFFFF;
}

function isSame(shape: Uint8Array, bytes: Uint8Array, length: number): boolean {
  if (shape.length !== length) return false;
  for (let i = 0; i < length; i++) if (shape[i] !== bytes[i]) return false;
  return true;
}
