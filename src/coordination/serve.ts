/**
 * Puts the API on a port, over HTTP or HTTPS; see {@link ./front.ts}.
 *
 * What can be wrong with a host's set-up, a port in use, is a value with a remedy, since the agent has
 * to say it and end.
 *
 * @module
 */
import type { CoordinationApp } from "./app.ts";
import {
  DEFAULT_FRONT_LIMITS,
  type Front,
  type FrontLimits,
  openFront,
  type Secure,
} from "./front.ts";
import { type ApiError, COMMON, jsonBody } from "./reply.ts";

/** A running listener, or why there is none. */
export type Serving =
  | {
    readonly ok: true;
    readonly host: string;
    /** The port in use; the system's choice where 0 was asked for. */
    readonly port: number;
    /** Resolves when the listener and its connections are closed; answers under way are cut. */
    readonly finished: Promise<void>;
  }
  /** `because` says what, where, and what to do about it. */
  | { readonly ok: false; readonly because: string };

/**
 * Listens until `signal` is aborted.
 *
 * @param options.host an address to bind, as `0.0.0.0`; names are resolved
 * @param options.port 0 to 65535; 0 lets the system choose
 * @param options.secure null for plain HTTP: signatures hold either way, TLS keeps readers out
 * @param options.nowMs a monotonic clock, in milliseconds
 */
export function serveCoordination(options: {
  readonly host: string;
  readonly port: number;
  readonly secure: Secure | null;
  readonly app: CoordinationApp;
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  readonly limits?: Partial<FrontLimits>;
}): Serving {
  const { app, signal } = options;
  let front: Front;
  try {
    const limits = { ...DEFAULT_FRONT_LIMITS, ...options.limits };
    front = openFront({ ...options, limits, innerPort: () => server.addr.port });
  } catch (error) {
    return { ok: false, because: describeListenError(error, options) };
  }
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    signal,
    onListen: () => {},
    onError: internalError,
  }, async (request, info) => {
    const visitor = front.visitorOf(info.remoteAddr.port);
    if (visitor === null) return notThisWay();
    visitor.began();
    try {
      const { address, vouch } = visitor;
      return await app.fetch(request, { remoteAddr: address, vouch });
    } finally {
      visitor.answered();
    }
  });
  const finished = Promise.withResolvers<void>();
  const stop = () => void front.close().then(() => server.finished).then(finished.resolve);
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  const { hostname: host, port } = front.address;
  return { ok: true, host, port, finished: finished.promise };
}

/** The last resort behind the app's own error handler: it says nothing about the inside. */
function internalError(): Response {
  return plainError(500, {
    error: "the agent failed to handle this request",
    remedy: "Look at the log of this node.",
  });
}

/** Somebody on this host has found the server behind the front. */
function notThisWay(): Response {
  return plainError(403, {
    error: "this port takes connections of the agent itself only",
    remedy: "Use identity.api_port.",
  });
}

function plainError(status: number, error: ApiError): Response {
  const headers = { ...COMMON, "content-type": "application/json" };
  return new Response(jsonBody(error), { status, headers });
}

function describeListenError(
  error: unknown,
  { host, port }: { host: string; port: number },
): string {
  const place = `Cannot listen on ${host}:${port}`;
  if (error instanceof Deno.errors.AddrInUse) {
    return `${place}: identity.api_port ${port} is in use. ` +
      `Stop what uses it (ss -ltnp 'sport = :${port}' shows it) or choose another port.`;
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return `${place}: identity.api_host must be an address of this host. Use one that ` +
      "`ip address` shows, or 0.0.0.0 for all.";
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return `${place}: this user may not use that port. Choose one above 1023.`;
  }
  const because = error instanceof Error ? error.message : String(error);
  return `${place}: ${because}. Correct identity.api_host and identity.api_port.`;
}
