/**
 * The md5 exchange: the answer to a salt is a digest over the stored digest, so whoever has the
 * verifier can play either side.
 *
 * @module
 */
import { concatBytes } from "./bytes.ts";
import type { Hashes } from "./hashes.ts";

const ENCODER = new TextEncoder();

/**
 * The password message's text that answers `salt`.
 *
 * @param digest the stored verifier without its `md5`: 32 hexadecimal digits
 * @param salt 4 bytes
 */
export function md5Answer(hashes: Hashes, digest: string, salt: Uint8Array): string {
  return `md5${hexOf(hashes.md5(concatBytes([ENCODER.encode(digest), salt])))}`;
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
