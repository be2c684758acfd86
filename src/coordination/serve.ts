/**
 * Puts the API on a port, over HTTP or HTTPS.
 *
 * What can be wrong with a host's set-up, a port in use or a certificate that does not load, is a
 * value with a remedy, since the agent has to say it and end.
 *
 * @module
 */
import type { CoordinationApp } from "./app.ts";
import { COMMON, jsonBody } from "./reply.ts";

/** Certificate chain and private key, in PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

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
 * @param options.tls absent for plain HTTP: signatures hold either way, TLS keeps readers out
 */
export function serveCoordination(options: {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsIdentity;
  readonly app: CoordinationApp;
  readonly signal: AbortSignal;
}): Serving {
  const { host, port, tls, app, signal } = options;
  try {
    const server = Deno.serve({
      hostname: host,
      port,
      signal,
      ...(tls === undefined ? {} : { cert: tls.cert, key: tls.key }),
      onListen: () => {},
      onError: internalError,
    }, (request, info) => app.fetch(request, info));
    return {
      ok: true,
      host: server.addr.hostname,
      port: server.addr.port,
      finished: server.finished,
    };
  } catch (error) {
    return { ok: false, because: describeListenError(error, options) };
  }
}

/** The last resort behind the app's own error handler: it says nothing about the inside. */
function internalError(): Response {
  const body = jsonBody({
    error: "the agent failed to handle this request",
    remedy: "Look at the log of this node.",
  });
  return new Response(body, {
    status: 500,
    headers: { ...COMMON, "content-type": "application/json" },
  });
}

function describeListenError(
  error: unknown,
  { host, port, tls }: { host: string; port: number; tls?: TlsIdentity },
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
  if (tls !== undefined && isTlsError(because)) {
    return `${place} with TLS: ${because}. security.cert_file must hold the certificate chain, ` +
      "leaf first, and security.key_file the unencrypted private key that belongs to it, both PEM.";
  }
  return `${place}: ${because}. Correct identity.api_host and identity.api_port.`;
}

function isTlsError(message: string): boolean {
  return /cert|key|pem|tls/i.test(message);
}
