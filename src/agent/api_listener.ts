/**
 * The API's port, with TLS where the node has a certificate.
 *
 * @module
 */
import type { Config } from "../config/mod.ts";
import type { CoordinationApp } from "../coordination/app.ts";
import { serveCoordination, type Serving } from "../coordination/serve.ts";
import { openTlsDesk, type TlsCertificate } from "../router/tls.ts";
import { monotonicMs } from "./clock.ts";

/** A running listener whose certificate can be changed, or why there is none. */
export type ApiListener =
  | Extract<Serving, { ok: true }> & {
    /** Uses another certificate for connections from now on; null, or why it cannot be used. */
    readonly renewTls: (certificate: TlsCertificate) => string | null;
  }
  | Extract<Serving, { ok: false }>;

/** What clients of the API call their protocol in ALPN. */
const HTTP = "http/1.1";

/** Listens until `signal` is aborted. */
export function openApiListener(options: {
  readonly config: Config;
  readonly tls: TlsCertificate | null;
  readonly app: CoordinationApp;
  readonly signal: AbortSignal;
}): ApiListener {
  const { config, tls, app, signal } = options;
  const opened = tls === null ? null : openTlsDesk(tls, HTTP);
  if (opened?.ok === false) return opened;
  const desk = opened?.desk ?? null;
  const serving = serveCoordination({
    host: config.identity.apiHost,
    port: config.identity.apiPort,
    secure: desk === null ? null : (client) => desk.secure(client, new Uint8Array(0)),
    app,
    signal,
    nowMs: monotonicMs,
  });
  if (!serving.ok) {
    desk?.close();
    return serving;
  }
  return {
    ...serving,
    finished: serving.finished.then(() => desk?.close()),
    renewTls: (certificate) =>
      desk === null ? "the API was started without TLS" : desk.renew(certificate),
  };
}
