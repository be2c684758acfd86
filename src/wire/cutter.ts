/**
 * Cuts a stream of messages into pieces: those of watched types one by one, everything between them
 * as it came. So who forwards a stream can take single messages out of it, or hold them back, and
 * still moves the rest in as few writes as it arrived in.
 *
 * @module
 */
import { readInt32 } from "./bytes.ts";

/** A part of the stream. Bytes are views of the chunk, good until its buffer is used again. */
export type Piece =
  /** Messages nobody watches, or parts of such. */
  | { readonly type: "run"; readonly bytes: Uint8Array }
  /** A watched message, or a part of it: chunks are cut anywhere. */
  | {
    readonly type: "part";
    /** The message's type, one ASCII character. */
    readonly code: string;
    readonly bytes: Uint8Array;
    /** It begins here, with its header. */
    readonly first: boolean;
    /** It ends here. */
    readonly last: boolean;
    /** The whole payload's length, header not counted. */
    readonly payloadBytes: number;
  }
  /** The stream cannot be followed any further; said once, and nothing follows it. */
  | { readonly type: "violation"; readonly because: string };

/** A cutter's state. It belongs to one direction of one connection; {@linkcode cut} changes it. */
export interface Cutter {
  /** A header that was cut, which is withheld until it is whole. */
  readonly header: Uint8Array;
  headerLength: number;
  /** Payload bytes of the present message that are still to come. */
  remaining: number;
  payloadBytes: number;
  code: number;
  /** The present message began when its type was watched. */
  watched: boolean;
  broken: boolean;
}

/** Which message types are watched, by their code. */
export type Watch = Uint8Array;

const HEADER_BYTES = 5;

/** Starts a cutter at the beginning of a message. */
export function createCutter(): Cutter {
  return {
    header: new Uint8Array(HEADER_BYTES),
    headerLength: 0,
    remaining: 0,
    payloadBytes: 0,
    code: 0,
    watched: false,
    broken: false,
  };
}

/** Watches the types in `codes`, one ASCII character each. */
export function watch(codes: string): Watch {
  const flags = new Uint8Array(256);
  for (const code of codes) flags[code.charCodeAt(0)] = 1;
  return flags;
}

/** Watches every type. */
export const WATCH_ALL: Watch = new Uint8Array(256).fill(1);

/** True between two messages. */
export function isBetween(cutter: Cutter): boolean {
  return cutter.headerLength === 0 && cutter.remaining === 0 && !cutter.broken;
}

/**
 * Cuts the next chunk. Whether a message is watched is settled where its header ends.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const cutter = createCutter();
 * const idle = Uint8Array.of(0x5A, 0, 0, 0, 5, 0x49);
 * const row = Uint8Array.of(0x44, 0, 0, 0, 6, 0, 0);
 * const pieces = cut(cutter, Uint8Array.of(...row, ...row, ...idle), watch("Z"));
 * assert.deepEqual(pieces, [
 *   { type: "run", bytes: Uint8Array.of(...row, ...row) },
 *   { type: "part", code: "Z", bytes: idle, first: true, last: true, payloadBytes: 1 },
 * ]);
 * ```
 */
export function cut(cutter: Cutter, chunk: Uint8Array, watched: Watch): readonly Piece[] {
  const pieces: Piece[] = [];
  if (cutter.broken) return pieces;
  let runFrom = 0;
  let at = 0;
  const closeRun = (until: number) => {
    if (until > runFrom) pieces.push({ type: "run", bytes: chunk.subarray(runFrom, until) });
  };
  const part = (bytes: Uint8Array, first: boolean) => {
    pieces.push({
      type: "part",
      code: String.fromCharCode(cutter.code),
      bytes,
      first,
      last: cutter.remaining === 0,
      payloadBytes: cutter.payloadBytes,
    });
  };
  while (at < chunk.length) {
    if (cutter.remaining > 0) {
      const taken = Math.min(cutter.remaining, chunk.length - at);
      cutter.remaining -= taken;
      if (cutter.watched) {
        part(chunk.subarray(at, at + taken), false);
        runFrom = at + taken;
      }
      at += taken;
      continue;
    }
    if (cutter.headerLength === 0) at = skipWhole(chunk, at, watched);
    if (at === chunk.length) break;
    const startsAt = at;
    const whole = cutter.headerLength === 0 && chunk.length - at >= HEADER_BYTES;
    if (!whole) {
      const taken = Math.min(HEADER_BYTES - cutter.headerLength, chunk.length - at);
      cutter.header.set(chunk.subarray(at, at + taken), cutter.headerLength);
      cutter.headerLength += taken;
      at += taken;
      closeRun(startsAt);
      runFrom = at;
      if (cutter.headerLength < HEADER_BYTES) return pieces;
      cutter.headerLength = 0;
    } else {
      at += HEADER_BYTES;
    }
    const header = whole ? chunk : cutter.header;
    const headerAt = whole ? startsAt : 0;
    const length = readInt32(header, headerAt + 1);
    if (length < 4) {
      cutter.broken = true;
      closeRun(startsAt);
      pieces.push({
        type: "violation",
        because: `a message's length must be at least 4, is ${length}`,
      });
      return pieces;
    }
    cutter.code = header[headerAt]!;
    cutter.payloadBytes = cutter.remaining = length - 4;
    cutter.watched = watched[cutter.code] === 1;
    if (cutter.watched) {
      if (whole) closeRun(startsAt);
      // With what there is of the payload, so that most messages are one piece.
      const taken = whole ? Math.min(cutter.remaining, chunk.length - at) : 0;
      cutter.remaining -= taken;
      part(whole ? chunk.subarray(startsAt, at + taken) : header.slice(), true);
      at += taken;
      runFrom = at;
    } else if (!whole) {
      pieces.push({ type: "run", bytes: header.slice() });
    }
  }
  closeRun(at);
  return pieces;
}

/** Behind the whole messages from `at` on that nobody watches: rows come by the thousand. */
function skipWhole(chunk: Uint8Array, at: number, watched: Watch): number {
  while (at + HEADER_BYTES <= chunk.length && watched[chunk[at]!] === 0) {
    const length = readInt32(chunk, at + 1);
    const end = at + 1 + length;
    if (length < 4 || end > chunk.length) break;
    at = end;
  }
  return at;
}
