/**
 * Who may come in this way, before anything is asked or proven: what the list of `router.allow` says of
 * a startup packet, and whether that depends on what the role is. Whether a password is right is
 * another question.
 *
 * @module
 */
import { type Complaint, SQLSTATE } from "../wire/sqlstate.ts";
import type { StartupPacket } from "../wire/startup.ts";
import type { AllowList, Visitor } from "./allow.ts";

type Startup = Extract<StartupPacket, { type: "startup" }>;

// NAMEDATALEN - 1: PostgreSQL cuts longer names, and so must whoever asks about them.
const MAXIMUM_NAME_BYTES = 63;
const NOT_REPLICATION = new Set(["false", "off", "no", "0"]);
const STRICT_DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What can be said of a client before anything is known of its role. */
export type Access =
  | { readonly type: "open" }
  /** Open to roles that are neither superusers nor may replicate; those are told the complaint. */
  | { readonly type: "unprivileged"; readonly otherwise: Complaint }
  | { readonly type: "refused"; readonly complaint: Complaint };

/**
 * Judges a startup packet by who it names and where it comes from.
 *
 * @param address the client's, as the listener sees it
 * @param loopback whether that is on the router's own host
 */
export function judgeAccess(
  { startup, address, loopback, allowed }: {
    readonly startup: Startup;
    readonly address: string;
    readonly loopback: boolean;
    readonly allowed: AllowList;
  },
): Access {
  const { userBytes, parameters } = startup;
  if (userBytes === null || userBytes.length === 0) {
    return refused(
      "the startup packet must name a user, and names none.",
      "Set the user in the connection string.",
    );
  }
  const visitor: Visitor = {
    address,
    loopback,
    user: nameAsServerSeesIt(userBytes),
    database: databaseOf(startup),
  };
  // Nobody can be asked about a name that is no text, so it may be a superuser's.
  const replicates = asksForReplication(parameters.get("replication"));
  const suspect = replicates || visitor.user === null;
  if (allowed.admits(visitor, true)) return { type: "open" };
  if (!allowed.admits(visitor, false)) return keptOut(visitor);
  const who = replicates
    ? "replication"
    : suspect
    ? "a user whose name is not UTF-8"
    : "a superuser or replication role";
  const otherwise = privilegedKeptOut(who, visitor, allowed);
  return suspect ? { type: "refused", complaint: otherwise } : { type: "unprivileged", otherwise };
}

function keptOut({ user, database, address }: Visitor): Access {
  return refused(
    `no entry of router.allow lets user "${user ?? "?"}" into database "${
      database ?? "?"
    }" from ${address}.`,
    "Connect from where there is one, or add an entry.",
  );
}

function privilegedKeptOut(who: string, { address }: Visitor, allowed: AllowList): Complaint {
  return complaint(
    allowed.privilegedFromLoopback
      ? `${who} may connect through the router from loopback only.`
      : `no entry of router.allow with privileged: true lets ${who} in from ${address}.`,
    "Connect from the database host, or straight to PostgreSQL's own port, or use another role.",
  );
}

/** The database that the client wants: by default the one with the user's name. */
function databaseOf({ parameters, userBytes }: Startup): string | null {
  const name = parameters.get("database") ?? "";
  const bytes = name === "" ? userBytes : new TextEncoder().encode(name);
  return bytes === null ? null : nameAsServerSeesIt(bytes);
}

function refused(problem: string, hint: string): Access {
  return { type: "refused", complaint: complaint(problem, hint) };
}

function complaint(problem: string, hint: string): Complaint {
  return {
    sqlstate: SQLSTATE.invalidAuthorization,
    message: `Cannot start a session: ${problem}`,
    hint,
  };
}

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
