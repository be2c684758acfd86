/**
 * Plain text in aligned columns, for people and for `awk`.
 *
 * @module
 */

/**
 * Puts rows under one another, at least two blanks between the columns.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(alignColumns([["a", "b"], ["long", "c"]]), "a     b\nlong  c");
 * ```
 */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  return rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()
  ).join("\n");
}
