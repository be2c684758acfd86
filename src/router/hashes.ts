/**
 * The hash functions and random bytes of authentication, from the runtime.
 *
 * @module
 */
import { createHash, createHmac, randomBytes } from "node:crypto";
import { toBase64 } from "../wire/base64.ts";
import type { Hashes } from "../wire/hashes.ts";

/** The runtime's own. */
export const HASHES: Hashes = {
  sha256: (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()),
  hmacSha256: (key, bytes) => new Uint8Array(createHmac("sha256", key).update(bytes).digest()),
  md5: (bytes) => new Uint8Array(createHash("md5").update(bytes).digest()),
};

/** Bytes that nobody can foresee. */
export function secretBytes(count: number): Uint8Array {
  return new Uint8Array(randomBytes(count));
}

/** A SCRAM nonce: 18 random bytes in base64, which never holds a comma. */
export function newNonce(): string {
  return toBase64(secretBytes(18));
}
