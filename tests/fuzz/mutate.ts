/**
 * How valid input becomes garbage: bytes, texts and JSON values with a few things changed.
 *
 * What comes out is never what went in.
 *
 * @module
 */
import type { Dice } from "../simulation/dice.ts";

/** The longest run that one mutation inserts. */
export const HUGE = 300_000;

/** Numbers at which lengths and counters tend to break, as four bytes each. */
const EDGES = [0, 1, 3, 4, 7, 8, 255, 256, 10_000, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, -1, -2_147_483_648];

/** Pieces that mean something to a parser. */
const TOKENS = [
  ..."{}[]:,\"'`#&*!|>%@\\-?<=\0\x1b\x7f\x85\u2028\ufeff",
  "é",
  "🐘",
  "\ud800",
  "null",
  "true",
  "NaN",
  "-1",
  "1e999",
  "9007199254740993",
  "0x10",
  "${HOME}",
  "${",
  "$${",
  "<<: *a",
  "&a [*a, *a]",
  "!!binary |",
  "---\n",
  "...\n",
  "\r\n",
  "\t",
  "__proto__",
  "constructor",
  "../../etc/passwd",
  "\x1b[2J",
];

/** Bytes of any kind. */
export function noise(dice: Dice, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => dice.whole(0, 255));
}

/** Valid bytes with one to six changes. */
export function mutateBytes(dice: Dice, valid: Uint8Array): Uint8Array {
  for (;;) {
    let bytes: Uint8Array = valid.slice();
    for (let changes = dice.whole(1, 6); changes > 0; changes--) bytes = changeBytes(dice, bytes);
    if (!sameBytes(bytes, valid)) return bytes;
  }
}

/** A valid text with one to six changes. */
export function mutateText(dice: Dice, valid: string): string {
  for (;;) {
    let text = valid;
    for (let changes = dice.whole(1, 6); changes > 0; changes--) text = changeText(dice, text);
    if (text !== valid) return text;
  }
}

/** A valid JSON text with one to four of its values replaced, left out, renamed or doubled. */
export function mutateJson(dice: Dice, valid: string): string {
  for (;;) {
    let text = valid;
    for (let changes = dice.whole(1, 4); changes > 0; changes--) {
      text = JSON.stringify(changeValue(dice, JSON.parse(text)));
    }
    if (text !== valid) return text;
  }
}

/** The beginning of some bytes; at least one is missing. */
export function truncate(dice: Dice, valid: Uint8Array): Uint8Array {
  return valid.subarray(0, dice.whole(0, valid.length - 1));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function changeBytes(dice: Dice, bytes: Uint8Array): Uint8Array {
  const at = dice.whole(0, bytes.length);
  const upTo = Math.min(bytes.length, at + dice.whole(1, 16));
  const splice = (middle: Uint8Array, until = at) =>
    Uint8Array.from([...bytes.subarray(0, at), ...middle, ...bytes.subarray(until)]);
  switch (dice.whole(0, 7)) {
    case 0:
    case 1: {
      if (at < bytes.length) bytes[at]! ^= 1 << dice.whole(0, 7);
      return bytes;
    }
    case 2: {
      if (at < bytes.length) bytes[at] = dice.whole(0, 255);
      return bytes;
    }
    case 3: {
      const edge = new Uint8Array(4);
      new DataView(edge.buffer).setInt32(0, dice.pick(EDGES));
      return splice(edge, Math.min(bytes.length, at + 4));
    }
    case 4:
      return splice(new Uint8Array(0), upTo);
    case 5:
      return splice(bytes.slice(at, upTo));
    case 6:
      return splice(noise(dice, dice.whole(1, 64)));
    default: {
      if (!dice.luck(0.05)) return splice(new Uint8Array(dice.whole(1, 64)));
      const huge = new Uint8Array(bytes.length + HUGE).fill(dice.whole(0, 255));
      huge.set(bytes.subarray(0, at));
      huge.set(bytes.subarray(at), at + HUGE);
      return huge;
    }
  }
}

function changeText(dice: Dice, text: string): string {
  const at = dice.whole(0, text.length);
  const before = text.slice(0, at);
  const upTo = at + dice.whole(1, 24);
  switch (dice.whole(0, 6)) {
    case 0:
      return before + dice.pick(TOKENS) + text.slice(at);
    case 1:
      return before + dice.pick(TOKENS) + text.slice(upTo);
    case 2:
      return before + text.slice(upTo);
    case 3:
      return before + text.slice(at, upTo) + text.slice(at);
    case 4:
      return before + String.fromCharCode(dice.whole(0, 0xFFFF)) + text.slice(at + 1);
    case 5:
      return before + dice.pick(TOKENS).repeat(dice.whole(1, 200)) + text.slice(at);
    default: {
      if (!dice.luck(0.05)) return before + String(dice.whole(-1e9, 1e9)) + text.slice(upTo);
      return before + dice.pick([...'aA0 [{"\n-']).repeat(HUGE) + text.slice(at);
    }
  }
}

/** One place of a JSON value changed, any place. */
function changeValue(dice: Dice, value: unknown): unknown {
  const isInner = typeof value === "object" && value !== null && Object.keys(value).length > 0;
  if (!isInner && dice.luck(0.5)) {
    if (typeof value === "number") return value + dice.pick([-1, 1, 2, 1000]);
    if (typeof value === "string") return changeText(dice, value);
  }
  if (!isInner || dice.luck(0.1)) return strangeValue(dice);
  if (Array.isArray(value)) {
    const at = dice.whole(0, value.length - 1);
    switch (dice.whole(0, 4)) {
      case 0:
        return value.toSpliced(at, 1);
      case 1:
        return [...value, ...Array.from({ length: dice.whole(1, 40) }, () => value[at])];
      default:
        return value.with(at, changeValue(dice, value[at]));
    }
  }
  const entries = Object.entries(value as Record<string, unknown>);
  const at = dice.whole(0, entries.length - 1);
  const [name, inner] = entries[at]!;
  switch (dice.whole(0, 7)) {
    case 0:
      return Object.fromEntries(entries.toSpliced(at, 1));
    case 1:
      return Object.fromEntries(entries.with(at, [mutateText(dice, name), inner]));
    case 2:
      return Object.fromEntries([...entries, [dice.pick(TOKENS), strangeValue(dice)]]);
    default:
      return Object.fromEntries(entries.with(at, [name, changeValue(dice, inner)]));
  }
}

function strangeValue(dice: Dice): unknown {
  return dice.pick<() => unknown>([
    () => null,
    () => true,
    () => 0,
    () => -1,
    () => 0.5,
    () => 2 ** 53,
    () => 1e308,
    () => dice.whole(0, 2 ** 32),
    () => "",
    () => dice.pick(TOKENS),
    () => dice.pick(TOKENS).repeat(dice.whole(1, 500)),
    () => "FFFFFFFF/FFFFFFFF",
    () => [],
    () => ({}),
    () => [[[[[[]]]]]],
    () => "x".repeat(dice.luck(0.1) ? HUGE : 300),
  ])();
}
