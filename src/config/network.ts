/**
 * IP networks as people write them: `10.0.0.0/8`, `2001:db8::/32`, or one address.
 *
 * @module
 */

/** All addresses that begin with the same bits. */
export interface Network {
  /** An IPv4 or IPv6 address, as written. */
  readonly address: string;
  /** 0 to 32, or to 128 for IPv6. */
  readonly prefixBits: number;
}

/**
 * Reads a network; an address alone is one of a single host.
 *
 * @returns null for any other text, and where bits behind the prefix are set: whoever writes
 * `10.1.0.0/8` means another network than it says
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseNetwork("10.0.0.0/8"), { address: "10.0.0.0", prefixBits: 8 });
 * assert.deepEqual(parseNetwork("2001:db8::7"), { address: "2001:db8::7", prefixBits: 128 });
 * assert.equal(parseNetwork("10.1.0.0/8"), null);
 * ```
 */
export function parseNetwork(text: string): Network | null {
  const [, address = "", digits] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const bytes = address.includes(":") ? parseIpv6(address) : parseIpv4(address);
  if (bytes === null) return null;
  const bits = bytes.length * 8;
  const prefixBits = digits === undefined ? bits : Number(digits);
  const strays = bytes.some((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefixBits - index * 8));
    return (byte & (0xFF >> kept)) !== 0;
  });
  return prefixBits > bits || strays ? null : { address, prefixBits };
}

function parseIpv4(text: string): readonly number[] | null {
  const parts = text.split(".");
  const bytes = parts.map(Number);
  const fits = parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part)) &&
    bytes.every((byte) => byte <= 255);
  return fits && bytes.length === 4 ? bytes : null;
}

function parseIpv6(text: string): readonly number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [left, right] = halves.map((half) => half === "" ? [] : half.split(":"));
  if (left === undefined) return null;
  const given = [...left, ...right ?? []];
  if (!given.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return null;
  const missing = 8 - given.length;
  // "::" stands for at least one group, and without it all eight are there.
  if (right === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...left, ...Array<string>(missing).fill("0"), ...right ?? []];
  return groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xFF]);
}
