/**
 * The ledger of the demo's writer: which rows were promised, and when.
 *
 * A row is *acknowledged* only when its INSERT returned. A row whose INSERT ended in an error, or in
 * nothing, is *open*: it may be in the table or not, and either is right. Losing an acknowledged row
 * is the one thing that must never happen.
 *
 * The outage that a client suffers is the longest time between two acknowledgements, so it is
 * measured here, on the client's side, and holds everything: detection, election, promotion,
 * reconnection.
 *
 * @module
 */

/** One acknowledged row. */
export interface Acknowledgement {
  /** The row's number. */
  readonly row: number;
  /** When its INSERT returned, on a monotonic clock. */
  readonly atMs: number;
}

/** What the writer did. It only grows. */
export interface Ledger {
  /** In the order in which they came. */
  readonly acknowledged: Acknowledgement[];
  /** Rows whose INSERT did not return. */
  readonly open: number[];
}

/** An empty ledger. */
export function newLedger(): Ledger {
  return { acknowledged: [], open: [] };
}

/**
 * The longest time without an acknowledgement that overlaps a window.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const acknowledged = [10, 20, 500, 510, 520].map((atMs, row) => ({ row, atMs }));
 * assert.equal(outageMs(acknowledged, { fromMs: 15, untilMs: 520 }), 480);
 * ```
 *
 * @param acknowledged in the order in which they came
 * @param window from the event to the moment up to which one watched, on the ledger's clock
 * @returns milliseconds; null where the outage had not ended when the window did: no row was
 *   acknowledged after the event, or the time since the last one is itself the longest
 */
export function outageMs(
  acknowledged: readonly Acknowledgement[],
  window: { readonly fromMs: number; readonly untilMs: number },
): number | null {
  let longest: number | null = null;
  let previous = window.fromMs;
  for (const { atMs } of acknowledged) {
    if (atMs > window.untilMs) break;
    if (atMs >= window.fromMs) longest = Math.max(longest ?? 0, atMs - previous);
    previous = atMs;
  }
  const pendingMs = window.untilMs - previous;
  return longest === null || pendingMs > longest ? null : longest;
}

/** The acknowledged rows that a server does not hold, in ascending order. */
export function missingRows(ledger: Ledger, present: ReadonlySet<number>): readonly number[] {
  return ledger.acknowledged.map(({ row }) => row).filter((row) => !present.has(row))
    .sort((a, b) => a - b);
}

/** How many open rows a server holds after all. */
export function survivingOpenRows(ledger: Ledger, present: ReadonlySet<number>): number {
  return ledger.open.filter((row) => present.has(row)).length;
}

/** How many rows were acknowledged after a moment. */
export function acknowledgedSince(ledger: Ledger, fromMs: number): number {
  let count = 0;
  for (let index = ledger.acknowledged.length - 1; index >= 0; index -= 1) {
    if (ledger.acknowledged[index]!.atMs <= fromMs) break;
    count += 1;
  }
  return count;
}
