/**
 * Durations as people write them ("10s", "500ms", "1m30s") and as the program uses them:
 * milliseconds. A bare number is not a duration, since nobody can see its unit.
 *
 * @module
 */

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h)/g;

/**
 * Reads a duration: one or more numbers, each with its unit `ms`, `s`, `m` or `h`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(parseDuration("500ms"), 500);
 * assert.equal(parseDuration("1m30s"), 90_000);
 * assert.equal(parseDuration("1.5s"), 1500);
 * assert.equal(parseDuration("10"), null);
 * ```
 *
 * @returns whole milliseconds, or null where the text is no duration or not a whole number of them
 */
export function parseDuration(text: string): number | null {
  if (!WHOLE.test(text)) return null;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(PART)) {
    totalMs += Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
  }
  const wholeMs = Math.round(totalMs);
  return Math.abs(totalMs - wholeMs) < 1e-6 && Number.isSafeInteger(wholeMs) ? wholeMs : null;
}

/**
 * Writes a duration in the largest unit that divides it; {@linkcode parseDuration} reads it back.
 *
 * @param durationMs whole milliseconds, 0 or more
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(formatDuration(3000), "3s");
 * assert.equal(formatDuration(1500), "1500ms");
 * assert.equal(formatDuration(0), "0s");
 * ```
 */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return "0s";
  for (const unit of ["h", "m", "s"] as const) {
    if (durationMs % UNIT_MS[unit] === 0) return `${durationMs / UNIT_MS[unit]}${unit}`;
  }
  return `${durationMs}ms`;
}
