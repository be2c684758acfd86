/**
 * The router's sessions as operators read them.
 *
 * @module
 */
import type { SessionPorts } from "../coordination/session_routes.ts";
import type { NodeName } from "../core/record.ts";
import type { Router } from "../router/options.ts";

/** Tells of a router that may not be there yet. */
export function sessionPorts(
  node: NodeName,
  router: () => Pick<Router, "sessions" | "kill"> | null,
): Omit<SessionPorts, "log"> {
  return {
    sessions(limit) {
      const all = router()?.sessions() ?? [];
      const sessions = all.slice(0, limit).map((
        { purpose, ageMs, node: server, waitsBecause, ...rest },
      ) => ({
        ...rest,
        port: purpose,
        age_ms: Math.round(ageMs),
        server,
        waits_because: waitsBecause,
      }));
      return { node, total: all.length, sessions };
    },
    killSession: (id) => router()?.kill(id) ?? false,
  };
}
