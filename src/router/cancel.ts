/**
 * Cancel requests: whose query is meant, and how a request gets to its server.
 *
 * A key that the router itself gave out means one of its sessions, and leads to the server that the
 * session has at this moment. A key of another member's router goes to that member. Any other is most
 * likely the primary's own, from a session whose exchange was handed through; a wrong key does no
 * harm, since the server ignores it. Nothing is answered, as in PostgreSQL: the client waits for the
 * connection to close, which happens after the server has taken the request.
 *
 * @module
 */
import { type BackendKey, cancelRequestBytes } from "../wire/startup.ts";
import type { Context } from "./context.ts";
import type { RouterOptions, RouteTarget } from "./options.ts";
import { connectServer } from "./server_conn.ts";
import { closeQuietly, read, within, write } from "./socket.ts";

/** Requests under way at one time. They have places of their own, since overload is when they count. */
export const CANCEL_CONNECTIONS = 64;

/** A server, and the key that it knows. */
export interface Located {
  readonly target: RouteTarget;
  readonly key: BackendKey;
}

/** Which session each key belongs to. */
export interface KeyRing {
  /** @param locate where a request with this key goes at this moment, and with which key */
  add(key: BackendKey, locate: () => Located | null): void;
  remove(key: BackendKey): void;
  /** Null where the key is nobody's; `located` is null where its session has no server just now. */
  find(key: BackendKey): { readonly located: Located | null } | null;
}

/** Makes an empty ring; it never holds more keys than there are sessions. */
export function createKeyRing(): KeyRing {
  const sessions = new Map<string, () => Located | null>();
  return {
    add: (key, locate) => void sessions.set(nameOf(key), locate),
    remove: (key) => void sessions.delete(nameOf(key)),
    find(key) {
      const locate = sessions.get(nameOf(key));
      return locate === undefined ? null : { located: locate() };
    },
  };
}

/** Serves cancel requests. Each resolves when the server has closed the connection, or in time. */
export interface Canceller {
  /** From a client: to this router's session, to the member whose key it is, or to the primary. */
  request(key: BackendKey): Promise<void>;
  /** From another member: to this router's session. @returns false where there is none */
  here(key: BackendKey): Promise<boolean>;
}

/** Makes the one canceller of a router. */
export function createCanceller({ keys, ports, options, counters }: Context): Canceller {
  let underWay = 0;
  async function bounded(work: () => Promise<boolean>): Promise<boolean> {
    if (underWay >= CANCEL_CONNECTIONS) return false;
    underWay++;
    try {
      return await work();
    } finally {
      underWay--;
    }
  }
  async function deliver(located: Located): Promise<boolean> {
    const delivered = await deliverCancel(located, options);
    if (delivered) counters.cancelled++;
    return delivered;
  }
  async function here(key: BackendKey): Promise<boolean | null> {
    const found = keys.find(key);
    if (found === null) return null;
    return found.located !== null && await deliver(found.located);
  }
  return {
    async request(key) {
      await bounded(async () => {
        const known = await here(key);
        if (known !== null) return known;
        if (await ports.cancelElsewhere?.(key).catch(() => false)) return true;
        const { primary } = ports.view();
        return primary !== null && await deliver({ key, target: primary });
      });
    },
    here: (key) => bounded(async () => await here(key) ?? false),
  };
}

/**
 * Takes a cancel request to a server, encrypted as sessions are, and resolves when the server has
 * closed the connection.
 *
 * @returns false where it could not be delivered
 */
export async function deliverCancel(
  { key, target }: Located,
  { connectTimeoutMs: timeoutMs, backendTls: tls }: RouterOptions,
): Promise<boolean> {
  const never = new AbortController().signal;
  const connected = await connectServer({ target, tls, timeoutMs, signal: never });
  if (!connected.ok) return false;
  const deliver = async () => {
    if (!await write(connected.conn, cancelRequestBytes(key))) return false;
    const sink = new Uint8Array(64);
    while (await read(connected.conn, sink) !== null);
    return true;
  };
  const delivered = await within(deliver(), timeoutMs);
  closeQuietly(connected.conn);
  return delivered ?? false;
}

function nameOf(key: BackendKey): string {
  return `${key.processId}:${key.secretKey.join(",")}`;
}
