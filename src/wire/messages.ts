/**
 * The messages of a connection's beginning and end, to build and to read (PostgreSQL manual, "Message
 * Formats"). Parsers take a payload, header left off, and give null where it is not one.
 *
 * @module
 */
import { concatBytes, cStringBytes, int32Bytes, messageBytes, readInt32 } from "./bytes.ts";
import type { BackendKey } from "./startup.ts";

/**
 * What an Authentication message (type R) asks for. Everything but `ok`, `sasl_continue` and
 * `sasl_final` is a challenge: the server wants something that only the right client has.
 */
export type AuthenticationStep =
  | "ok"
  | "kerberos"
  | "cleartext_password"
  | "md5_password"
  | "scm_credential"
  | "gss"
  | "gss_continue"
  | "sspi"
  | "sasl"
  | "sasl_continue"
  | "sasl_final";

/** ReadyForQuery's status byte, in words. */
export type TransactionStatus = "idle" | "in_transaction" | "failed";

const AUTHENTICATION: ReadonlyMap<number, AuthenticationStep> = new Map([
  [0, "ok"],
  [2, "kerberos"],
  [3, "cleartext_password"],
  [5, "md5_password"],
  [6, "scm_credential"],
  [7, "gss"],
  [8, "gss_continue"],
  [9, "sspi"],
  [10, "sasl"],
  [11, "sasl_continue"],
  [12, "sasl_final"],
]);

const STATUS_BYTES = { idle: 0x49, in_transaction: 0x54, failed: 0x45 } as const;
const DECODER = new TextDecoder();

/**
 * Reads an Authentication message's payload; more of it than the first four bytes is not needed.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(parseAuthentication(Uint8Array.of(0, 0, 0, 10)), "sasl");
 * assert.equal(parseAuthentication(Uint8Array.of(0, 0, 0, 99)), null);
 * ```
 */
export function parseAuthentication(payload: Uint8Array): AuthenticationStep | null {
  return payload.length < 4 ? null : AUTHENTICATION.get(readInt32(payload, 0)) ?? null;
}

/** Builds an Authentication message; `data` is what the step carries (salt, mechanisms, proof). */
export function authenticationBytes(step: AuthenticationStep, data?: Uint8Array): Uint8Array {
  for (const [code, name] of AUTHENTICATION) {
    if (name === step) return messageBytes("R", int32Bytes(code), data ?? new Uint8Array(0));
  }
  throw new TypeError(`Cannot build an Authentication message as ${step} is no step of one.`);
}

/** Reads BackendKeyData: 4 bytes of process id and 4 to 256 bytes of key. */
export function parseBackendKeyData(payload: Uint8Array): BackendKey | null {
  if (payload.length < 8 || payload.length > 260) return null;
  return { processId: readInt32(payload, 0), secretKey: payload.slice(4) };
}

/** Builds BackendKeyData. */
export function backendKeyDataBytes(key: BackendKey): Uint8Array {
  return messageBytes("K", int32Bytes(key.processId), key.secretKey);
}

/** Reads ReadyForQuery. */
export function parseReadyForQuery(payload: Uint8Array): TransactionStatus | null {
  return statusOf(payload[0]);
}

/** What the byte of a ReadyForQuery says; null where it says nothing. */
export function statusOf(byte: number | undefined): TransactionStatus | null {
  switch (byte) {
    case STATUS_BYTES.idle:
      return "idle";
    case STATUS_BYTES.in_transaction:
      return "in_transaction";
    case STATUS_BYTES.failed:
      return "failed";
    default:
      return null;
  }
}

/** Builds ReadyForQuery. */
export function readyForQueryBytes(status: TransactionStatus): Uint8Array {
  return messageBytes("Z", Uint8Array.of(STATUS_BYTES[status]));
}

/** Reads ParameterStatus. */
export function parseParameterStatus(
  payload: Uint8Array,
): { readonly name: string; readonly value: string } | null {
  const nameEnd = payload.indexOf(0);
  if (nameEnd < 0 || payload[payload.length - 1] !== 0 || nameEnd === payload.length - 1) {
    return null;
  }
  return {
    name: DECODER.decode(payload.subarray(0, nameEnd)),
    value: DECODER.decode(payload.subarray(nameEnd + 1, payload.length - 1)),
  };
}

/** Builds ParameterStatus. */
export function parameterStatusBytes(name: string, value: string): Uint8Array {
  return messageBytes("S", cStringBytes(name), cStringBytes(value));
}

/** What a server offers instead of the protocol that was asked for. */
export interface ProtocolOffer {
  /** The newest minor version that it speaks. */
  readonly minor: number;
  /** The `_pq_.` options that it does not know. */
  readonly unknownOptions: readonly string[];
}

/** Reads NegotiateProtocolVersion. */
export function parseNegotiateProtocolVersion(payload: Uint8Array): ProtocolOffer | null {
  if (payload.length < 8) return null;
  const count = readInt32(payload, 4);
  const unknownOptions: string[] = [];
  let at = 8;
  while (at < payload.length) {
    const end = payload.indexOf(0, at);
    if (end < 0) return null;
    unknownOptions.push(DECODER.decode(payload.subarray(at, end)));
    at = end + 1;
  }
  // Servers have sent the whole version here, and only its minor half: both mean the same.
  return unknownOptions.length === count
    ? { minor: readInt32(payload, 0) & 0xFFFF, unknownOptions }
    : null;
}

/** Builds NegotiateProtocolVersion. */
export function negotiateProtocolVersionBytes(offer: ProtocolOffer): Uint8Array {
  return messageBytes(
    "v",
    int32Bytes((3 << 16) | offer.minor),
    int32Bytes(offer.unknownOptions.length),
    concatBytes(offer.unknownOptions.map(cStringBytes)),
  );
}

/** Builds a simple query. */
export function queryBytes(text: string): Uint8Array {
  return messageBytes("Q", cStringBytes(text));
}

/** Builds Terminate, with which a client says goodbye. */
export function terminateBytes(): Uint8Array {
  return messageBytes("X");
}
