/**
 * TLS towards clients, of the router and of the API.
 *
 * The runtime encrypts what a listener of its own accepts, and a PostgreSQL client asks for TLS in the
 * middle of a connection. So each such connection is joined to an inner listener on loopback, which
 * does the handshake. Nobody else gets in there: an inner connection is taken only if its port is one
 * that the router itself has just connected from.
 *
 * A new certificate is a new inner listener; sessions of the old one go on.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { fromBase64 } from "../wire/base64.ts";
import { bindingHashOf } from "../wire/certificate.ts";
import { closeQuietly, finishWriting, read, tune, within, write } from "./socket.ts";

/** A certificate with its chain, and its key, both PEM. */
export interface TlsCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A client behind TLS. */
export interface SecureChannel {
  readonly conn: Deno.TlsConn;
  /** The certificate's hash for channel binding; null where it has none. */
  readonly binding: Uint8Array | null;
  /** What the client named in ALPN. */
  readonly protocol: string | null;
  /** Resolves when the last byte has been passed on, in both directions. */
  readonly done: Promise<void>;
}

/** Makes connections secure. */
export interface TlsDesk {
  /**
   * Joins a client and does the handshake; null where that fails. Closing the client's own socket
   * ends it at any time.
   *
   * @param buffered what the client sent of its handshake already
   */
  secure(client: Deno.Conn, buffered: Uint8Array): Promise<SecureChannel | null>;
  /** @returns why the certificate cannot be used, the present one staying; null where it is used */
  renew(certificate: TlsCertificate): string | null;
  close(): void;
}

/** The name of PostgreSQL's protocol in ALPN. */
export const POSTGRESQL_PROTOCOL = "postgresql";
const BUFFER_BYTES = 65_536;
const PAIRING_MS = 5000;

/**
 * Opens the inner listener.
 *
 * @param protocol the name that clients may give in ALPN; those that give none are welcome too
 */
export function openTlsDesk(
  certificate: TlsCertificate,
  protocol: string = POSTGRESQL_PROTOCOL,
): { readonly ok: true; readonly desk: TlsDesk } | {
  readonly ok: false;
  readonly because: string;
} {
  const opened = openInner(certificate, protocol);
  if (!opened.ok) return opened;
  let inner = opened.inner;
  const desk: TlsDesk = {
    async secure(client, buffered) {
      const present = inner;
      const outer = await Deno.connect({ hostname: "127.0.0.1", port: present.port })
        .catch(() => null);
      if (outer === null) return null;
      tune(outer);
      const done = splice(client, outer, buffered);
      const conn = await within(present.take(outer.localAddr.port), PAIRING_MS);
      const shaken = await conn?.handshake().catch(() => null) ?? null;
      if (conn === null || shaken === null) {
        closeQuietly(outer);
        if (conn !== null) closeQuietly(conn);
        present.forget(outer.localAddr.port);
        return null;
      }
      return { conn, binding: present.binding, protocol: shaken.alpnProtocol, done };
    },
    renew(next) {
      const replaced = openInner(next, protocol);
      if (!replaced.ok) return replaced.because;
      inner.close();
      inner = replaced.inner;
      return null;
    },
    close: () => inner.close(),
  };
  return { ok: true, desk };
}

interface Inner {
  readonly port: number;
  readonly binding: Uint8Array | null;
  /** The connection that comes from this port of the router's own. */
  take(port: number): Promise<Deno.TlsConn>;
  forget(port: number): void;
  close(): void;
}

type InnerStart =
  | { readonly ok: true; readonly inner: Inner }
  | { readonly ok: false; readonly because: string };

function openInner({ cert, key }: TlsCertificate, protocol: string): InnerStart {
  let listener: Deno.TlsListener;
  let binding: Uint8Array | null;
  try {
    binding = bindingOf(cert);
    listener = Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      cert,
      key,
      alpnProtocols: [protocol],
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      ok: false,
      because:
        `Cannot use the certificate: ${reason}. security.cert_file must hold the certificate ` +
        "chain, leaf first, and security.key_file the unencrypted private key that belongs to it, " +
        "both PEM.",
    };
  }
  const wanted = new Map<number, (conn: Deno.TlsConn) => void>();
  const early = new Map<number, Deno.TlsConn>();
  let closed = false;
  void (async () => {
    while (!closed) {
      const conn = await listener.accept().catch(() => null);
      if (conn === null) {
        if (!closed) await new Promise((resolve) => setTimeout(resolve, 10));
        continue;
      }
      const port = conn.remoteAddr.transport === "tcp" ? conn.remoteAddr.port : -1;
      const take = wanted.get(port);
      wanted.delete(port);
      if (take !== undefined) {
        take(conn);
        continue;
      }
      // It may have been accepted before the router's own connect returned; a stranger is closed.
      early.set(port, conn);
      setTimeout(() => {
        if (early.get(port) !== conn) return;
        early.delete(port);
        closeQuietly(conn);
      }, 1000);
    }
  })();
  return {
    ok: true,
    inner: {
      port: (listener.addr as Deno.NetAddr).port,
      binding,
      take(port) {
        const conn = early.get(port);
        early.delete(port);
        if (conn !== undefined) return Promise.resolve(conn);
        return new Promise((resolve) => wanted.set(port, resolve));
      },
      forget: (port) => void wanted.delete(port),
      close() {
        closed = true;
        listener.close();
        for (const conn of early.values()) closeQuietly(conn);
      },
    },
  };
}

function bindingOf(cert: string): Uint8Array | null {
  // The first certificate in the file is the router's own; those behind it are its authorities'.
  const text = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(cert);
  const der = text === null ? null : fromBase64(text[1]!.replace(/\s/g, ""));
  const hash = der === null ? null : bindingHashOf(der);
  return der === null || hash === null
    ? null
    : new Uint8Array(createHash(hash).update(der).digest());
}

async function splice(client: Deno.Conn, outer: Deno.Conn, buffered: Uint8Array): Promise<void> {
  const pump = async (from: Deno.Conn, to: Deno.Conn, first: Uint8Array) => {
    const buffer = new Uint8Array(BUFFER_BYTES);
    let taken = first.length === 0 || await write(to, first);
    while (taken) {
      const count = await read(from, buffer);
      if (count === null) break;
      taken = await write(to, buffer.subarray(0, count));
    }
    // The end is passed on, behind everything that was sent.
    if (taken) await finishWriting(to);
    else closeQuietly(from);
  };
  await Promise.all([pump(client, outer, buffered), pump(outer, client, new Uint8Array(0))]);
  closeQuietly(outer);
}
