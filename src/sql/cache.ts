/**
 * A memory of verdicts, bounded in bytes. What was not asked for lately goes first.
 *
 * @module
 */
import type { Verdict } from "./verdict.ts";

/** The memory. */
export interface VerdictCache {
  get(text: string): Verdict | null;
  /** Keeps a verdict; texts that would take more than an eighth of the memory are not kept. */
  set(text: string, verdict: Verdict): void;
  bytes(): number;
}

// What an entry takes beside its text: the map's slot, the string's header, a verdict of its own.
const ENTRY_BYTES = 256;

/**
 * Makes an empty one.
 *
 * @param maximumBytes what it may take; a text counts two bytes a unit
 */
export function createVerdictCache(maximumBytes: number): VerdictCache {
  // Two halves: what is asked for moves to the younger one, and when that is full, the older one is
  // dropped as a whole. A hit in the younger half, which nearly all are, changes nothing.
  // Strings are kept as they are: they are decoded one by one, and so hold no larger text alive.
  let young = new Map<string, Verdict>();
  let old = new Map<string, Verdict>();
  let youngBytes = 0;
  let oldBytes = 0;

  function keep(text: string, verdict: Verdict): void {
    const cost = costOf(text);
    if (young.has(text)) youngBytes -= cost;
    else if (youngBytes + cost > maximumBytes / 2) {
      old = young;
      oldBytes = youngBytes;
      young = new Map();
      youngBytes = 0;
    }
    if (old.delete(text)) oldBytes -= cost;
    young.set(text, verdict);
    youngBytes += cost;
  }

  return {
    get(text) {
      const verdict = young.get(text);
      if (verdict !== undefined) return verdict;
      const older = old.get(text);
      if (older === undefined) return null;
      keep(text, older);
      return older;
    },
    set(text, verdict) {
      if (costOf(text) * 8 <= maximumBytes) keep(text, verdict);
    },
    bytes: () => youngBytes + oldBytes,
  };
}

function costOf(text: string): number {
  return ENTRY_BYTES + 2 * text.length;
}
