/**
 * Whether an address is this host's own.
 *
 * @module
 */

/**
 * True for loopback addresses, also where IPv6 carries one of IPv4.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.ok(["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"].every(isLoopback));
 * assert.ok(!["10.0.0.1", "128.0.0.1", "::2", "127.0.0.1.example.com"].some(isLoopback));
 * ```
 */
export function isLoopback(address: string): boolean {
  return address === "::1" || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/i.test(address);
}
