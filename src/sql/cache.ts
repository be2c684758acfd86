/**
 * A memory of verdicts, bounded in bytes. What was not asked for the longest goes first.
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
  // In order of use, the oldest first. Strings cut out of a chunk of the network are kept as they are:
  // they are decoded one by one, and so hold no larger text alive.
  const entries = new Map<string, Verdict>();
  let bytes = 0;
  return {
    get(text) {
      const verdict = entries.get(text);
      if (verdict === undefined) return null;
      entries.delete(text);
      entries.set(text, verdict);
      return verdict;
    },
    set(text, verdict) {
      const cost = costOf(text);
      if (cost * 8 > maximumBytes) return;
      if (entries.delete(text)) bytes -= cost;
      entries.set(text, verdict);
      bytes += cost;
      for (const oldest of entries.keys()) {
        if (bytes <= maximumBytes) break;
        entries.delete(oldest);
        bytes -= costOf(oldest);
      }
    },
    bytes: () => bytes,
  };
}

function costOf(text: string): number {
  return ENTRY_BYTES + 2 * text.length;
}
