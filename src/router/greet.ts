/**
 * The first seconds of a client's connection: it may ask for encryption, then it says who it is, or
 * which query it wants cancelled.
 *
 * One SSLRequest and one GSSENCRequest are answered, in either order: the first with `S` where the
 * router has a certificate, the second always with `N`. Bytes that are already there behind such a
 * request were not written in answer to ours: somebody on the way may have put them there
 * (CVE-2021-23214), and the connection is closed without a word. Inside TLS neither request is answered.
 * TLS may also begin with the first byte; the client must then name PostgreSQL in ALPN, so that what was
 * meant for another protocol's port does not end here.
 *
 * @module
 */
import { concatBytes, NO_BYTES } from "../wire/bytes.ts";
import { type Complaint, SQLSTATE } from "../wire/sqlstate.ts";
import { type BackendKey, parseStartup, type StartupPacket } from "../wire/startup.ts";
import { read, within, write } from "./socket.ts";
import { POSTGRESQL_PROTOCOL, type SecureChannel, type TlsDesk } from "./tls.ts";

/** A client that said who it is. */
export interface Introduction {
  readonly packet: Extract<StartupPacket, { type: "startup" }>;
  /** The packet as it came, to be handed to the server. */
  readonly raw: Uint8Array;
  /** What the client sent behind it already. */
  readonly rest: Uint8Array;
  /** Null where the connection is not encrypted. */
  readonly channel: SecureChannel | null;
}

/** How the first seconds ended. */
export type Greeting =
  | { readonly type: "session"; readonly introduction: Introduction }
  | { readonly type: "cancel"; readonly key: BackendKey }
  | { readonly type: "invalid"; readonly complaint: Complaint }
  /** Nothing worth an answer: it left, it was too slow, or it broke the rules above. */
  | { readonly type: "gone"; readonly because: string };

const NOT_ENCRYPTED = Uint8Array.of(0x4E);
const ENCRYPTED = Uint8Array.of(0x53);
// A startup packet of the longest kind, and room to see that something follows it.
const BUFFER_BYTES = 16_384;

/** What greeting needs besides the client. */
export interface GreetOptions {
  readonly timeoutMs: number;
  /** Null where the router has no certificate. */
  readonly tls: TlsDesk | null;
  /** Sessions must be encrypted. */
  readonly requireTls: boolean;
  /** Told as soon as there is one, and before anything is said through it. */
  onSecure(channel: SecureChannel): void;
}

/** Reads from `client` until it is known what it wants, for at most `timeoutMs`. */
export async function greet(client: Deno.Conn, options: GreetOptions): Promise<Greeting> {
  return await within(converse(client, options), options.timeoutMs) ??
    { type: "gone", because: `said nothing complete within ${options.timeoutMs} ms` };
}

async function converse(client: Deno.Conn, options: GreetOptions): Promise<Greeting> {
  const { tls, requireTls } = options;
  const answered = new Set<string>();
  const chunk = new Uint8Array(BUFFER_BYTES);
  let channel: SecureChannel | null = null;
  let conn = client;
  let buffered: Uint8Array = NO_BYTES;
  const secure = async (first: Uint8Array): Promise<boolean> => {
    channel = await tls?.secure(client, first) ?? null;
    if (channel === null) return false;
    options.onSecure(channel);
    conn = channel.conn;
    buffered = NO_BYTES;
    return true;
  };
  for (;;) {
    const parsed = parseStartup(buffered);
    switch (parsed.type) {
      case "incomplete": {
        const count = await read(conn, chunk);
        if (count === null) return { type: "gone", because: "left before it said who it is" };
        buffered = concatBytes([buffered, chunk.subarray(0, count)]);
        break;
      }
      case "tls_handshake":
        if (channel !== null || answered.size > 0) return gone("began TLS without being asked");
        if (tls === null) return { type: "invalid", complaint: NO_DIRECT_TLS };
        if (!await secure(buffered)) return gone("failed in the TLS handshake");
        if (channel!.protocol !== POSTGRESQL_PROTOCOL) {
          return gone("began TLS without naming PostgreSQL in ALPN");
        }
        break;
      case "ssl_request":
      case "gssenc_request": {
        if (buffered.length > parsed.bytes) return gone(`sent bytes behind its ${parsed.type}`);
        if (answered.has(parsed.type)) return gone(`sent a second ${parsed.type}`);
        if (channel !== null) return gone(`sent ${parsed.type} inside TLS`);
        answered.add(parsed.type);
        const encrypts = parsed.type === "ssl_request" && tls !== null;
        if (!await write(client, encrypts ? ENCRYPTED : NOT_ENCRYPTED)) {
          return gone("left after it asked for encryption");
        }
        buffered = NO_BYTES;
        if (encrypts && !await secure(NO_BYTES)) return gone("failed in the TLS handshake");
        break;
      }
      case "cancel_request":
        return { type: "cancel", key: parsed.key };
      case "startup":
        if (requireTls && channel === null) return { type: "invalid", complaint: TLS_REQUIRED };
        return {
          type: "session",
          introduction: {
            packet: parsed,
            raw: buffered.slice(0, parsed.bytes),
            rest: buffered.slice(parsed.bytes),
            channel,
          },
        };
      case "invalid":
        return { type: "invalid", complaint: parsed.complaint };
    }
  }
}

const NO_DIRECT_TLS: Complaint = {
  sqlstate: SQLSTATE.featureNotSupported,
  message: "Cannot start a session: this port has no certificate and does not speak TLS.",
  hint: "Connect with sslmode=prefer or disable, or set security.tls_enabled on the router.",
};

const TLS_REQUIRED: Complaint = {
  sqlstate: SQLSTATE.invalidAuthorization,
  message: "Cannot start a session: this port demands TLS (router.tls: require).",
  hint: "Connect with sslmode=require or stricter.",
};

function gone(because: string): Greeting {
  return { type: "gone", because };
}
