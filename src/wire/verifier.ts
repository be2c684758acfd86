/**
 * What a server keeps instead of a password (`pg_authid.rolpassword`): enough to check a proof, and
 * the stand-in for roles that do not exist or have no password.
 *
 * @module
 */
import { fromBase64, toBase64 } from "./base64.ts";
import type { Hashes } from "./hashes.ts";

/** A stored verifier. */
export type Verifier =
  | ScramVerifier
  /** 32 hexadecimal digits: md5 of password and user name. */
  | { readonly type: "md5"; readonly digest: string };

/** SCRAM-SHA-256's verifier. */
export interface ScramVerifier {
  readonly type: "scram";
  readonly iterations: number;
  readonly salt: Uint8Array;
  /** 32 bytes. */
  readonly storedKey: Uint8Array;
  /** 32 bytes. */
  readonly serverKey: Uint8Array;
  /** True for a stand-in: every proof fails, whatever the keys say. */
  readonly mock: boolean;
}

const KEY_BYTES = 32;
const MOCK_SALT_BYTES = 16;
/** PostgreSQL's own default, and so what a real verifier almost always has. */
const MOCK_ITERATIONS = 4096;
const MAXIMUM_VERIFIER_CHARS = 4096;
const ENCODER = new TextEncoder();

/**
 * Reads a stored verifier; null where it is neither kind, a plain password included.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseVerifier("md5" + "0".repeat(32)), { type: "md5", digest: "0".repeat(32) });
 * assert.equal(parseVerifier("secret"), null);
 * ```
 */
export function parseVerifier(text: string): Verifier | null {
  if (text.length > MAXIMUM_VERIFIER_CHARS) return null;
  if (/^md5[0-9a-f]{32}$/.test(text)) return { type: "md5", digest: text.slice(3) };
  const parts = /^SCRAM-SHA-256\$([1-9]\d{0,9}):([^$:]+)\$([^$:]+):([^$:]+)$/.exec(text);
  if (parts === null) return null;
  const iterations = Number(parts[1]);
  const [salt, storedKey, serverKey] = parts.slice(2).map(fromBase64);
  if (iterations > 2_147_483_647 || !salt || salt.length === 0) return null;
  if (storedKey?.length !== KEY_BYTES || serverKey?.length !== KEY_BYTES) return null;
  return { type: "scram", iterations, salt, storedKey, serverKey, mock: false };
}

/** Writes a SCRAM verifier as `pg_authid` holds it. */
export function scramVerifierText(
  { iterations, salt, storedKey, serverKey }: ScramVerifier,
): string {
  return `SCRAM-SHA-256$${iterations}:${toBase64(salt)}$${toBase64(storedKey)}:` +
    toBase64(serverKey);
}

/**
 * The stand-in for a role that cannot log in with a password. The same name always gets the same
 * salt, as it would if it existed.
 *
 * @param secret random, the same for as long as names should keep their salts
 */
export function mockVerifier(hashes: Hashes, secret: Uint8Array, user: string): ScramVerifier {
  const salt = hashes.hmacSha256(secret, ENCODER.encode(user)).slice(0, MOCK_SALT_BYTES);
  const keys = new Uint8Array(KEY_BYTES);
  return {
    type: "scram",
    iterations: MOCK_ITERATIONS,
    salt,
    storedKey: keys,
    serverKey: keys,
    mock: true,
  };
}
