/**
 * The order in which members are listed, everywhere: a person compares two screens, or two nodes'
 * logs, line by line.
 *
 * @module
 */

/**
 * Compares two names, numbers in them by their value.
 *
 * @returns less than 0 where `a` comes first, more than 0 where `b` does
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(["node10", "node2", "db"].sort(compareNames), ["db", "node2", "node10"]);
 * ```
 */
export function compareNames(a: string, b: string): number {
  return ORDER.compare(a, b);
}

/** Not the operator's language: members' lists are compared across hosts. */
const ORDER = new Intl.Collator("en", { numeric: true });
