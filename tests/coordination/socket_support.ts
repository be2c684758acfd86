/** Servers on loopback for the tests of this room: real ones, and ones that misbehave. */
import assert from "node:assert/strict";
import type { CoordinationApp } from "../../src/coordination/app.ts";
import type { FrontLimits } from "../../src/coordination/front.ts";
import { serveCoordination } from "../../src/coordination/serve.ts";
import { openTlsDesk, type TlsCertificate } from "../../src/router/tls.ts";

const fixture = (name: string) =>
  Deno.readTextFileSync(new URL(`fixtures/test_only_${name}.pem`, import.meta.url));

/** A self-signed server certificate for loopback, and its key. */
export const TLS: TlsCertificate = { cert: fixture("cert"), key: fixture("key") };
/** A certificate that is marked as an authority's, and its key. */
export const AUTHORITY: TlsCertificate = {
  cert: fixture("authority_cert"),
  key: fixture("other_key"),
};

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** Serves an app, on a port of the system's choice unless one is given. */
export function serveApp(
  app: CoordinationApp,
  options: {
    readonly tls?: TlsCertificate;
    readonly port?: number;
    readonly limits?: Partial<FrontLimits>;
  } = {},
): RunningServer & { readonly renewTls: (certificate: TlsCertificate) => string | null } {
  const { tls, ...rest } = options;
  const controller = new AbortController();
  const opened = tls === undefined ? null : openTlsDesk(tls, "http/1.1");
  assert.ok(opened?.ok !== false, opened?.ok === false ? opened.because : "");
  const desk = opened?.desk ?? null;
  const serving = serveCoordination({
    host: "127.0.0.1",
    port: 0,
    ...rest,
    secure: desk === null ? null : (client) => desk.secure(client, new Uint8Array(0)),
    app,
    signal: controller.signal,
    nowMs: () => performance.now(),
  });
  assert.ok(serving.ok, serving.ok ? "" : serving.because);
  const { host, port, finished } = serving;
  return {
    host,
    port,
    async stop() {
      controller.abort();
      await finished;
      desk?.close();
    },
    renewTls: (certificate) => desk?.renew(certificate) ?? null,
  };
}

/** A server that reads a request and then writes `bytes`; null keeps it waiting for ever. */
export function serveBytes(bytes: string | null): RunningServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  const serveOne = async (connection: Deno.Conn) => {
    connections.add(connection);
    await connection.read(new Uint8Array(65536));
    if (bytes === null) return;
    await connection.write(new TextEncoder().encode(bytes));
    connections.delete(connection);
    connection.close();
  };
  const finished = (async () => {
    for await (const connection of listener) serveOne(connection).catch(() => {});
  })();
  return {
    host: "127.0.0.1",
    port: (listener.addr as Deno.NetAddr).port,
    async stop() {
      listener.close();
      for (const connection of connections) connection.close();
      await finished;
    },
  };
}

/** A port of loopback on which nothing listens. */
export function closedPort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}
