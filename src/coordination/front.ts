/**
 * What stands before the runtime's HTTP server: it counts connections, speaks TLS, and hangs up on
 * clients that do not get on with their request.
 *
 * The runtime's server knows no deadline for a request's head, no limit of connections, and no
 * change of certificate. So clients connect here, and each is joined to that server on loopback. It
 * tells this one when a head is complete, which is all that has to be known of HTTP. The server takes
 * nothing from connections that are not ours: see {@linkcode Front.visitorOf}.
 *
 * Addresses that a member's valid signature came from have places of their own, so that strangers
 * cannot keep members from talking to each other by being many.
 *
 * @module
 */
import { closeQuietly, pump, tune } from "./pump.ts";

/** What connections may cost. */
export interface FrontLimits {
  readonly maxConnections: number;
  /** Of `maxConnections`, those that only members' addresses may use. */
  readonly reservedConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** From the first byte of a request, or the beginning of a connection, to the end of its head. */
  readonly headTimeoutMs: number;
  /** A connection on which nothing moves for this long is closed; longer than operators wait. */
  readonly idleTimeoutMs: number;
}

/** Far above what 31 members, load balancers and people need. */
export const DEFAULT_FRONT_LIMITS: FrontLimits = {
  maxConnections: 512,
  reservedConnections: 128,
  maxConnectionsPerAddress: 128,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 150_000,
};

/** Encrypts an accepted connection; null where the handshake fails. */
export type Secure = (
  client: Deno.TcpConn,
) => Promise<
  {
    readonly conn: Deno.Conn;
    /** Resolves when the last byte has been passed on. */
    readonly done: Promise<void>;
  } | null
>;

/** A client, as the server behind knows it. */
export interface Visitor {
  readonly address: Deno.NetAddr;
  /** The head of a request is complete. */
  readonly began: () => void;
  /** The head of its answer is on its way. */
  readonly answered: () => void;
  /** A member's valid signature came over this connection. */
  readonly vouch: () => void;
}

/** A running front. */
export interface Front {
  readonly address: Deno.NetAddr;
  /** Who is behind a connection that came from this local port; null for strangers. */
  readonly visitorOf: (port: number) => Visitor | null;
  /** Ends every connection; resolves when nothing is under way any more. */
  readonly close: () => Promise<void>;
}

interface Connection {
  readonly client: Deno.TcpConn;
  readonly address: string;
  phase: "head" | "handling" | "idle";
  /** When the phase began, and when anything last moved. */
  sinceMs: number;
  movedAtMs: number;
}

const LOOK_EVERY_MS = 500;
const ACCEPT_PAUSE_MS = 100;
const MAX_MEMBER_ADDRESSES = 64;
/** How HTTP/2 begins. Many requests at once on one connection would escape the deadline. */
const HTTP2 = "PRI ";

/**
 * Listens, and joins clients to the server on `innerPort` of loopback.
 *
 * @throws what the system says where it cannot listen
 */
export function openFront(options: {
  readonly host: string;
  readonly port: number;
  /** Where the server is that answers. */
  readonly innerPort: () => number;
  readonly secure: Secure | null;
  readonly limits: FrontLimits;
  /** A monotonic clock, in milliseconds. */
  readonly nowMs: () => number;
}): Front {
  const { host, port, secure, limits, nowMs } = options;
  const listener = Deno.listen({ hostname: host, port });
  const connections = new Set<Connection>();
  const visitors = new Map<number, Visitor>();
  const members = new Set<string>();
  const tasks = new Set<Promise<void>>();
  let closing = false;

  const accepting = (async () => {
    while (!closing) {
      try {
        const client = await listener.accept();
        if (!hasPlaceFor(addressOf(client).hostname)) {
          closeQuietly(client);
          continue;
        }
        const task = serve(client).finally(() => tasks.delete(task));
        tasks.add(task);
      } catch {
        // Out of descriptors, or a client that left before it was accepted: the port stays open.
        if (!closing) await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  })();
  const watch = setInterval(() => {
    for (const connection of connections) {
      if (isLate(connection)) closeQuietly(connection.client);
    }
  }, LOOK_EVERY_MS);

  function hasPlaceFor(address: string): boolean {
    const own = [...connections].filter((connection) => connection.address === address).length;
    const places = limits.maxConnections - (members.has(address) ? 0 : limits.reservedConnections);
    return own < limits.maxConnectionsPerAddress && connections.size < places;
  }

  function isLate({ phase, sinceMs, movedAtMs }: Connection): boolean {
    if (phase === "head" && nowMs() - sinceMs > limits.headTimeoutMs) return true;
    return phase !== "handling" && nowMs() - movedAtMs > limits.idleTimeoutMs;
  }

  async function serve(client: Deno.TcpConn): Promise<void> {
    tune(client);
    const address = addressOf(client);
    const startedAtMs = nowMs();
    const connection: Connection = {
      client,
      address: address.hostname,
      phase: "head",
      sinceMs: startedAtMs,
      movedAtMs: startedAtMs,
    };
    connections.add(connection);
    try {
      const secured = secure === null ? null : await secure(client);
      if (secure !== null && secured === null) return;
      await join(connection, address, secured?.conn ?? client);
      if (secured !== null) {
        closeQuietly(secured.conn);
        await secured.done;
      }
    } finally {
      closeQuietly(client);
      connections.delete(connection);
    }
  }

  async function join(
    connection: Connection,
    address: Deno.NetAddr,
    client: Deno.Conn,
  ): Promise<void> {
    const server = await Deno.connect({ hostname: "127.0.0.1", port: options.innerPort() })
      .catch(() => null);
    if (server === null) return;
    tune(server);
    const enter = (phase: Connection["phase"]) => {
      connection.phase = phase;
      connection.sinceMs = nowMs();
    };
    visitors.set(server.localAddr.port, {
      address,
      began: () => enter("handling"),
      answered: () => enter("idle"),
      vouch() {
        members.add(address.hostname);
        if (members.size > MAX_MEMBER_ADDRESSES) members.delete(members.values().next().value!);
      },
    });
    let isFirst = true;
    const fromClient = (bytes: Uint8Array) => {
      const isHttp2 = isFirst && new TextDecoder("latin1").decode(bytes.subarray(0, 4)) === HTTP2;
      isFirst = false;
      connection.movedAtMs = nowMs();
      if (connection.phase === "idle") enter("head");
      return !isHttp2;
    };
    const fromServer = () => {
      connection.movedAtMs = nowMs();
      return true;
    };
    // Once the server has said its last word, the client has as long to leave as for a head.
    const answering = pump(server, client, fromServer).then(() => enter("head"));
    try {
      await Promise.all([pump(client, server, fromClient), answering]);
    } finally {
      visitors.delete(server.localAddr.port);
      closeQuietly(server);
    }
  }

  return {
    address: listener.addr as Deno.NetAddr,
    visitorOf: (port) => visitors.get(port) ?? null,
    async close() {
      closing = true;
      clearInterval(watch);
      listener.close();
      await accepting;
      for (const { client } of connections) closeQuietly(client);
      await Promise.all([...tasks]);
    },
  };
}

function addressOf(client: Deno.TcpConn): Deno.NetAddr {
  return client.remoteAddr as Deno.NetAddr;
}
