/**
 * One HTTP call to a member, over kept-alive connections, and how it came to nothing.
 *
 * "refused" is reserved for a port that actively refused a connection: it is evidence, on which the
 * core acts. Everything else that fails is "silent", which proves nothing. The runtime's `fetch`
 * tells the two apart in prose only, so after a failed call the port is tried once more with a plain
 * connection, whose error has a type.
 *
 * With TLS a member's certificate is verified against the given certificates, and, where they are
 * self-signed, against themselves: a certificate that is its own authority must be marked as a
 * server's (`basicConstraints=CA:FALSE`) and name the member's address in `subjectAltName`.
 *
 * @module
 */

/** Where a member's API is reached. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** How a call came to nothing. */
export type NoResponse =
  /** The port actively refused the connection. */
  | { readonly type: "refused"; readonly because: string }
  /** Time ran out, or the connection failed in a way that proves nothing. */
  | { readonly type: "silent"; readonly because: string };

/** A call: the head of its response has arrived, or it came to nothing. */
export type Called = { readonly type: "response"; readonly response: Response } | NoResponse;

/** How to reach members. */
export interface TransportOptions {
  readonly tls: boolean;
  /** Certificates to trust, in PEM, each text one or more: the authority's, or the members' own. */
  readonly caCerts?: readonly string[];
}

/** Kept-alive connections to members. */
export interface Transport {
  readonly call: (
    endpoint: Endpoint,
    request: {
      readonly method: string;
      readonly path: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Uint8Array | null;
    },
    signal: AbortSignal,
  ) => Promise<Called>;
  /** Verifies members with these certificates from the next call on. @throws as createTransport */
  readonly trust: (caCerts: readonly string[]) => void;
  /** Closes the idle connections; calls under way come to nothing. */
  readonly close: () => void;
}

/**
 * Opens a pool of connections.
 *
 * @throws {TypeError} where {@linkcode checkCertificates} finds a certificate in `caCerts` broken
 */
export function createTransport(options: TransportOptions): Transport {
  let client = createClient(options.caCerts ?? []);
  const replaced = new Set<Deno.HttpClient>();
  const scheme = options.tls ? "https" : "http";
  return {
    async call(endpoint, { method, path, headers, body }, signal) {
      const url = `${scheme}://${authorityOf(endpoint)}${path}`;
      try {
        const response = await fetch(url, {
          client,
          method,
          headers,
          body: body as Uint8Array<ArrayBuffer> | null,
          signal,
          redirect: "manual",
        });
        return { type: "response", response };
      } catch (error) {
        return await classify(error, endpoint, signal);
      }
    },
    trust(caCerts) {
      const former = client;
      client = createClient(caCerts);
      // Its calls that are under way come to their end first.
      replaced.add(former);
      const timer = setTimeout(() => {
        if (replaced.delete(former)) former.close();
      }, FORMER_CLIENT_MS);
      Deno.unrefTimer(timer);
    },
    close() {
      for (const each of [...replaced, client]) each.close();
      replaced.clear();
    },
  };
}

/** Longer than any call. */
const FORMER_CLIENT_MS = 2 * 60 * 60 * 1000;

function createClient(caCerts: readonly string[]): Deno.HttpClient {
  return withoutProxies(() =>
    Deno.createHttpClient({
      caCerts: [...caCerts],
      http2: false,
      poolMaxIdlePerHost: 4,
      poolIdleTimeout: 90_000,
    })
  );
}

/**
 * Says what is wrong with certificates that members are to be verified with, before they are used:
 * a text without a certificate would otherwise show only as members that are silent.
 *
 * @param pem one or more certificates in PEM
 * @returns a clause for an error message; null where nothing is wrong
 */
export function checkCertificates(pem: string): string | null {
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) return "it holds no certificate in PEM";
  try {
    Deno.createHttpClient({ caCerts: [pem] }).close();
    return null;
  } catch {
    return "it holds a certificate that is broken";
  }
}

/** `host:port`, with an IPv6 address in brackets. */
export function authorityOf({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

async function classify(
  error: unknown,
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<NoResponse> {
  const place = authorityOf(endpoint);
  if (signal.aborted) return { type: "silent", because: `no answer from ${place} in time` };
  if (await refuses(endpoint, signal)) {
    return { type: "refused", because: `${place} refuses connections` };
  }
  return { type: "silent", because: `the call to ${place} failed: ${describe(error)}` };
}

/** Whether a plain connection is refused; false where time runs out first. */
async function refuses({ host, port }: Endpoint, signal: AbortSignal): Promise<boolean> {
  const attempt = Deno.connect({ hostname: host, port }).then(
    (connection) => {
      connection.close();
      return false;
    },
    (error) => error instanceof Deno.errors.ConnectionRefused,
  );
  const expired = Promise.withResolvers<boolean>();
  const give = () => expired.resolve(false);
  signal.addEventListener("abort", give, { once: true });
  if (signal.aborted) give();
  try {
    return await Promise.race([attempt, expired.promise]);
  } finally {
    signal.removeEventListener("abort", give);
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error.cause instanceof Error ? error.cause.message : error.message;
  const text = inner.replace(/^error sending request for url \([^)]*\): /, "");
  return text.includes("CaUsedAsEndEntity")
    ? "its certificate is an authority's, which the runtime refuses as a server's. " +
      "Make it with basicConstraints=CA:FALSE, or sign a certificate with it"
    : text.slice(0, 300);
}

const PROXY_VARIABLES = [
  "HTTP_PROXY",
  "http_proxy",
  "HTTPS_PROXY",
  "https_proxy",
  "ALL_PROXY",
  "all_proxy",
];

/**
 * Members talk to each other directly. A host's proxy variables are meant for downloads, and the
 * runtime reads them when a client is made, so they are out of sight in that moment only.
 */
function withoutProxies<Made>(make: () => Made): Made {
  const saved = PROXY_VARIABLES.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  try {
    for (const [name] of saved) Deno.env.delete(name);
    return make();
  } finally {
    for (const [name, value] of saved) Deno.env.set(name, value);
  }
}
