/**
 * A router in front of fake servers, and a client that speaks the protocol by hand. Everything is on
 * loopback, on ports that the system chose.
 *
 * @module
 */
import assert from "node:assert/strict";
import type {
  Roles,
  Router,
  RouterOptions,
  RouterPorts,
  RouteTarget,
  RouteView,
} from "../../src/router/options.ts";
import { startRouter } from "../../src/router/router.ts";
import { concatBytes, messageBytes, readInt32 } from "../../src/wire/bytes.ts";
import { fatalBytes, parseErrorFields } from "../../src/wire/errors.ts";
import {
  authenticationBytes,
  backendKeyDataBytes,
  parameterStatusBytes,
  readyForQueryBytes,
  type TransactionStatus,
} from "../../src/wire/messages.ts";
import { type BackendKey, parseStartup, startupBytes } from "../../src/wire/startup.ts";

/** A whole message, or null at the end of the stream. */
export type Message = { readonly code: string; readonly payload: Uint8Array } | null;

/** One end of a connection that speaks in whole messages. */
export class Peer {
  #buffered: Uint8Array = new Uint8Array(0);
  constructor(readonly conn: Deno.TcpConn) {}

  static async connect(port: number): Promise<Peer> {
    return new Peer(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  async send(...parts: Uint8Array[]): Promise<void> {
    const bytes = concatBytes(parts);
    for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
  }

  async #more(): Promise<boolean> {
    const chunk = new Uint8Array(65_536);
    const count = await this.conn.read(chunk).catch(() => null);
    if (count === null) return false;
    this.#buffered = concatBytes([this.#buffered, chunk.subarray(0, count)]);
    return true;
  }

  /** The first packet, which has no type byte. */
  async startup(): Promise<ReturnType<typeof parseStartup>> {
    for (;;) {
      const parsed = parseStartup(this.#buffered);
      if (parsed.type !== "incomplete") {
        if (parsed.type !== "invalid") this.#buffered = this.#buffered.subarray(parsed.bytes);
        return parsed;
      }
      if (!await this.#more()) return parsed;
    }
  }

  /** Exactly `count` bytes, or fewer at the end. */
  async bytes(count: number): Promise<Uint8Array> {
    while (this.#buffered.length < count && await this.#more());
    const taken = this.#buffered.subarray(0, count);
    this.#buffered = this.#buffered.subarray(taken.length);
    return taken;
  }

  async message(): Promise<Message> {
    const header = await this.bytes(5);
    if (header.length < 5) return null;
    const payload = await this.bytes(readInt32(header, 1) - 4);
    return { code: String.fromCharCode(header[0]!), payload };
  }

  /** Reads messages up to one of type `code`; null where the stream ended before it. */
  async until(code: string): Promise<Message> {
    for (;;) {
      const message = await this.message();
      if (message === null || message.code === code) return message;
    }
  }

  /** The SQLSTATE and text of the next ErrorResponse, and whether the stream ended behind it. */
  async fatal(): Promise<{ sqlstate: string | null; message: string; ended: boolean }> {
    const message = await this.until("E");
    assert.notEqual(message, null, "the stream ended without an ErrorResponse");
    const { sqlstate, message: text } = parseErrorFields(message!.payload);
    return { sqlstate, message: text ?? "", ended: await this.message() === null };
  }

  /** Starts a session up to ReadyForQuery, against a fake server that wants a password. */
  async login(parameters: Record<string, string> = { user: "app" }): Promise<void> {
    await this.send(startupBytes(parameters));
    const challenge = await this.message();
    assert.equal(challenge?.code, "R");
    await this.send(messageBytes("p", new TextEncoder().encode("secret\0")));
    assert.notEqual(await this.until("Z"), null);
  }

  close(): void {
    try {
      this.conn.close();
    } catch {
      // Closed already.
    }
  }
}

/** How a fake server greets. */
export type Manner = "password" | "trust" | "refuses" | "starting" | "leaves" | "silent";

/** A fake server. */
export interface FakeServer {
  readonly target: RouteTarget;
  manner: Manner;
  /** What it answers to a Query; the default is CommandComplete and ReadyForQuery. */
  answer: (peer: Peer, query: string) => Promise<void>;
  readonly sessions: Peer[];
  readonly startups: ReadonlyMap<string, string>[];
  readonly cancels: BackendKey[];
  /** Types of the messages that it got after the startup, in order. */
  readonly received: string[];
  close(): Promise<void>;
}

/** The key that a fake server gives to its n-th session. */
export function keyOf(node: string, n: number): BackendKey {
  return { processId: n, secretKey: new TextEncoder().encode(node.padEnd(8, "-")) };
}

/** Answers a query as if it had done something. */
export async function complete(peer: Peer, status: TransactionStatus = "idle"): Promise<void> {
  await peer.send(messageBytes("C", new TextEncoder().encode("OK\0")), readyForQueryBytes(status));
}

/** Starts a fake server; with `port` on that one. */
export function fakeServer(node: string, manner: Manner = "password", port = 0): FakeServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const peers = new Set<Peer>();
  const tasks: Promise<void>[] = [];
  const server: FakeServer = {
    target: { node, host: "127.0.0.1", port: listener.addr.port },
    manner,
    answer: (peer) => complete(peer),
    sessions: [],
    startups: [],
    cancels: [],
    received: [],
    async close() {
      listener.close();
      await accepting;
      for (const peer of peers) peer.close();
      await Promise.all(tasks);
    },
  };
  const accepting = (async () => {
    for (;;) {
      const conn = await listener.accept().catch(() => null);
      if (conn === null) return;
      const peer = new Peer(conn);
      peers.add(peer);
      tasks.push(serve(server, peer).catch(() => {}).finally(() => peer.close()));
    }
  })();
  return server;
}

async function serve(server: FakeServer, peer: Peer): Promise<void> {
  const first = await peer.startup();
  if (first.type === "cancel_request") server.cancels.push(first.key);
  if (first.type !== "startup") return;
  server.startups.push(first.parameters);
  switch (server.manner) {
    case "leaves":
      return;
    case "silent":
      await peer.message();
      return;
    case "refuses":
      return await peer.send(fatalBytes({ sqlstate: "28000", message: "no entry for you" }));
    case "starting":
      return await peer.send(fatalBytes({ sqlstate: "57P03", message: "starting up" }));
    case "password":
      await peer.send(authenticationBytes("cleartext_password"));
      if ((await peer.message())?.code !== "p") return;
      break;
    case "trust":
      break;
  }
  server.sessions.push(peer);
  await peer.send(
    authenticationBytes("ok"),
    parameterStatusBytes("node", server.target.node),
    backendKeyDataBytes(keyOf(server.target.node, server.sessions.length)),
    readyForQueryBytes("idle"),
  );
  for (;;) {
    const message = await peer.message();
    if (message === null) return;
    server.received.push(message.code);
    if (message.code === "X") return;
    if (message.code === "Q") {
      await server.answer(peer, new TextDecoder().decode(message.payload.subarray(0, -1)));
    }
  }
}

/** A router, its view, and the switches of the test. */
export interface Bench {
  readonly router: Router;
  readonly port: number;
  readonly readOnlyPort: number;
  setView(change: Partial<RouteView>): void;
  readonly logged: string[];
}

/** Options with short limits. */
export const OPTIONS: RouterOptions = {
  node: "here",
  host: "127.0.0.1",
  port: 0,
  primaryPort: 0,
  readOnlyPort: 0,
  writeTimeoutMs: 2000,
  readTimeoutMs: 2000,
  algorithm: "round_robin",
  localNodePreference: 0,
  splitting: true,
  readConsistency: "session",
  opaqueSessions: "pin",
  maximumReadLagBytes: null,
  idleTimeoutMs: 0,
  idleInTransactionTimeoutMs: 0,
  queryTimeoutMs: 0,
  maximumConnections: 100,
  maximumConnectionsPerUser: null,
  maximumPendingPerAddress: 100,
  maximumWaiting: 100,
  allow: [
    { action: "allow", networks: ["loopback"], databases: null, users: null, privileged: true },
    { action: "allow", networks: null, databases: null, users: null, privileged: false },
  ],
  allowTrustedBackend: false,
  tls: null,
  requireTls: false,
  backendTls: null,
  startupTimeoutMs: 2000,
  connectTimeoutMs: 1000,
};

/** Roles whose exchange the servers judge; `isPrivileged` says which are superusers. */
export function relaying(isPrivileged: (user: string) => boolean): Roles {
  return {
    mockSecret: null,
    find: (user) => Promise.resolve({ ok: true, privileged: isPrivileged(user), stored: null }),
    forget: () => {},
  };
}

/** Runs `body` with a router, and closes everything afterwards. */
export async function withRouter(
  { view = {}, options = {}, ports = {}, servers = [] }: {
    view?: Partial<RouteView>;
    options?: Partial<RouterOptions>;
    ports?: Partial<RouterPorts>;
    servers?: readonly FakeServer[];
  },
  body: (bench: Bench) => Promise<void>,
): Promise<void> {
  let current: RouteView = {
    term: 1,
    primary: servers[0]?.target ?? null,
    because: "no leader is known",
    yielding: null,
    standbys: [],
    ...view,
  };
  const listeners = new Set<() => void>();
  const logged: string[] = [];
  const started = startRouter({ ...OPTIONS, ...options }, {
    view: () => current,
    onChange(callback) {
      listeners.add(callback);
      return () => listeners.delete(callback);
    },
    roles: relaying((user) => user === "postgres"),
    now: () => performance.now(),
    random: () => 0.5,
    log: (level, event, fields) => logged.push(`${level} ${event} ${fields?.because ?? ""}`),
    ...ports,
  });
  if (!started.ok) throw new Error(started.because);
  const { router } = started;
  try {
    await body({
      router,
      port: router.address.port,
      readOnlyPort: router.readOnlyAddress?.port ?? 0,
      logged,
      setView(change) {
        current = { ...current, ...change };
        for (const listener of [...listeners]) listener();
      },
    });
    assert.deepEqual(logged.filter((line) => line.startsWith("error")), []);
  } finally {
    await router.close();
    await Promise.all(servers.map((server) => server.close()));
  }
}

/** Resolves when `condition` holds; fails after two seconds. */
export async function eventually(what: string, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (condition()) return;
    await pause(5);
  }
  assert.fail(`did not come about: ${what}`);
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
