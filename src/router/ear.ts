/**
 * Listens to a client while the router is busy finding a server for it, so that a client that leaves is
 * noticed at once. What it says meanwhile is kept, up to a bound, for whoever reads it next.
 *
 * @module
 */
import { concatBytes } from "../wire/bytes.ts";
import { read } from "./socket.ts";

/** What a client sent that nobody has looked at yet. */
export interface EarlyInput {
  readonly rest: Uint8Array;
  /** A read that is still under way, and its buffer. */
  readonly pending: Promise<number | null>;
  readonly buffer: Uint8Array;
}

/** The only reader of its client, from {@linkcode openEar} to {@linkcode Ear.hand}. */
export interface Ear {
  /** Goes on listening until the next call of another function. `onLeft` is told once, and late is never. */
  watch(onLeft: () => void): void;
  /** The next bytes; null where the client has left. */
  next(): Promise<Uint8Array | null>;
  /** Gives back bytes that were too many. */
  putBack(bytes: Uint8Array): void;
  /** Ends it: the reading is the caller's from here on. */
  hand(): EarlyInput;
}

/** What is kept of a client that sends and waits. Beyond that it is not read, and its leaving not seen. */
const KEPT_BYTES = 8192;
/** Idle sessions keep such a buffer; it grows while reads fill it. */
const BUFFER_BYTES = 2048;

/** Begins with what was read before, or is being read. */
export function openEar(client: Deno.Conn, early: Uint8Array | EarlyInput): Ear {
  const begun = early instanceof Uint8Array ? null : early;
  let heard = early instanceof Uint8Array ? early : early.rest;
  let buffer = begun?.buffer ?? new Uint8Array(BUFFER_BYTES);
  let pending = begun?.pending ?? null;
  let turn = 0;
  const begin = () => pending ??= read(client, buffer);
  /** Takes what the read gave. */
  const took = (count: number): Uint8Array => {
    const bytes = buffer.subarray(0, count);
    pending = null;
    buffer = new Uint8Array(BUFFER_BYTES);
    return bytes;
  };
  return {
    watch(onLeft) {
      const mine = ++turn;
      void (async () => {
        while (heard.length < KEPT_BYTES) {
          const count = await begin();
          if (turn !== mine) return;
          if (count === null) return onLeft();
          heard = concatBytes([heard, took(count)]);
        }
      })();
    },
    async next() {
      turn++;
      if (heard.length === 0) {
        const count = await begin();
        return count === null ? null : took(count);
      }
      const bytes = heard;
      heard = new Uint8Array(0);
      return bytes;
    },
    putBack(bytes) {
      heard = heard.length === 0 ? bytes : concatBytes([bytes, heard]);
    },
    hand() {
      turn++;
      return { rest: heard, pending: begin(), buffer };
    },
  };
}
