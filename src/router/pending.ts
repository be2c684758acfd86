/**
 * How many clients of one address may stand at the door, not having proven who they are.
 *
 * A session is counted among `router.maximum_connections` from its startup packet on, so without this
 * one address could take all of them by being slow, again and again. An IPv6 client counts by the
 * first 64 bits of its address: whoever has one of those has all behind it.
 *
 * @module
 */

/** What becomes of a client that has just connected. */
export type Entry =
  | { readonly type: "entered"; readonly leave: () => void }
  /** Too many: it is told so, and then leaves. */
  | { readonly type: "told"; readonly leave: () => void }
  /** Too many even to be told. */
  | { readonly type: "ignored" };

/** Counts the clients at the door. */
export interface PendingCount {
  /** `leave` gives the place back, once however often it is called. */
  enter(address: string): Entry;
  /** Addresses that are being counted. */
  size(): number;
}

/** Of one address, clients at one time that are told why they may not come in. */
const TOLD = 32;

/** @param maximum places of one address; asked anew at each client */
export function createPendingCount(maximum: () => number): PendingCount {
  const entered = new Map<string, number>();
  // Apart from the others, so that those who are turned away take nobody's place.
  const told = new Map<string, number>();
  return {
    enter(address) {
      const key = pendingKey(address);
      if (countOf(entered, key) < maximum()) return { type: "entered", leave: take(entered, key) };
      if (countOf(told, key) < TOLD) return { type: "told", leave: take(told, key) };
      return { type: "ignored" };
    },
    size: () => new Set([...entered.keys(), ...told.keys()]).size,
  };
}

function countOf(counts: ReadonlyMap<string, number>, key: string): number {
  return counts.get(key) ?? 0;
}

/** Counts one more; what it returns takes that back. */
function take(counts: Map<string, number>, key: string): () => void {
  counts.set(key, countOf(counts, key) + 1);
  let stays = true;
  return () => {
    if (!stays) return;
    stays = false;
    const left = countOf(counts, key) - 1;
    if (left === 0) counts.delete(key);
    else counts.set(key, left);
  };
}

/**
 * What an address counts as: itself, or its first 64 bits as `2001:db8:0:1::/64` for IPv6. IPv4 in
 * IPv6 counts as IPv4.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(pendingKey("192.0.2.7"), "192.0.2.7");
 * assert.equal(pendingKey("::ffff:192.0.2.7"), "192.0.2.7");
 * assert.equal(pendingKey("2001:db8::1:2:3:4"), "2001:db8:0:0::/64");
 * ```
 */
export function pendingKey(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1]!;
  const [before = "", after] = address.split("%")[0]!.split("::");
  const head = before === "" ? [] : before.split(":");
  const tail = after === undefined || after === "" ? [] : after.split(":");
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...new Array<string>(zeros).fill("0"), ...tail];
  return `${groups.slice(0, 4).join(":").toLowerCase()}::/64`;
}
