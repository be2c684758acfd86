/**
 * "Did you mean …?": the known word nearest to a mistyped one.
 *
 * @module
 */

/**
 * Finds the word that was probably meant.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(nearest("heartbeat_intervall", ["heartbeat_interval", "interval"]), "heartbeat_interval");
 * assert.equal(nearest("colour", ["host", "port"]), null);
 * ```
 *
 * @returns the candidate with the fewest edits; where more than a third of the word differs, one that
 * begins with it; else null
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  if (word.length > LONGEST) return null;
  let best: string | null = null;
  let bestEdits = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const edits = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (edits < bestEdits) {
      best = candidate;
      bestEdits = edits;
    }
  }
  if (best !== null || word.length < SHORTEST_BEGINNING) return best;
  return candidates.find((candidate) => candidate.startsWith(word.toLowerCase())) ?? null;
}

/** Shorter beginnings fit too many words. */
const SHORTEST_BEGINNING = 3;

/** No key is nearly as long; the distance costs time in the square of it. */
const LONGEST = 64;

/**
 * The fewest insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`
 * (optimal string alignment).
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(editDistance("prot", "port"), 1);
 * assert.equal(editDistance("", "abc"), 3);
 * ```
 */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let edits = Math.min(previous[j]! + 1, row[j - 1]! + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, beforePrevious[j - 2]! + 1);
      }
      row.push(edits);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length]!;
}
