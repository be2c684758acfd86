/**
 * Who may come in this way. PostgreSQL sees the router's address, so its pg_hba can no longer keep
 * powerful roles to their own host; the router does: superusers and replication come from loopback
 * only. Whether a password is right is another question.
 *
 * @module
 */
import { type Complaint, SQLSTATE } from "../wire/sqlstate.ts";
import type { StartupPacket } from "../wire/startup.ts";

type Startup = Extract<StartupPacket, { type: "startup" }>;

// NAMEDATALEN - 1: PostgreSQL cuts longer names, and so must whoever asks about them.
const MAXIMUM_NAME_BYTES = 63;
const NOT_REPLICATION = new Set(["false", "off", "no", "0"]);
const STRICT_DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What can be said of a client before anything is known of its role. */
export type Access =
  | { readonly type: "open" }
  /** Open to roles that are neither superusers nor may replicate. */
  | { readonly type: "unprivileged" }
  | { readonly type: "refused"; readonly complaint: Complaint };

/**
 * Judges a startup packet by where it comes from.
 *
 * @param loopback whether the client is on the router's own host
 */
export function judgeAccess(
  { startup, loopback }: { readonly startup: Startup; readonly loopback: boolean },
): Access {
  if (startup.userBytes === null || startup.userBytes.length === 0) {
    return {
      type: "refused",
      complaint: {
        sqlstate: SQLSTATE.invalidAuthorization,
        message: "Cannot start a session: the startup packet must name a user, and names none.",
        hint: "Set the user in the connection string.",
      },
    };
  }
  if (loopback) return { type: "open" };
  if (asksForReplication(startup.parameters.get("replication"))) {
    return { type: "refused", complaint: fromLoopbackOnly("Replication") };
  }
  return nameAsServerSeesIt(startup.userBytes) === null
    ? { type: "refused", complaint: fromLoopbackOnly("A user whose name is not UTF-8") }
    : { type: "unprivileged" };
}

/** What a superuser or a replication role reads where {@linkcode Access} is "unprivileged". */
export const PRIVILEGED_FROM_AFAR: Complaint = fromLoopbackOnly("A superuser or replication role");

/**
 * True for addresses that only this host itself can connect from.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(isLoopback("127.0.0.1"), true);
 * assert.equal(isLoopback("::ffff:127.0.0.1"), true);
 * assert.equal(isLoopback("192.168.1.101"), false);
 * ```
 */
export function isLoopback(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:/, "");
  return plain === "::1" || /^127(\.\d{1,3}){3}$/.test(plain);
}

/**
 * True where the startup parameter `replication` makes the session a walsender. Whatever is not
 * plainly false counts, since PostgreSQL knows more spellings of true than are worth repeating.
 */
export function asksForReplication(value: string | undefined): boolean {
  return value !== undefined && !NOT_REPLICATION.has(value.toLowerCase());
}

/** The role's name after PostgreSQL has cut it to 63 bytes; null where that is not UTF-8. */
export function nameAsServerSeesIt(bytes: Uint8Array): string | null {
  try {
    return STRICT_DECODER.decode(bytes.subarray(0, MAXIMUM_NAME_BYTES));
  } catch {
    return null;
  }
}

function fromLoopbackOnly(who: string): Complaint {
  return {
    sqlstate: SQLSTATE.invalidAuthorization,
    message: `Cannot start a session: ${who} may connect through the router from loopback only.`,
    hint:
      "Connect from the database host, or straight to PostgreSQL's own port, or use another role.",
  };
}
