/**
 * The physical replication slot of each member, on whichever server it streams from.
 *
 * @module
 */
import type { NodeName } from "../core/record.ts";

const PREFIX = "metako_";
const MAX_LENGTH = 63;

/**
 * The slot's name: PostgreSQL allows lower-case letters, digits and underscores, 63 at most.
 * Where a name had to be changed for that a checksum is added, so that `a-b`
 * and `a_b` never share a slot.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(slotName("node1"), "metako_node1");
 * assert.match(slotName("pg-node1"), /^metako_pg_node1_[0-9a-f]{8}$/);
 * assert.notEqual(slotName("a-b"), slotName("a.b"));
 * ```
 */
export function slotName(node: NodeName): string {
  const plain = node.replace(/[^a-z0-9]/g, "_");
  if (plain === node && PREFIX.length + plain.length <= MAX_LENGTH) return PREFIX + plain;
  const sum = checksum(node).toString(16).padStart(8, "0");
  const lowered = node.toLowerCase().replace(/[^a-z0-9]/g, "_");
  return `${PREFIX}${lowered.slice(0, MAX_LENGTH - PREFIX.length - 9)}_${sum}`;
}

/** True for a slot that {@linkcode slotName} named. */
export function isOwnSlot(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** FNV-1a, 32 bits: enough to tell a handful of names apart. */
function checksum(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash;
}
