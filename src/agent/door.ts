/**
 * The router of this node, wired: where clients come in.
 *
 * @module
 */
import type { PeerClient } from "../coordination/client.ts";
import type { Router } from "../router/options.ts";
import { startRouter } from "../router/router.ts";
import type { Parser } from "../sql/parser.ts";
import { cancelElsewhere } from "./cancels.ts";
import { clientRoles, roleReader } from "./client_roles.ts";
import { monotonicMs } from "./clock.ts";
import type { NodeOptions } from "./node_options.ts";
import { ownSocket } from "./own_socket.ts";
import { routerOptions } from "./plan.ts";
import type { RouteTracker } from "./routes.ts";

/** What the router needs of its node. */
export type DoorOptions = Pick<
  NodeOptions,
  "config" | "tls" | "serverAuthority" | "keys" | "server" | "log"
>;

/** A router that listens. */
export interface Door {
  readonly ok: true;
  readonly router: Router;
  /** Tells every client, and resolves when all sockets are closed. */
  close(): Promise<void>;
}

/** Opens it. */
export function openDoor(
  options: DoorOptions,
  { routes, client, parser }: {
    readonly routes: RouteTracker;
    readonly client: Pick<PeerClient, "cancel">;
    readonly parser: Parser | null;
  },
): Door | { readonly ok: false; readonly because: string } {
  const { config, keys, server, log } = options;
  const others = config.members.filter(({ self }) => !self).map(({ nodeName }) => nodeName);
  const reader = roleReader(config, server);
  const started = startRouter(routerOptions(config, options), {
    view: routes.current,
    onChange: routes.onChange,
    roles: clientRoles({ config, keys, reader }, routes.current),
    cancelElsewhere: cancelElsewhere(others, client),
    socketOf: ownSocket({
      node: config.identity.nodeName,
      dataDir: server?.dataDir ?? null,
      wanted: () => config.router.localSocket,
      now: monotonicMs,
    }),
    parser,
    now: monotonicMs,
    random: Math.random,
    log,
  });
  if (!started.ok) return started;
  const { router } = started;
  if (config.router.localSocket && server !== null && server.dataDir === null) {
    log("warning", "local_socket_not_used", {
      because:
        "where it is stands in the server's data directory, which is not in the agent's hands",
      remedy: "Set local_db.data_dir, or router.local_socket: false.",
    });
  }
  return {
    ok: true,
    router,
    async close() {
      await router.close();
      reader?.close();
    },
  };
}
