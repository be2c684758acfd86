/**
 * The few byte operations that the protocol's builders and parsers share. Everything on the wire is
 * big-endian; text is UTF-8 and ends with a zero byte.
 *
 * @module
 */

const ENCODER = new TextEncoder();

/** No bytes. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);

/**
 * One array out of many.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(concatBytes([Uint8Array.of(1), Uint8Array.of(2, 3)]), Uint8Array.of(1, 2, 3));
 * ```
 */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** A 32-bit integer; numbers above 2³¹ − 1 keep their bit pattern. */
export function int32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putInt32(bytes, 0, value);
  return bytes;
}

/**
 * Text with its terminating zero.
 *
 * @throws {RangeError} where the text itself holds a zero, which would end it early
 */
export function cStringBytes(text: string): Uint8Array {
  if (text.includes("\0")) {
    throw new RangeError("Cannot encode text for the wire as it must not hold a zero character.");
  }
  return ENCODER.encode(text + "\0");
}

/** Reads a signed 32-bit integer. Bytes beyond the end read as an incomplete number would: as 0. */
export function readInt32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0);
}

/**
 * Where the message ends that begins at `at`, always behind its header; that may be behind the last
 * byte, where only the beginning of it is there.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const sync = Uint8Array.of(0x53, 0, 0, 0, 4);
 * assert.equal(endOfMessage(sync, 0), 5);
 * ```
 */
export function endOfMessage(bytes: Uint8Array, at: number): number {
  return at + 1 + Math.max(4, readInt32(bytes, at + 1));
}

/**
 * A whole message: type, length, payload.
 *
 * @param type one ASCII character
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(messageBytes("X"), Uint8Array.of(0x58, 0, 0, 0, 4));
 * ```
 */
export function messageBytes(type: string, ...payload: readonly Uint8Array[]): Uint8Array {
  let length = 4;
  for (const part of payload) length += part.length;
  const message = new Uint8Array(1 + length);
  message[0] = type.charCodeAt(0);
  putInt32(message, 1, length);
  let at = 5;
  for (const part of payload) {
    message.set(part, at);
    at += part.length;
  }
  return message;
}

function putInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
