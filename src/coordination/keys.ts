/**
 * The keys that sign: derived from one cluster secret, one key per purpose, two while rotating.
 *
 * The members share `security.cluster_secret`. Where there is none, the secret is stretched with
 * scrypt out of the database credentials that all members share anyway, salted with the cluster's
 * name; such a key is only as good as the password, which the returned `weakness` says.
 *
 * HKDF then separates the purposes, so that what signs an operator's request cannot sign a
 * member's. Each purpose has its current key first and, during a rotation, the previous one.
 * Senders sign with both and receivers accept either, so one pass over the members with (new,
 * previous) and a second that drops the previous changes the secret without a gap: whatever the
 * order, two members always have a key in common. See {@link ./signature.ts}.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createSecretKey, hkdfSync, type KeyObject, scryptSync } from "node:crypto";

/** One or two keys of a purpose, the current one first. Printing a `KeyObject` shows no secret. */
export type KeyRing = readonly [KeyObject, ...KeyObject[]];

/** The keys of a cluster, by purpose. */
export interface ClusterKeys {
  /** Signs what members say to each other. */
  readonly peer: KeyRing;
  /** Signs what operators ask for, and the answers to them. */
  readonly operator: KeyRing;
}

/** The database user that all members share. */
export interface DatabaseCredentials {
  readonly username: string;
  readonly password: string;
}

/** Where the keys come from. */
export interface KeySources {
  readonly clusterName: string;
  /** `security.cluster_secret`; null derives it from `database`. */
  readonly clusterSecret: string | null;
  /** `security.previous_cluster_secret`; accepted and also signed with while it is there. */
  readonly previousClusterSecret: string | null;
  readonly database: DatabaseCredentials;
  /**
   * The credentials before a change of the password, or the present ones while moving from a
   * derived secret to a real one. Ignored where `previousClusterSecret` is set.
   */
  readonly previousDatabase?: DatabaseCredentials | null;
}

/** Keys, and what is weak about them in a sentence for the log; null where nothing is. */
export interface DerivedKeys {
  readonly keys: ClusterKeys;
  readonly weakness: string | null;
}

/** scrypt's cost: some 100 ms and 32 MiB, once per process and derived secret (RFC 7914). */
const SCRYPT = { N: 1 << 15, r: 8, p: 1, maxmem: 64 << 20 };

/** A secret shorter than this can be searched for by somebody who recorded one request. */
const MIN_SECRET_LENGTH = 20;

/**
 * Derives the cluster's keys. Takes some 100 ms per secret that comes from credentials.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const { weakness } = deriveKeys({
 *   clusterName: "orders",
 *   clusterSecret: null,
 *   previousClusterSecret: null,
 *   database: { username: "postgres", password: "correct horse" },
 * });
 * assert.match(weakness ?? "", /only as good as the database password/);
 * ```
 */
export function deriveKeys(sources: KeySources): DerivedKeys {
  const { clusterName, clusterSecret, previousClusterSecret, database } = sources;
  const previousDatabase = sources.previousDatabase ?? null;
  const secrets = [
    clusterSecret === null ? stretch(database, clusterName) : plain(clusterSecret),
    ...(previousClusterSecret !== null
      ? [plain(previousClusterSecret)]
      : previousDatabase !== null
      ? [stretch(previousDatabase, clusterName)]
      : []),
  ] as const;
  const ring = (purpose: string): KeyRing => {
    const [current, ...previous] = secrets.map((secret) => expand(secret, clusterName, purpose));
    return [current!, ...previous];
  };
  return {
    keys: { peer: ring("peer"), operator: ring("operator") },
    weakness: describeWeakness(clusterSecret),
  };
}

function describeWeakness(clusterSecret: string | null): string | null {
  if (clusterSecret === null) {
    return "security.cluster_secret is not set: the key that members sign with is derived from " +
      "the database credentials and is only as good as the database password. Set " +
      "security.cluster_secret (or cluster_secret_file) to the same random text on every member.";
  }
  if (clusterSecret.length < MIN_SECRET_LENGTH) {
    return `security.cluster_secret must be ≥ ${MIN_SECRET_LENGTH} characters to withstand ` +
      `guessing, has ${clusterSecret.length}. Replace it by a random text and keep the present ` +
      "one as security.previous_cluster_secret until every member has both.";
  }
  return null;
}

function plain(secret: string): Uint8Array {
  return new TextEncoder().encode(secret);
}

function stretch({ username, password }: DatabaseCredentials, clusterName: string): Uint8Array {
  const passphrase = JSON.stringify([username, password]);
  return scryptSync(passphrase, `metako cluster ${clusterName}`, 32, SCRYPT);
}

function expand(secret: Uint8Array, clusterName: string, purpose: string): KeyObject {
  const bytes = hkdfSync("sha256", secret, `metako ${clusterName}`, `metako/1 ${purpose}`, 32);
  return createSecretKey(Buffer.from(bytes));
}
