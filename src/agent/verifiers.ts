/**
 * How the router learns what clients must prove.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import type { Config } from "../config/mod.ts";
import type { ClusterKeys } from "../coordination/keys.ts";
import type { LocalServer } from "../postgres/options.ts";
import type { RouteView, Verifiers } from "../router/options.ts";

/**
 * Null where clients are to be judged by the servers themselves: on a witness, which has no login
 * anywhere, and where `router.authentication` is `relay`.
 */
export function clientVerifiers(
  { config, keys, server }: {
    readonly config: Config;
    readonly keys: ClusterKeys;
    readonly server: LocalServer | null;
  },
  routes: () => RouteView,
): Verifiers | null {
  if (server === null || config.router.authentication === "relay") return null;
  const mockSecret = createHmac("sha256", keys.peer[0]).update("stand-in verifiers").digest();
  return {
    mockSecret: new Uint8Array(mockSecret),
    find(user) {
      const { primary } = routes();
      const local = primary === null || primary.node === config.identity.nodeName;
      return server.verifiers.find(user, local ? null : primary);
    },
    forget: server.verifiers.forget,
  };
}
