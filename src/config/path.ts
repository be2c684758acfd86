/**
 * Names of keys: `coordination.cluster_mode.failover_timeout`, `cluster_members[0].role`.
 *
 * @module
 */

const PLAIN = /^[A-Za-z0-9_-]+$/;
const LAST_PART = /(?:\.[A-Za-z0-9_-]+|\[\d+\]|\["(?:[^"\\]|\\.)*"\]|^[A-Za-z0-9_-]+)$/;

/**
 * Extends a path by a key of a mapping or an index of a list.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(childPath("", "router"), "router");
 * assert.equal(childPath("cluster_members", 0), "cluster_members[0]");
 * assert.equal(childPath("router", "my port"), 'router["my port"]');
 * ```
 */
export function childPath(parent: string, part: string | number): string {
  if (typeof part === "number") return `${parent}[${part}]`;
  if (!PLAIN.test(part)) return `${parent}[${JSON.stringify(part)}]`;
  return parent === "" ? part : `${parent}.${part}`;
}

/**
 * Joins the parts that zod reports.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(joinPath(["cluster_members", 1, "role"]), "cluster_members[1].role");
 * ```
 */
export function joinPath(parts: readonly PropertyKey[]): string {
  return parts.reduce<string>(
    (path, part) => childPath(path, typeof part === "symbol" ? String(part) : part),
    "",
  );
}

/**
 * The path without its last part; null for the whole file.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(parentPath("cluster_members[1].role"), "cluster_members[1]");
 * assert.equal(parentPath("router"), "");
 * assert.equal(parentPath(""), null);
 * ```
 */
export function parentPath(path: string): string | null {
  if (path === "") return null;
  return path.replace(LAST_PART, "");
}

/**
 * True where `inner` is `outer` or a key inside it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(isWithin("router.port", "router"), true);
 * assert.equal(isWithin("routers", "router"), false);
 * ```
 */
export function isWithin(inner: string, outer: string): boolean {
  if (outer === "" || inner === outer) return true;
  return inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`);
}
