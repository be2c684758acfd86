/**
 * Text from elsewhere as it may be shown to people.
 *
 * @module
 */

/** Control and format characters, line separators included: what moves, hides or reorders text. */
const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

/**
 * Replaces what could steer a terminal, or show text in another order than it has, by blanks.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(printable("gone\x1b[2J\nok"), "gone [2J ok");
 * assert.equal(printable("Zürich 🐘"), "Zürich 🐘");
 * ```
 */
export function printable(text: string): string {
  return text.replaceAll(STEERING, " ");
}
