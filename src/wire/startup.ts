/**
 * The packets that open a connection (PostgreSQL manual, "Message Formats": StartupMessage,
 * CancelRequest, SSLRequest, GSSENCRequest). They have a length and no type byte, and they come from
 * anybody who can reach the port: everything here is bounded, and nothing is believed.
 *
 * Protocol 3.x with any minor version and any `_pq_.` option is accepted: the packet travels to the
 * server unchanged, and the server itself answers with NegotiateProtocolVersion.
 *
 * @module
 */
import { concatBytes, cStringBytes, int32Bytes, readInt32 } from "./bytes.ts";
import { type Complaint, SQLSTATE } from "./sqlstate.ts";

/** No startup packet is longer, its length field included; PostgreSQL's own limit. */
export const MAXIMUM_STARTUP_BYTES = 10_000;

/** Which backend a cancel request means. */
export interface BackendKey {
  readonly processId: number;
  /** 4 bytes in protocol 3.0, up to 256 in 3.2. */
  readonly secretKey: Uint8Array;
}

/** What the first bytes of a connection are. `bytes` is how many of them the packet takes. */
export type StartupPacket =
  /** TLS from the first byte on, without an SSLRequest; nothing of it is consumed. */
  | { readonly type: "tls_handshake"; readonly bytes: 0 }
  /** More must be read; never more than {@linkcode MAXIMUM_STARTUP_BYTES} in all. */
  | { readonly type: "incomplete" }
  | { readonly type: "ssl_request"; readonly bytes: number }
  | { readonly type: "gssenc_request"; readonly bytes: number }
  | { readonly type: "cancel_request"; readonly bytes: number; readonly key: BackendKey }
  | {
    readonly type: "startup";
    readonly bytes: number;
    /** The x of protocol 3.x. */
    readonly minor: number;
    /** As sent; of a name given twice the last value, as in PostgreSQL. */
    readonly parameters: ReadonlyMap<string, string>;
    /** The user's name as bytes, since it need not be UTF-8; null where there is none. */
    readonly userBytes: Uint8Array | null;
  }
  | { readonly type: "invalid"; readonly complaint: Complaint };

const CANCEL_CODE = 80877102;
const SSL_CODE = 80877103;
const GSSENC_CODE = 80877104;
const TLS_HANDSHAKE = 0x16;
const PROTOCOL_OPTION = "_pq_.";
const DECODER = new TextDecoder();

/**
 * Reads the packet at the start of `buffered`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const packet = startupBytes({ user: "app", database: "shop" });
 * const parsed = parseStartup(packet);
 * assert.equal(parsed.type === "startup" && parsed.parameters.get("user"), "app");
 * assert.deepEqual(parseStartup(packet.subarray(0, 7)), { type: "incomplete" });
 * ```
 */
export function parseStartup(buffered: Uint8Array): StartupPacket {
  if (buffered.length < 4) return { type: "incomplete" };
  const length = readInt32(buffered, 0);
  if (buffered[0] === TLS_HANDSHAKE) return { type: "tls_handshake", bytes: 0 };
  if (length < 8 || length > MAXIMUM_STARTUP_BYTES) {
    return invalid(
      SQLSTATE.protocolViolation,
      `Cannot read the startup packet: its length must be 8 to ${MAXIMUM_STARTUP_BYTES}, is ${length}.`,
      "Check that the client speaks PostgreSQL's protocol.",
    );
  }
  if (buffered.length < length) return { type: "incomplete" };
  const packet = buffered.subarray(0, length);
  const code = readInt32(packet, 4);
  switch (code) {
    case SSL_CODE:
      return length === 8 ? { type: "ssl_request", bytes: 8 } : wrongLength("SSLRequest", length);
    case GSSENC_CODE:
      return length === 8
        ? { type: "gssenc_request", bytes: 8 }
        : wrongLength("GSSENCRequest", length);
    case CANCEL_CODE:
      return parseCancel(packet);
    default:
      return parseParameters(packet, code);
  }
}

/**
 * Builds a StartupMessage.
 *
 * @param minor the x of protocol 3.x
 */
export function startupBytes(parameters: Readonly<Record<string, string>>, minor = 0): Uint8Array {
  const pairs = Object.entries(parameters).flat().map(cStringBytes);
  const body = concatBytes([int32Bytes((3 << 16) | minor), ...pairs, Uint8Array.of(0)]);
  return concatBytes([int32Bytes(body.length + 4), body]);
}

/** The names of the protocol's own options, which a server that does not know them must list. */
export function protocolOptions(parameters: ReadonlyMap<string, string>): readonly string[] {
  return [...parameters.keys()].filter((name) => name.startsWith(PROTOCOL_OPTION));
}

/**
 * A startup packet as protocol 3.0 without protocol options; all other parameters keep their bytes,
 * which need not be UTF-8.
 *
 * @param packet one that {@linkcode parseStartup} accepted
 */
export function plainStartup(packet: Uint8Array): Uint8Array {
  const kept: Uint8Array[] = [];
  let at = 8;
  while (at < packet.length && packet[at] !== 0) {
    const nameEnd = packet.indexOf(0, at);
    const valueEnd = packet.indexOf(0, nameEnd + 1);
    const name = DECODER.decode(packet.subarray(at, nameEnd));
    if (!name.startsWith(PROTOCOL_OPTION)) kept.push(packet.subarray(at, valueEnd + 1));
    at = valueEnd + 1;
  }
  const body = concatBytes([int32Bytes(3 << 16), ...kept, Uint8Array.of(0)]);
  return concatBytes([int32Bytes(body.length + 4), body]);
}

/** Builds a CancelRequest. */
export function cancelRequestBytes(key: BackendKey): Uint8Array {
  return concatBytes([
    int32Bytes(12 + key.secretKey.length),
    int32Bytes(CANCEL_CODE),
    int32Bytes(key.processId),
    key.secretKey,
  ]);
}

/** The SSLRequest packet. */
export function sslRequestBytes(): Uint8Array {
  return concatBytes([int32Bytes(8), int32Bytes(SSL_CODE)]);
}

/** The GSSENCRequest packet. */
export function gssencRequestBytes(): Uint8Array {
  return concatBytes([int32Bytes(8), int32Bytes(GSSENC_CODE)]);
}

function parseCancel(packet: Uint8Array): StartupPacket {
  const keyBytes = packet.length - 12;
  if (keyBytes < 4 || keyBytes > 256) return wrongLength("CancelRequest", packet.length);
  const key = { processId: readInt32(packet, 8), secretKey: packet.slice(12) };
  return { type: "cancel_request", bytes: packet.length, key };
}

function parseParameters(packet: Uint8Array, version: number): StartupPacket {
  const major = version >>> 16;
  if (major !== 3) {
    return invalid(
      SQLSTATE.featureNotSupported,
      `Cannot start a session: the protocol must be 3.x, is ${major}.${version & 0xFFFF}.`,
      "Use a client library for PostgreSQL 7.4 or newer.",
    );
  }
  const parameters = new Map<string, string>();
  let userBytes: Uint8Array | null = null;
  let at = 8;
  while (at < packet.length && packet[at] !== 0) {
    const nameEnd = packet.indexOf(0, at);
    const valueEnd = nameEnd < 0 ? -1 : packet.indexOf(0, nameEnd + 1);
    if (valueEnd < 0) return badLayout();
    const name = DECODER.decode(packet.subarray(at, nameEnd));
    const value = packet.subarray(nameEnd + 1, valueEnd);
    parameters.set(name, DECODER.decode(value));
    if (name === "user") userBytes = value.slice();
    at = valueEnd + 1;
  }
  // PostgreSQL insists on the terminator being the packet's last byte, and so hides nothing behind it.
  if (at !== packet.length - 1) return badLayout();
  return { type: "startup", bytes: packet.length, minor: version & 0xFFFF, parameters, userBytes };
}

function badLayout(): StartupPacket {
  return invalid(
    SQLSTATE.protocolViolation,
    "Cannot read the startup packet: its parameters must be pairs of zero-terminated texts " +
      "with one zero behind the last, and are not.",
    "Check that the client speaks PostgreSQL's protocol.",
  );
}

function wrongLength(name: string, length: number): StartupPacket {
  return invalid(
    SQLSTATE.protocolViolation,
    `Cannot read ${name}: its length does not fit, is ${length}.`,
    "Check that the client speaks PostgreSQL's protocol.",
  );
}

function invalid(sqlstate: Complaint["sqlstate"], message: string, hint: string): StartupPacket {
  return { type: "invalid", complaint: { sqlstate, message, hint } };
}
