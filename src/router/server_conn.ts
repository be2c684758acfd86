/**
 * Connections to PostgreSQL servers, encrypted where that is wanted (PostgreSQL manual, "Protocol
 * Flow: SSL Session Encryption"). Sessions and cancel requests go the same way.
 *
 * @module
 */
import { sslRequestBytes } from "../wire/startup.ts";
import { isLoopback } from "./access.ts";
import type { RouteTarget } from "./options.ts";
import { closeQuietly, connectWithin, read, within, write } from "./socket.ts";

/** How servers are made sure of. */
export interface BackendTls {
  /**
   * "prefer" encrypts where the server can, and not on loopback; the others refuse a server that cannot.
   * All of them demand a certificate of `authority`, and "verify-full" one for the server's address.
   */
  readonly mode: "prefer" | "verify-ca" | "verify-full";
  /** Certificates that sign the servers', or are theirs, in PEM. */
  readonly authority: string;
  /** What the certificate of this member's own server is for, whatever address leads there. */
  readonly own: { readonly node: string; readonly name: string };
}

/** The outcome of an attempt. */
export type ServerConnected =
  | { readonly ok: true; readonly conn: Deno.Conn }
  /** `unsafe` where the server answered, and may not be spoken to as it is. */
  | { readonly ok: false; readonly unsafe: boolean; readonly because: string };

const ENCRYPTS = 0x53;
const CLEAR = 0x4E;

/** Connects within `timeoutMs`, the handshake included. @param tls null never encrypts */
export async function connectServer(
  { target, tls, timeoutMs, signal }: {
    readonly target: RouteTarget;
    readonly tls: BackendTls | null;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<ServerConnected> {
  const { host, port } = target;
  const startedAtMs = performance.now();
  const connected = await connectWithin({ host, port, timeoutMs, signal });
  if (!connected.ok) return { ...connected, unsafe: false };
  if (tls === null || !wantsTls(tls, host)) return connected;
  let conn: Deno.Conn = connected.conn;
  const secured = await within(
    secure(connected.conn, target, tls, (opened) => conn = opened),
    timeoutMs - (performance.now() - startedAtMs),
    signal,
  );
  if (secured?.ok === true) return secured;
  closeQuietly(conn);
  return secured ?? unavailable(`no TLS within ${Math.round(timeoutMs)} ms`);
}

function wantsTls({ mode }: BackendTls, host: string): boolean {
  return mode !== "prefer" || !(host === "localhost" || isLoopback(host));
}

async function secure(
  conn: Deno.TcpConn,
  target: RouteTarget,
  tls: BackendTls,
  onSecured: (conn: Deno.Conn) => void,
): Promise<ServerConnected> {
  // One byte and no more is read: what somebody in between might have put behind it is no TLS.
  const answer = new Uint8Array(1);
  if (!await write(conn, sslRequestBytes()) || await read(conn, answer) === null) {
    return unavailable("closed the connection when it was asked for TLS");
  }
  switch (answer[0]) {
    case CLEAR:
      return tls.mode === "prefer"
        ? { ok: true, conn }
        : unsafe("it does not speak TLS, which router.backend_tls demands: set ssl = on there");
    case ENCRYPTS:
      return await shakeHands(conn, target, tls, onSecured);
    default:
      return unavailable("gave no answer to the request for TLS that makes sense");
  }
}

async function shakeHands(
  conn: Deno.TcpConn,
  target: RouteTarget,
  { mode, authority, own }: BackendTls,
  onSecured: (conn: Deno.Conn) => void,
): Promise<ServerConnected> {
  // Runtimes that do not know the last option check the name in every mode.
  const options: Deno.StartTlsOptions & { unsafelyDisableHostnameVerification: boolean } = {
    hostname: target.node === own.node ? own.name : target.host,
    caCerts: [authority],
    unsafelyDisableHostnameVerification: mode !== "verify-full",
  };
  try {
    const secured = await Deno.startTls(conn, options);
    onSecured(secured);
    await secured.handshake();
    return { ok: true, conn: secured };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return unsafe(`its TLS is not accepted (router.backend_tls): ${reason}`);
  }
}

function unavailable(because: string): ServerConnected {
  return { ok: false, unsafe: false, because };
}

function unsafe(because: string): ServerConnected {
  return { ok: false, unsafe: true, because };
}
