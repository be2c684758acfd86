/**
 * The progress lines of PostgreSQL's programs that copy.
 *
 * @module
 */

/**
 * Reads the last progress line of pg_basebackup or pg_rewind in a piece of their output.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseProgress("\r 1024/ 23456 kB (4%), 0/1 tablespace"), {
 *   doneBytes: 1048576,
 *   totalBytes: 24018944,
 * });
 * assert.equal(parseProgress("waiting for checkpoint"), null);
 * ```
 */
export function parseProgress(
  text: string,
): { readonly doneBytes: number; readonly totalBytes: number } | null {
  const last = [...text.matchAll(/(\d+)\/\s*(\d+) kB/g)].at(-1);
  if (last === undefined) return null;
  return { doneBytes: Number(last[1]) * 1024, totalBytes: Number(last[2]) * 1024 };
}
