/**
 * `${NAME}` in a value: the environment's variable of that name. `$${` stands for a plain `${`.
 *
 * @module
 */

const REFERENCE = /\$\$\{|\$\{([^}]*)\}/g;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A value with its references replaced. */
export interface Expansion {
  readonly text: string;
  /** Names of variables that are not set. */
  readonly missing: readonly string[];
  /** What stands between braces and cannot name a variable. */
  readonly malformed: readonly string[];
}

/**
 * Replaces every reference in `text`. The value of a variable is taken as it is, never expanded
 * again. A reference that cannot be resolved stays where it is and is listed.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const env = (name: string) => name === "HOST" ? "db1" : undefined;
 * assert.equal(expand("${HOST}.example", env).text, "db1.example");
 * assert.equal(expand("$${HOST}", env).text, "${HOST}");
 * assert.deepEqual(expand("${PORT}", env).missing, ["PORT"]);
 * ```
 */
export function expand(text: string, env: (name: string) => string | undefined): Expansion {
  const missing: string[] = [];
  const malformed: string[] = [];
  const replaced = text.replace(REFERENCE, (reference: string, name: string | undefined) => {
    if (name === undefined) return "${";
    if (!VARIABLE.test(name)) {
      malformed.push(name);
      return reference;
    }
    const value = env(name);
    if (value === undefined) {
      missing.push(name);
      return reference;
    }
    return value;
  });
  return { text: replaced, missing, malformed };
}
