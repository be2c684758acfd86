/**
 * The router: listeners, the sessions behind them, and what moves them all at once.
 *
 * Every node's port leads to the current primary, whichever node that is. The agent's view is the
 * only truth: at each change of it every session is compared with it and ended where it no longer
 * holds, so writes stop here the moment this node can no longer vouch for the primary.
 *
 * @module
 */
import { type Complaint, SQLSTATE } from "../wire/sqlstate.ts";
import { CANCEL_CONNECTIONS, type Canceller, createCanceller } from "./cancel.ts";
import { type Context, createContext, sessionsByNode } from "./context.ts";
import { greet } from "./greet.ts";
import { keepLimits } from "./limits.ts";
import type { RouterAddress, RouterOptions, RouterPorts, RouterStart } from "./options.ts";
import { createPendingCount, type PendingCount } from "./pending.ts";
import type { Purpose } from "./route.ts";
import { heldComplaint, refuse, runSession } from "./session.ts";
import { closeQuietly, tune, within } from "./socket.ts";
import { openTlsDesk, type SecureChannel, type TlsDesk } from "./tls.ts";

/** Connections beyond the sessions: clients in their first seconds, and those being refused. */
const STARTUP_CONNECTIONS = 128;
const ACCEPT_PAUSE_MS = 100;
/** Twice what a last word may take: one for a client, one for its server. */
const FAREWELL_MS = 2000;

/**
 * Starts to listen.
 *
 * @returns the running router, or why a port could not be opened and what to do about it
 */
export function startRouter(options: RouterOptions, ports: RouterPorts): RouterStart {
  const secured = options.tls === null ? null : openTlsDesk(options.tls);
  if (secured?.ok === false) return secured;
  const tls = secured?.desk ?? null;
  const context = createContext(options, ports);
  const listeners: { listener: Deno.TcpListener; purpose: Purpose }[] = [];
  const open: [Purpose, number | null][] = [
    ["primary", options.port],
    ["primary_only", options.primaryPort],
    ["read_only", options.readOnlyPort],
  ];
  for (const [purpose, port] of open) {
    if (port === null) continue;
    try {
      listeners.push({ listener: Deno.listen({ hostname: options.host, port }), purpose });
    } catch (error) {
      for (const { listener } of listeners) listener.close();
      tls?.close();
      return { ok: false, because: listenProblem(options.host, port, purpose, error) };
    }
  }
  const desk = createDesk(context, tls);
  const accepting = listeners.map(({ listener, purpose }) => acceptAll(desk, listener, purpose));
  const unsubscribe = ports.onChange(() => {
    const closed = [...context.sessions].filter((session) => session.reconsider()).length;
    if (closed > 0) {
      const { term, because } = ports.view();
      ports.log("info", "sessions_closed", { outcome: "done", sessions: closed, term, because });
    }
    context.waitingRoom.wake();
  });
  const leaveLimits = keepLimits(context);
  let closed: Promise<void> | null = null;
  const addressOf = (purpose: Purpose): RouterAddress | null => {
    const found = listeners.find((entry) => entry.purpose === purpose);
    if (found === undefined) return null;
    const { hostname, port } = found.listener.addr as Deno.NetAddr;
    return { host: hostname, port };
  };
  return {
    ok: true,
    router: {
      address: addressOf("primary")!,
      primaryAddress: addressOf("primary_only"),
      readOnlyAddress: addressOf("read_only"),
      statistics: () => ({
        sessions: context.sessions.size,
        waiting: context.waitingRoom.size(),
        ...context.waitingRoom.totals(),
        ...context.counters,
        byNode: sessionsByNode(context),
        queries: Object.fromEntries(context.queries),
      }),
      sessions: () =>
        [...context.sessions].map(({ card, route }) => {
          const { sinceMs, admitted: _, ...shown } = card;
          return { ...shown, ageMs: ports.now() - sinceMs, node: route?.target.node ?? null };
        }),
      kill(id) {
        const found = [...context.sessions].find(({ card }) => card.id === id);
        found?.end(KILLED);
        return found !== undefined;
      },
      cancel: desk.canceller.here,
      hold(because) {
        context.held = because;
        for (const session of [...context.sessions]) session.drain(heldComplaint(because));
      },
      renewTls: (certificate) =>
        tls === null ? "the router was started without TLS" : tls.renew(certificate),
      release() {
        context.held = null;
        for (const session of [...context.sessions]) session.drain(null);
        context.waitingRoom.wake();
      },
      close() {
        closed ??= (async () => {
          desk.closing = true;
          unsubscribe();
          leaveLimits();
          for (const { listener } of listeners) listener.close();
          await Promise.all(accepting);
          for (const client of desk.greeting) closeQuietly(client);
          for (const session of [...context.sessions]) session.end(SHUTDOWN);
          await within(Promise.all([...desk.tasks]), options.connectTimeoutMs + FAREWELL_MS);
          tls?.close();
        })();
        return closed;
      },
    },
  };
}

/** What the accept loops share. */
interface Desk {
  readonly context: Context;
  readonly tls: TlsDesk | null;
  readonly canceller: Canceller;
  readonly pending: PendingCount;
  /** Clients that have not said yet who they are. */
  readonly greeting: Set<Deno.TcpConn>;
  /** Everything that is under way for a client. */
  readonly tasks: Set<Promise<void>>;
  closing: boolean;
}

const SHUTDOWN: Complaint = {
  sqlstate: SQLSTATE.adminShutdown,
  message: "This session is closed: the router on this node is shutting down.",
  hint: "Connect to another node's router.",
};

const KILLED: Complaint = {
  sqlstate: SQLSTATE.adminShutdown,
  message: "This session is closed: an operator ended it.",
};

function createDesk(context: Context, tls: TlsDesk | null): Desk {
  const canceller = createCanceller(context);
  const pending = createPendingCount(() => context.options.maximumPendingPerAddress);
  return {
    context,
    tls,
    canceller,
    pending,
    greeting: new Set(),
    tasks: new Set(),
    closing: false,
  };
}

async function acceptAll(
  desk: Desk,
  listener: Deno.TcpListener,
  purpose: Purpose,
): Promise<void> {
  const { options, ports } = desk.context;
  const limit = options.maximumConnections + STARTUP_CONNECTIONS + CANCEL_CONNECTIONS;
  while (!desk.closing) {
    let client: Deno.TcpConn;
    try {
      client = await listener.accept();
    } catch (error) {
      if (desk.closing) return;
      // Out of file descriptors, or a client that left before it was accepted: the port stays open.
      ports.log("warning", "accept_failed", { because: String(error) });
      await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      continue;
    }
    desk.context.counters.totalConnections++;
    if (desk.tasks.size >= limit) {
      desk.context.counters.refused++;
      closeQuietly(client);
      continue;
    }
    const task = serve(desk, client, purpose)
      .catch((error) => ports.log("error", "session_failed", { because: String(error) }))
      .finally(() => {
        closeQuietly(client);
        desk.tasks.delete(task);
      });
    desk.tasks.add(task);
  }
}

async function serve(desk: Desk, client: Deno.TcpConn, purpose: Purpose): Promise<void> {
  tune(client);
  const address = client.remoteAddr.transport === "tcp" ? client.remoteAddr.hostname : "";
  const entry = desk.pending.enter(address);
  if (entry.type === "ignored") {
    desk.context.counters.refused++;
    return;
  }
  let channel: SecureChannel | null = null;
  try {
    if (entry.type === "told") return await refuse(desk.context, client, tooManyPending(desk));
    desk.greeting.add(client);
    await serveGreeted(desk, client, {
      purpose,
      address,
      onSecure: (opened) => channel = opened,
      onAdmitted: entry.leave,
    });
  } finally {
    entry.leave();
    await leaveChannel(channel);
  }
}

function tooManyPending({ context: { options } }: Desk): Complaint {
  return {
    sqlstate: SQLSTATE.tooManyConnections,
    message: "Cannot start a session: too many clients of this address are logging in " +
      `(router.maximum_pending_per_address is ${options.maximumPendingPerAddress}).`,
    hint: "Try again, open fewer connections at the same moment, or raise the limit.",
  };
}

/** What was said last through TLS is still on its way to the client's own socket. */
async function leaveChannel(channel: SecureChannel | null): Promise<void> {
  if (channel === null) return;
  closeQuietly(channel.conn);
  await within(channel.done, FAREWELL_MS / 2);
}

async function serveGreeted(
  desk: Desk,
  client: Deno.TcpConn,
  { purpose, address, onSecure, onAdmitted }: {
    readonly purpose: Purpose;
    readonly address: string;
    readonly onSecure: (channel: SecureChannel) => void;
    readonly onAdmitted: () => void;
  },
): Promise<void> {
  const { context } = desk;
  let conn: Deno.Conn = client;
  const greeting = await greet(client, {
    timeoutMs: context.options.startupTimeoutMs,
    tls: desk.tls,
    requireTls: context.options.requireTls,
    onSecure(channel) {
      conn = channel.conn;
      onSecure(channel);
    },
  });
  desk.greeting.delete(client);
  if (desk.closing) return;
  switch (greeting.type) {
    case "session":
      return await runSession(context, {
        client: conn,
        address,
        purpose,
        introduction: greeting.introduction,
        onAdmitted,
      });
    case "cancel":
      return await desk.canceller.request(greeting.key);
    case "invalid":
      return await refuse(context, conn, greeting.complaint);
    case "gone":
      context.ports.log("debug", "client_gone", { peer: address, because: greeting.because });
      return;
  }
}

const PORT_KEYS = {
  primary: "router.port",
  primary_only: "router.primary_port",
  read_only: "router.read_only_port",
} as const;

function listenProblem(host: string, port: number, purpose: Purpose, error: unknown): string {
  const key = PORT_KEYS[purpose];
  const place = `Cannot listen for clients on ${host}:${port} (router.host, ${key})`;
  if (error instanceof Deno.errors.AddrInUse) {
    return `${place}: the port must be free, and another process has it. ` +
      `Stop that process, or set ${key} to another port.`;
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return `${place}: the address must be one of this host's. Set router.host to one, or to 0.0.0.0.`;
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return `${place}: this user may not open it. Ports below 1024 need privileges: choose a higher one.`;
  }
  return `${place}: ${error instanceof Error ? error.message : String(error)}. ` +
    `Check router.host and ${key}.`;
}
