/**
 * Cancel requests: which server a key belongs to, and how a request gets there.
 *
 * Keys are the servers' own and travel unchanged, so a request can arrive at any node's router. A key
 * that was handed out through this one leads to its server; any other is most likely the primary's. A
 * wrong key does no harm, since the server ignores it. Nothing is answered, as in PostgreSQL: the
 * client waits for the connection to close, which happens after the server has taken the request.
 *
 * @module
 */
import { type BackendKey, cancelRequestBytes } from "../wire/startup.ts";
import type { RouteTarget } from "./options.ts";
import { closeQuietly, connectWithin, read, within, write } from "./socket.ts";

/** Which server each running session's key belongs to. */
export interface KeyRing {
  add(key: BackendKey, target: RouteTarget): void;
  remove(key: BackendKey): void;
  find(key: BackendKey): RouteTarget | null;
}

/** Makes an empty ring; it never holds more keys than there are sessions. */
export function createKeyRing(): KeyRing {
  const targets = new Map<string, RouteTarget>();
  return {
    add: (key, target) => void targets.set(nameOf(key), target),
    remove: (key) => void targets.delete(nameOf(key)),
    find: (key) => targets.get(nameOf(key)) ?? null,
  };
}

/**
 * Takes a cancel request to a server, and resolves when the server has closed the connection.
 *
 * @returns false where it could not be delivered
 */
export async function deliverCancel(
  key: BackendKey,
  target: RouteTarget,
  timeoutMs: number,
): Promise<boolean> {
  const { host, port } = target;
  const never = new AbortController().signal;
  const connected = await connectWithin({ host, port, timeoutMs, signal: never });
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
