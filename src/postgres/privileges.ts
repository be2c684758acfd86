/**
 * Whether a role may go around the cluster's rules: a superuser, or one that may replicate.
 *
 * @module
 */
import { literal, type Session } from "./connection.ts";

/** An answer is believed for this long, in milliseconds. */
const CACHE_MS = 2_000;
const CACHE_LIMIT = 1_000;

/**
 * Makes the question. Where the server cannot be asked the answer is true, which refuses; an
 * unknown role has no rights.
 */
export function privilegeCheck(
  session: () => Session | null,
  timeoutMs: number,
): (role: string) => Promise<boolean> {
  const cache = new Map<string, { readonly privileged: boolean; readonly untilMs: number }>();
  return async (role) => {
    const known = cache.get(role);
    if (known !== undefined && performance.now() < known.untilMs) return known.privileged;
    const open = session();
    if (open === null) return true;
    const told = await open.query(
      `select (rolsuper or rolreplication)::text as privileged
      from pg_roles where rolname = ${literal(role)}`,
      timeoutMs,
    );
    if (!told.ok) return true;
    const privileged = told.rows[0]?.privileged === "true";
    if (cache.size >= CACHE_LIMIT) cache.clear();
    cache.set(role, { privileged, untilMs: performance.now() + CACHE_MS });
    return privileged;
  };
}
