/**
 * Where the Unix socket of this node's own server is, for the router.
 *
 * @module
 */
import { socketPath } from "../postgres/postmaster.ts";
import type { RouterPorts } from "../router/options.ts";

/** How old what is known of it may be, before it is looked up again. */
const STALE_MS = 1000;

/**
 * Looks it up beside the sessions that ask, so that none waits for a disk: they are told where it was a
 * moment ago.
 *
 * @param options.wanted `router.local_socket`, which may change
 * @param options.dataDir null where the server's files are not in the agent's hands, and no socket is known
 */
export function ownSocket(
  { node, dataDir, wanted, now }: {
    readonly node: string;
    readonly dataDir: string | null;
    wanted(): boolean;
    now(): number;
  },
): NonNullable<RouterPorts["socketOf"]> {
  let path: string | null = null;
  let lookedAtMs = -Infinity;
  return (target) => {
    if (target.node !== node || dataDir === null || !wanted()) return null;
    if (now() - lookedAtMs >= STALE_MS) {
      lookedAtMs = now();
      void socketPath(dataDir).then((found) => path = found);
    }
    return path;
  };
}
