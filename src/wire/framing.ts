/**
 * Where messages begin and end in a stream, without touching what is in them.
 *
 * After the startup packet everything on a PostgreSQL connection is type (1 byte), length (4 bytes,
 * signed, counting itself), payload. The scanner walks from header to header; payloads stream
 * through, so a row of 1 GB costs as much memory as a row of one byte: five bytes of a header that
 * was cut, and the first bytes of those few messages that the caller watches.
 *
 * Chunks are cut anywhere and hold any number of messages; the events do not depend on that.
 *
 * @module
 */
import { NO_BYTES, readInt32 } from "./bytes.ts";

/** What the scanner has to say. Only watched messages are reported. */
export type FrameEvent =
  | {
    readonly type: "message";
    /** The message's type, one ASCII character. */
    readonly code: string;
    /** The payload's first bytes, as many as are watched; a copy that the caller may keep. */
    readonly payload: Uint8Array;
    /** The whole payload's length, header not counted. */
    readonly payloadBytes: number;
    /** The position in the stream just behind the message. */
    readonly endsAt: number;
  }
  /** The stream cannot be followed any further; said once, and nothing follows it. */
  | { readonly type: "violation"; readonly because: string; readonly at: number };

/** A scanner's state. It belongs to one direction of one connection; {@linkcode scan} changes it. */
export interface Framing {
  /** By type code: how many payload bytes to keep, or −1 where the message is not reported. */
  readonly keepBytes: Int16Array;
  readonly header: Uint8Array;
  headerLength: number;
  /** Payload bytes of the present message that are still to come. */
  remaining: number;
  payloadBytes: number;
  code: number;
  kept: Uint8Array;
  keptLength: number;
  /** Bytes seen so far. */
  position: number;
  broken: boolean;
}

const HEADER_BYTES = 5;
const NOTHING: readonly FrameEvent[] = [];

/**
 * Starts a scanner.
 *
 * @param watch which messages to report, and how many bytes of their payloads to keep (0 to 32767)
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const framing = createFraming({ Z: 1 });
 * const idle = Uint8Array.of(0x5A, 0, 0, 0, 5, 0x49);
 * assert.deepEqual(scan(framing, idle.subarray(0, 2)), []);
 * assert.equal(atBoundary(framing), false);
 * assert.deepEqual(scan(framing, idle.subarray(2)), [
 *   { type: "message", code: "Z", payload: Uint8Array.of(0x49), payloadBytes: 1, endsAt: 6 },
 * ]);
 * assert.equal(atBoundary(framing), true);
 * ```
 */
export function createFraming(watch: Readonly<Record<string, number>>): Framing {
  const keepBytes = new Int16Array(256).fill(-1);
  for (const [code, bytes] of Object.entries(watch)) keepBytes[code.charCodeAt(0)] = bytes;
  return {
    keepBytes,
    header: new Uint8Array(HEADER_BYTES),
    headerLength: 0,
    remaining: 0,
    payloadBytes: 0,
    code: 0,
    kept: NO_BYTES,
    keptLength: 0,
    position: 0,
    broken: false,
  };
}

/**
 * Walks over the next chunk of the stream. The chunk is only read, and not kept.
 *
 * @returns the watched messages that end in this chunk, in order; after a length below 4 one
 * violation, and then nothing for ever
 */
export function scan(framing: Framing, chunk: Uint8Array): readonly FrameEvent[] {
  if (framing.broken) return NOTHING;
  let events: FrameEvent[] | null = null;
  const startsAt = framing.position;
  let at = 0;
  while (at < chunk.length) {
    if (framing.remaining === 0) {
      if (framing.headerLength === 0) at = skipWhole(framing, chunk, at);
      if (at === chunk.length) break;
      const taken = takeHeader(framing, chunk, at);
      at += taken;
      if (framing.headerLength < HEADER_BYTES) break;
      framing.headerLength = 0;
      const length = readInt32(framing.header, 1);
      if (length < 4) {
        framing.broken = true;
        framing.position = startsAt + at;
        (events ??= []).push({
          type: "violation",
          because: `a message's length must be at least 4, is ${length}`,
          at: framing.position - HEADER_BYTES,
        });
        return events;
      }
      framing.code = framing.header[0]!;
      framing.payloadBytes = framing.remaining = length - 4;
      const keep = framing.keepBytes[framing.code]!;
      framing.keptLength = 0;
      framing.kept = keep > 0 ? new Uint8Array(Math.min(keep, framing.payloadBytes)) : NO_BYTES;
    } else {
      const taken = Math.min(framing.remaining, chunk.length - at);
      keep(framing, chunk, at, taken);
      framing.remaining -= taken;
      at += taken;
    }
    if (framing.remaining === 0 && framing.keepBytes[framing.code]! >= 0) {
      (events ??= []).push({
        type: "message",
        code: String.fromCharCode(framing.code),
        payload: framing.kept,
        payloadBytes: framing.payloadBytes,
        endsAt: startsAt + at,
      });
      framing.kept = NO_BYTES;
    }
  }
  framing.position = startsAt + at;
  return events ?? NOTHING;
}

/** True between two messages: the only place where one may be inserted. */
export function atBoundary(framing: Framing): boolean {
  return framing.headerLength === 0 && framing.remaining === 0 && !framing.broken;
}

/** Behind the whole messages from `at` on that nobody watches: rows come by the thousand. */
function skipWhole({ keepBytes }: Framing, chunk: Uint8Array, at: number): number {
  while (at + HEADER_BYTES <= chunk.length && keepBytes[chunk[at]!]! < 0) {
    const length = readInt32(chunk, at + 1);
    const end = at + 1 + length;
    if (length < 4 || end > chunk.length) break;
    at = end;
  }
  return at;
}

function takeHeader(framing: Framing, chunk: Uint8Array, at: number): number {
  const taken = Math.min(HEADER_BYTES - framing.headerLength, chunk.length - at);
  for (let i = 0; i < taken; i++) framing.header[framing.headerLength + i] = chunk[at + i]!;
  framing.headerLength += taken;
  return taken;
}

function keep(framing: Framing, chunk: Uint8Array, at: number, available: number): void {
  const wanted = Math.min(framing.kept.length - framing.keptLength, available);
  if (wanted <= 0) return;
  framing.kept.set(chunk.subarray(at, at + wanted), framing.keptLength);
  framing.keptLength += wanted;
}
