/**
 * WAL positions. An LSN is a `bigint` inside metako and `"16/B374D848"` outside
 * (PostgreSQL manual, "pg_lsn Type"): two 32-bit halves in hexadecimal.
 *
 * @module
 */

/** A byte position in the write-ahead log; 0n is "none". Range: 0 to 2⁶⁴ − 1. */
export type Lsn = bigint;

const PATTERN = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/**
 * Reads PostgreSQL's text form of an LSN.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(parseLsn("16/B374D848"), 0x16B374D848n);
 * assert.equal(parseLsn("nonsense"), null);
 * ```
 *
 * @returns the position in bytes, or null where the text is not an LSN
 */
export function parseLsn(text: string): Lsn | null {
  const match = PATTERN.exec(text);
  if (match === null) return null;
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

/**
 * Writes an LSN the way PostgreSQL does.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(formatLsn(0x16B374D848n), "16/B374D848");
 * ```
 */
export function formatLsn(lsn: Lsn): string {
  const high = (lsn >> 32n).toString(16).toUpperCase();
  const low = (lsn & 0xFFFFFFFFn).toString(16).toUpperCase();
  return `${high}/${low}`;
}
