/**
 * The addresses of host names, for places that must not wait for a name server and must not forget
 * what it said last: where a name does not resolve, its last addresses stand.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

/** A promotion must not wait longer for a name server, */
const RESOLVE_MS = 1_000;
/** and hardly at all where it said something before. */
const AGAIN_MS = 200;

/** Gives a name's addresses. */
export type Resolve = (name: string) => Promise<readonly string[]>;

/**
 * Makes a resolver with a memory of its own.
 *
 * @param ask gives a name's addresses, or rejects
 * @param limits how long to wait for it, in milliseconds: for a name that resolved before, and at first
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * let up = true;
 * const resolve = rememberingResolver(() => up ? Promise.resolve(["10.0.0.2"]) : Promise.reject());
 * assert.deepEqual(await resolve("node2"), ["10.0.0.2"]);
 * up = false;
 * assert.deepEqual(await resolve("node2"), ["10.0.0.2"]);
 * assert.deepEqual(await resolve("node3"), []);
 * ```
 *
 * @returns addresses in the order of their texts; none where the name never resolved
 */
export function rememberingResolver(
  ask: Resolve = askSystem,
  { firstMs = RESOLVE_MS, againMs = AGAIN_MS } = {},
): Resolve {
  const last = new Map<string, readonly string[]>();
  return async (name) => {
    // What comes late is for the next who asks.
    const asking = ask(name).then((found) => {
      if (found.length > 0) last.set(name, [...found].sort());
    }, () => {});
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limitMs = last.has(name) ? againMs : firstMs;
    const late = new Promise<void>((done) => timer = setTimeout(done, limitMs));
    await Promise.race([asking, late]);
    clearTimeout(timer);
    return last.get(name) ?? [];
  };
}

/** The memory that all of the agent shares. */
export const addressesOf: Resolve = rememberingResolver();

/**
 * The one address of a host that is named: null where it has several, or is an address itself, and
 * "unknown" where it does not resolve.
 *
 * A name in `primary_conninfo` is looked up by the WAL receiver, which cannot be ended meanwhile, and so
 * cannot be promoted either: the name server may be slow just because that host is gone. With an
 * address beside it nothing is looked up.
 */
export async function soleAddress(host: string): Promise<string | null | "unknown"> {
  if (isIP(host) !== 0 || !NAME.test(host) || host === "localhost") return null;
  const found = await addressesOf(host);
  return found.length > 1 ? null : found[0] ?? "unknown";
}

/** What may be a host's name; a folder of sockets is none. */
export const NAME = /^[\w.-]+$/;

async function askSystem(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}
