/**
 * The messages that carry authentication (PostgreSQL manual, "Message Formats"): SASL's list of
 * mechanisms, first response and further responses, and the password message. Parsers take a
 * payload, header left off, and give null where it is not one.
 *
 * @module
 */
import { concatBytes, cStringBytes, int32Bytes, messageBytes, readInt32 } from "./bytes.ts";

/** A client's authentication message is never longer; PostgreSQL's own limit for SASL is 1024. */
export const MAXIMUM_PASSWORD_MESSAGE_BYTES = 4096;

const ENCODER = new TextEncoder();
const STRICT_DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What AuthenticationSASL carries: the mechanisms on offer, the best one first. */
export function mechanismListBytes(mechanisms: readonly string[]): Uint8Array {
  return concatBytes([...mechanisms.map(cStringBytes), Uint8Array.of(0)]);
}

/** Reads AuthenticationSASL, its code of four bytes included. */
export function parseMechanismList(payload: Uint8Array): readonly string[] | null {
  const mechanisms: string[] = [];
  let at = 4;
  while (at < payload.length && payload[at] !== 0) {
    const end = payload.indexOf(0, at);
    const name = end < 0 ? null : textOf(payload.subarray(at, end));
    if (name === null) return null;
    mechanisms.push(name);
    at = end + 1;
  }
  return at === payload.length - 1 ? mechanisms : null;
}

/** Builds SASLInitialResponse. */
export function saslInitialBytes(mechanism: string, data: string): Uint8Array {
  const bytes = ENCODER.encode(data);
  return messageBytes("p", cStringBytes(mechanism), int32Bytes(bytes.length), bytes);
}

/** Reads SASLInitialResponse; `data` is null where the client sent none. */
export function parseSaslInitial(
  payload: Uint8Array,
): { readonly mechanism: string; readonly data: string | null } | null {
  const end = payload.indexOf(0);
  if (end < 0 || payload.length < end + 5) return null;
  const mechanism = textOf(payload.subarray(0, end));
  const length = readInt32(payload, end + 1);
  const bytes = payload.subarray(end + 5);
  if (mechanism === null) return null;
  if (length === -1) return bytes.length === 0 ? { mechanism, data: null } : null;
  const data = length === bytes.length ? textOf(bytes) : null;
  return data === null ? null : { mechanism, data };
}

/** Builds SASLResponse. */
export function saslResponseBytes(data: string): Uint8Array {
  return messageBytes("p", ENCODER.encode(data));
}

/** Builds PasswordMessage. */
export function passwordBytes(text: string): Uint8Array {
  return messageBytes("p", cStringBytes(text));
}

/** Reads PasswordMessage. */
export function parsePassword(payload: Uint8Array): string | null {
  const end = payload.indexOf(0);
  return end >= 0 && end === payload.length - 1 ? textOf(payload.subarray(0, end)) : null;
}

/** Bytes as text; null where they are not UTF-8. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    return STRICT_DECODER.decode(bytes);
  } catch {
    return null;
  }
}
