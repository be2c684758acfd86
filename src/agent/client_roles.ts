/**
 * How the router learns who a client may be, and what it must prove.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import type { Config } from "../config/mod.ts";
import type { ClusterKeys } from "../coordination/keys.ts";
import type { LocalServer } from "../postgres/options.ts";
import { openRoleReader, type RoleReader } from "../postgres/role_reader.ts";
import type { Roles, RouteView } from "../router/options.ts";

/**
 * Where roles are asked about: at the primary and the local server, on a witness at the primary
 * alone, as the login that its configuration gives it.
 *
 * @returns null on a witness without a login
 */
export function roleReader(config: Config, server: LocalServer | null): RoleReader | null {
  const { witnessLogin: login, router } = config;
  if (server !== null || login === null) return server?.roles ?? null;
  const passwords = router.authentication === "verify";
  const limits = {
    get timeoutMs() {
      return config.healthCheck.timeoutMs;
    },
  };
  return openRoleReader({ login, passwords, limits }, null);
}

/**
 * Verifies wherever somebody can be asked; hands the client's own exchange through to the server
 * where nobody can, or where `router.authentication` is `relay`.
 *
 * @param options.reader null where this node has no login at any server
 */
export function clientRoles(
  { config, keys, reader }: {
    readonly config: Config;
    readonly keys: ClusterKeys;
    readonly reader: RoleReader | null;
  },
  routes: () => RouteView,
): Roles {
  const relays = reader === null || config.router.authentication === "relay";
  const mockSecret = createHmac("sha256", keys.peer[0]).update("stand-in verifiers").digest();
  return {
    mockSecret: relays ? null : new Uint8Array(mockSecret),
    find(user) {
      if (reader === null) return Promise.resolve(NOBODY_TO_ASK);
      const { primary } = routes();
      const local = primary === null || primary.node === config.identity.nodeName;
      return reader.find(user, local ? null : primary);
    },
    forget: (user) => reader?.forget(user),
  };
}

const NOBODY_TO_ASK = {
  ok: false,
  because: "this node is a witness without a database login, so it cannot tell who is a superuser",
  remedy: "Connect to another member, or give this one local_db.username and local_db.password.",
} as const;
