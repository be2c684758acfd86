/**
 * The hash functions that authentication needs, as inputs: this room computes nothing itself that
 * depends on a library, and its tests run without any permission.
 *
 * @module
 */

/** Each gives the digest's raw bytes, synchronously. */
export interface Hashes {
  /** 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** 32 bytes. */
  hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** 16 bytes. */
  md5(bytes: Uint8Array): Uint8Array;
}

/** True where both are the same bytes; takes equally long wherever they differ. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** a XOR b, of equal lengths. */
export function xorBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] ?? 0));
}
