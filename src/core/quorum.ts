/**
 * Majorities, and the newest moment at which one of them agreed.
 *
 * @module
 */
import type { MemberEntry, NodeName } from "./record.ts";

/**
 * How many members make a majority: ⌊members/2⌋+1, which `minConsensusNodes` may raise and never
 * lowers, so that two majorities always share a member.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual([1, 2, 3, 4, 5].map((n) => majoritySize(n, 0)), [1, 2, 2, 3, 3]);
 * assert.equal(majoritySize(5, 4), 4);
 * assert.equal(majoritySize(5, 2), 3);
 * ```
 */
export function majoritySize(memberCount: number, minConsensusNodes: number): number {
  return Math.max(Math.floor(memberCount / 2) + 1, Math.min(minConsensusNodes, memberCount));
}

/** True where the members named in `agreeing` (each counted once) reach `needed`. */
export function agreed(
  members: readonly MemberEntry[],
  agreeing: Iterable<NodeName>,
  needed: number,
): boolean {
  const names = new Set(members.map((member) => member.name));
  const counted = new Set([...agreeing].filter((name) => names.has(name)));
  return counted.size >= needed;
}

/**
 * The latest moment at or after which `needed` members had each said yes: the `needed`-th newest
 * of their times. The caller counts itself with the present time.
 *
 * @returns milliseconds on the caller's clock, or null where fewer than `needed` ever agreed
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(newestAgreementMs([900, 400, 100], 2), 400);
 * assert.equal(newestAgreementMs([900], 2), null);
 * ```
 */
export function newestAgreementMs(agreedAtMs: readonly number[], needed: number): number | null {
  const newestFirst = [...agreedAtMs].sort((a, b) => b - a);
  return newestFirst[needed - 1] ?? null;
}
