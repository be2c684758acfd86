/**
 * The cancel keys that the router gives to clients in the place of the servers' own.
 *
 * A session may change its server, and a cancel request may arrive at any member's router; so a key
 * means a session of this router, and says by eight bits of the process number which member may know
 * it. The rest of both numbers is random.
 *
 * @module
 */
import type { BackendKey } from "../wire/startup.ts";
import { HASHES, secretBytes } from "./hashes.ts";

/** Bits of the process number that are random; eight of the member's stand above, and a zero sign. */
const RANDOM_BITS = 23;

/** How long a key's secret is, in bytes, by the minor version of the protocol. */
export const SECRET_BYTES = { 0: 4, 2: 32 } as const;

/**
 * Makes a key of the member `node`.
 *
 * @param minor the x of protocol 3.x: longer secrets exist from 3.2 on
 */
export function newCancelKey(node: string, minor: 0 | 2): BackendKey {
  const random = new DataView(secretBytes(4).buffer).getUint32(0) & ((1 << RANDOM_BITS) - 1);
  return {
    processId: (hintOf(node) << RANDOM_BITS) | random,
    secretKey: secretBytes(SECRET_BYTES[minor]),
  };
}

/**
 * False where the key cannot be one of this member's.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(mayBeFrom(newCancelKey("node1", 0), "node1"), true);
 * assert.equal(mayBeFrom(newCancelKey("node1", 0), "node2"), false);
 * ```
 */
export function mayBeFrom({ processId }: BackendKey, node: string): boolean {
  return processId >>> RANDOM_BITS === hintOf(node);
}

function hintOf(node: string): number {
  return HASHES.sha256(new TextEncoder().encode(node))[0]!;
}
