/**
 * The short way to this host's own server: its Unix socket, which costs either end less than TCP does.
 *
 * There the `local` lines of pg_hba.conf decide, and not the `host` lines. Where they do not ask for the
 * proof that the router has (`peer`, `trust`, `reject`), or the socket cannot be reached and the port
 * can, the session goes by TCP as if there was no socket, and so do the next ones of the same role and
 * database, for a minute.
 *
 * @module
 */
import { parseStartup } from "../wire/startup.ts";
import { type BackendOpening, type BackendRequest, openBackend } from "./backend.ts";
import type { RouterPorts } from "./options.ts";

/** Opens a server for a client, the shortest way that leads there. */
export type Opener = (request: BackendRequest) => Promise<BackendOpening>;

/** How long a role and database for which the socket is no way go by TCP. */
const AVOID_MS = 60_000;
/** Above this many of them all are tried anew. */
const MAXIMUM_AVOIDED = 1000;

/** Makes the one opener of a router. */
export function createOpener(
  { socketOf, now, log }: Pick<RouterPorts, "socketOf" | "now" | "log">,
): Opener {
  /** Until when, by role and database. */
  const avoided = new Map<string, number>();
  return async (request) => {
    const { target, startup } = request;
    const path = socketOf?.(target) ?? null;
    if (path === null) return await openBackend(request);
    const who = nameOf(startup);
    const until = avoided.get(who);
    if (until !== undefined && now() < until) return await openBackend(request);
    const near = await openBackend(request, path);
    const problem = socketProblem(near);
    if (problem === null) {
      avoided.delete(who);
      return near;
    }
    const far = await openBackend(request);
    // Where both ways fail it is not for the way.
    if (far.type === "open") {
      if (avoided.size >= MAXIMUM_AVOIDED) avoided.clear();
      if (!avoided.has(who)) {
        log("warning", "local_socket_not_used", {
          node: target.node,
          session: who,
          because: `the socket ${path} ${problem}`,
          remedy:
            "Put `local all all scram-sha-256` into pg_hba.conf, before other local lines that " +
            "fit, or set router.local_socket: false.",
        });
      }
      avoided.set(who, now() + AVOID_MS);
    }
    return far;
  };
}

/** Why a session has to try the other way; null where that would not help. */
function socketProblem(opening: BackendOpening): string | null {
  switch (opening.type) {
    case "trusted":
      return "lets in without a password";
    case "unfit":
      return opening.stale ? null : `is not open to what the router has: ${opening.because}`;
    case "refused":
      return opening.sqlstate?.startsWith("28") ? "is closed by pg_hba.conf" : null;
    case "unavailable":
      return opening.connected === false ? `cannot be reached: ${opening.because}` : null;
    case "open":
    case "unsafe":
      return null;
  }
}

/** As the log shows it: the role, and the database. */
function nameOf(startup: Uint8Array): string {
  const packet = parseStartup(startup);
  if (packet.type !== "startup") return "";
  const user = packet.parameters.get("user") ?? "";
  return `${user}@${packet.parameters.get("database") ?? user}`;
}
