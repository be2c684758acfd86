/**
 * The texts that carry settings from one server to another: what the primary has is read, and set at
 * the other, so that the server's own spelling counts and not the client's.
 *
 * @module
 */

/** A query that gives name and value of each setting, NULL where it was never set. */
export function readSettingsQuery(names: Iterable<string>): string {
  const list = [...names].map((name) => `(${quoted(name)})`).join(", ");
  return "select v.n, pg_catalog.current_setting(v.n::pg_catalog.text, true) " +
    `from (values ${list}) v(n)`;
}

/** A query that gives a session these values. Who the session acts as comes first: it may not do the rest otherwise. */
export function writeSettingsQuery(values: ReadonlyMap<string, string>): string {
  const calls = [...values].sort(([a], [b]) => rank(a) - rank(b)).map(([name, value]) =>
    `pg_catalog.set_config(${quoted(name)}, ${quoted(value)}, false)`
  );
  return `select ${calls.join(", ")}`;
}

/**
 * A literal that means the same whatever `standard_conforming_strings` says.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(quoted("it's a \\"), "E'it''s a \\\\'");
 * ```
 */
export function quoted(text: string): string {
  return `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

function rank(name: string): number {
  return name === "session_authorization" ? 0 : name === "role" ? 1 : 2;
}
