/**
 * Sizes in PostgreSQL's spelling (manual, "Parameter Names and Values"): `B`, `kB`, `MB`, `GB`,
 * `TB`, each 1024 times the one before.
 *
 * @module
 */

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;
const PATTERN = /^(\d+)(B|kB|KB|MB|GB|TB)$/;

/**
 * Reads a size.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(parseSize("16MB"), 16_777_216);
 * assert.equal(parseSize("16"), null);
 * ```
 *
 * @returns bytes, or null where the text is no size or larger than 2⁵³ − 1 bytes
 */
export function parseSize(text: string): number | null {
  const match = PATTERN.exec(text);
  if (match === null) return null;
  const unit = UNITS.findIndex((name) => name.toLowerCase() === match[2]!.toLowerCase());
  const bytes = Number(match[1]) * 1024 ** unit;
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/**
 * Writes a size in the largest unit that divides it; {@linkcode parseSize} reads it back.
 *
 * @param bytes a whole number, 0 or more
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(formatSize(16_777_216), "16MB");
 * assert.equal(formatSize(1000), "1000B");
 * ```
 */
export function formatSize(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount > 0 && amount % 1024 === 0 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${amount}${UNITS[unit]}`;
}
