/**
 * The list of who may come in: the first entry that fits decides, and where none does nobody comes in.
 *
 * PostgreSQL sees the router's address, so its pg_hba can no longer tell clients' hosts apart; this
 * list does it instead. An entry that does not say so fits no superuser and no replication.
 *
 * @module
 */
import { BlockList, isIPv4 } from "node:net";
import type { AllowEntry } from "./options.ts";

/** A client at the door. */
export interface Visitor {
  readonly address: string;
  readonly loopback: boolean;
  /** The names as PostgreSQL sees them; null where they are not UTF-8, which only an open entry fits. */
  readonly user: string | null;
  readonly database: string | null;
}

/** The list, made ready for questions. */
export interface AllowList {
  /**
   * @param privileged whether the visitor is a superuser, may replicate, or asks for replication
   * @returns false where an entry rejects it, or none fits
   */
  admits(visitor: Visitor, privileged: boolean): boolean;
  /** True where superusers and replication come in from loopback, if at all. */
  readonly privilegedFromLoopback: boolean;
}

/**
 * Prepares a list.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const everywhere = { action: "allow", networks: null, databases: null, users: null } as const;
 * const list = createAllowList([
 *   { ...everywhere, networks: ["loopback"], privileged: true },
 *   { ...everywhere, networks: [{ address: "10.0.0.0", prefixBits: 8 }], privileged: false },
 * ]);
 * const visitor = { address: "10.1.2.3", loopback: false, user: "app", database: "shop" };
 * assert.equal(list.admits(visitor, false), true);
 * assert.equal(list.admits(visitor, true), false);
 * assert.equal(list.admits({ ...visitor, address: "11.1.2.3" }, false), false);
 * ```
 */
export function createAllowList(entries: readonly AllowEntry[]): AllowList {
  const prepared = entries.map((entry) => ({ entry, holds: originTest(entry) }));
  return {
    admits(visitor, privileged) {
      const found = prepared.find(({ entry, holds }) =>
        (entry.action === "reject" || entry.privileged || !privileged) &&
        holds(visitor) && names(entry.databases, visitor.database) &&
        names(entry.users, visitor.user)
      );
      return found?.entry.action === "allow";
    },
    privilegedFromLoopback: entries.every(({ action, privileged, networks }) =>
      action === "reject" || !privileged || networks?.every((origin) => origin === "loopback")
    ),
  };
}

function names(listed: readonly string[] | null, name: string | null): boolean {
  return listed === null || (name !== null && listed.includes(name));
}

function originTest({ networks }: AllowEntry): (visitor: Visitor) => boolean {
  if (networks === null) return () => true;
  const list = new BlockList();
  for (const origin of networks) {
    if (origin === "loopback") continue;
    list.addSubnet(origin.address, origin.prefixBits, familyOf(origin.address));
  }
  const loopback = networks.includes("loopback");
  return (visitor) => {
    if (loopback && visitor.loopback) return true;
    const address = plainAddress(visitor.address);
    return address !== "" && list.check(address, familyOf(address));
  };
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}

/** Without the interface of a link-local address, and an IPv4 address as such. */
function plainAddress(address: string): string {
  return address.replace(/%.*$/, "").replace(/^::ffff:(?=\d+\.)/i, "");
}
