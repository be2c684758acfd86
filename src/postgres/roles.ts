/**
 * The replication role and the application's database.
 *
 * The password goes to the server as a SCRAM verifier that is computed here, so that no setting of
 * `log_statement` can write it into a log. RFC 5802, and PostgreSQL's `scram_build_secret`.
 *
 * @module
 */
import { identifier, literal, type Session } from "./connection.ts";
import type { PostgresOptions } from "./options.ts";
import { done, failed, type Step } from "./outcome.ts";

const ITERATIONS = 4096;

/** Creates the replication role where it is missing; one that exists is left as it is. */
export async function ensureReplicationRole(
  session: Session,
  options: PostgresOptions,
): Promise<Step<null>> {
  const { replicationUser, replicationPassword } = options;
  const found = await session.query(
    `select 1 from pg_roles where rolname = ${literal(replicationUser)}`,
  );
  if (!found.ok) return found;
  if (found.rows.length > 0) return done(null);
  const verifier = await scramVerifier(
    replicationPassword,
    crypto.getRandomValues(new Uint8Array(16)),
  );
  const made = await session.query(
    `create role ${identifier(replicationUser)} login replication password ${literal(verifier)}`,
  );
  if (made.ok || made.code === "42710") return done(null);
  return failed(`Cannot create the replication role ${replicationUser}: ${made.because}`);
}

/** Creates the application's database where it is missing. */
export async function ensureDatabase(
  session: Session,
  { database }: PostgresOptions,
): Promise<Step<null>> {
  const found = await session.query(
    `select 1 from pg_database where datname = ${literal(database)}`,
  );
  if (!found.ok) return found;
  if (found.rows.length > 0) return done(null);
  const made = await session.query(`create database ${identifier(database)}`, 60_000);
  if (made.ok || made.code === "42P04") return done(null);
  return failed(`Cannot create the database ${database}: ${made.because}`);
}

/**
 * What `pg_authid.rolpassword` holds for a password.
 *
 * @param salt 16 random bytes
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const verifier = await scramVerifier("pencil", new Uint8Array(16));
 * assert.match(verifier, /^SCRAM-SHA-256\$4096:A{22}==\$[\w+/]{43}=:[\w+/]{43}=$/);
 * ```
 */
export async function scramVerifier(password: string, salt: Uint8Array): Promise<string> {
  const text = new TextEncoder().encode(password.normalize("NFKC"));
  const material = await crypto.subtle.importKey("raw", text, "PBKDF2", false, ["deriveBits"]);
  const salted = await crypto.subtle.deriveBits(
    { name: "PBKDF2", hash: "SHA-256", salt: salt.slice(), iterations: ITERATIONS },
    material,
    256,
  );
  const stored = await crypto.subtle.digest("SHA-256", await hmac(salted, "Client Key"));
  const server = await hmac(salted, "Server Key");
  return `SCRAM-SHA-256$${ITERATIONS}:${base64(salt)}$${base64(stored)}:${base64(server)}`;
}

async function hmac(key: ArrayBuffer, text: string): Promise<ArrayBuffer> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return await crypto.subtle.sign("HMAC", imported, new TextEncoder().encode(text));
}

function base64(bytes: ArrayBuffer | Uint8Array): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}
