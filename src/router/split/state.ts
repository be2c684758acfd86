/**
 * The state of a session whose reads may go to a standby.
 *
 * @module
 */
import type { Classifier } from "../../sql/classify.ts";
import type { Complaint } from "../../wire/sqlstate.ts";
import type { Credentials } from "../authenticate.ts";
import type { Attempt } from "../acquire.ts";
import type { Context } from "../context.ts";
import type { EarlyInput } from "../ear.ts";
import type { Ending } from "../forward.ts";
import type { Route } from "../route.ts";
import { write } from "../socket.ts";
import { type Book, createBook, type Statement } from "./book.ts";
import type { Classifiers } from "./classifiers.ts";
import { createMemory, type Memory } from "./memory.ts";
import type { Sample } from "./positions.ts";
import { isBusy } from "../../wire/activity.ts";
import { changed, type Hold, isQuiet, type Side } from "./side.ts";

/** What opens servers for this client, again and again. */
export interface Login {
  readonly startup: Uint8Array;
  readonly credentials: Credentials;
  readonly database: string;
  readonly classifiers: Classifiers;
}

/** How the session's owner is told of its moves. */
export interface SplitHooks {
  /** Where it is now, or tries to get. */
  onRoutes(primary: Route | null, standby: Route | null): void;
  onAttempt(attempt: Attempt | null): void;
  /** Why it waits for a primary; null when that is over. */
  onWait(because: string | null): void;
  onBytes(direction: "to_server" | "to_client", count: number): void;
}

/** A session. Functions of this folder change it. */
export interface Split {
  readonly context: Context;
  readonly client: Deno.Conn;
  readonly login: Login;
  readonly hooks: SplitHooks;
  /** Aborted when the session is over. */
  readonly signal: AbortSignal;
  readonly book: Book;
  readonly memory: Memory;
  /** The server's parameters as the client knows them; {@linkcode tell} changes them. */
  readonly told: ReadonlyMap<string, string>;
  /** Texts can be read as they come: no byte of a character looks like another one. */
  readable: boolean;
  classifier: Classifier | null;
  /** Null while there is none, or it was left because it is no longer the primary. */
  primary: Side | null;
  standby: Side | null;
  /** Which one answers, or answered last. */
  live: Side | null;
  /** A unit that failed on a standby is on its way to the primary. */
  rerun: Promise<void> | null;
  /** Memory for the copy of a request that may have to run again; null before the first. */
  request: Uint8Array | null;
  /** A transaction on the standby changed settings that the primary does not have yet. */
  settingsAhead: boolean;
  /** Reads that might have gone to a standby. */
  reads: number;
  /** Why this session gets no standby at all. */
  noStandby: string | null;
  /** When the last write was acknowledged, on the router's clock; null before the first. */
  wroteAtMs: number | null;
  /** What a standby must have replayed because of that; null where it is not known. */
  need: Sample | null;
  /** The BEGIN of a transaction on the standby of which nothing else was sent; null where there is none. */
  opening: { readonly bytes: Uint8Array; readonly needs: readonly Statement[] } | null;
  /** What the client said while its session had no server to give it to. */
  ahead: EarlyInput | null;
  /** How many times a server became ready for the client. */
  answered: number;
  /** What the client sent is on its way to a server, or waits for one. */
  taking: boolean;
  /** The client has read an error before its Sync: the rest of its unit is dropped. */
  skipping: boolean;
  /** Leave the primary with this reason as soon as possible. */
  drain: Complaint | null;
  over: boolean;
  /** The first of these settles how the session ended. */
  end(ending: Ending): void;
  readonly ended: Promise<Ending>;
  /** Runs on the primary what a standby failed in; `side` is that standby if it is still there. */
  readonly rerunOf: (hold: Hold, side: Side | null) => Promise<void>;
}

/** What Parse messages are kept of, in bytes, for a session. */
const BOOK_BYTES = 1_048_576;

/** A session that has no server yet. */
export function createSplit(
  { context, client, login, hooks, signal, rerun }: {
    readonly context: Context;
    readonly client: Deno.Conn;
    readonly login: Login;
    readonly hooks: SplitHooks;
    readonly signal: AbortSignal;
    readonly rerun: (hold: Hold, side: Side | null) => Promise<void>;
  },
): Split {
  const { promise, resolve } = Promise.withResolvers<Ending>();
  const split: Split = {
    context,
    client,
    login,
    hooks,
    signal,
    book: createBook(BOOK_BYTES),
    memory: createMemory(context.options.opaqueSessions === "trust"),
    told: new Map(),
    readable: true,
    classifier: null,
    primary: null,
    standby: null,
    live: null,
    rerun: null,
    request: null,
    settingsAhead: false,
    reads: 0,
    noStandby: null,
    wroteAtMs: null,
    need: null,
    opening: null,
    ahead: null,
    answered: 0,
    taking: false,
    skipping: false,
    drain: null,
    over: false,
    end(ending) {
      split.over = true;
      resolve(ending);
    },
    ended: promise,
    rerunOf: rerun,
  };
  return split;
}

/** Encodings in which a byte of a character may look like ASCII, so that texts cannot be read safely. */
const UNSAFE_ENCODINGS = new Set([
  "SJIS",
  "BIG5",
  "GBK",
  "UHC",
  "GB18030",
  "JOHAB",
  "SHIFT_JIS_2004",
]);

/** Takes note of a parameter of the server's that the client is told. */
export function tell(split: Split, name: string, value: string): void {
  const told = split.told as Map<string, string>;
  told.set(name, value);
  split.readable = told.get("standard_conforming_strings") !== "off" &&
    !UNSAFE_ENCODINGS.has(told.get("client_encoding")?.toUpperCase() ?? "UTF8");
}

/** Tells the owner where the session is. */
export function tellRoutes(split: Split): void {
  split.hooks.onRoutes(split.primary?.route ?? null, split.standby?.route ?? null);
}

/**
 * Writes to the client, when no other server is in the middle of an answer.
 *
 * @returns false where the client is gone
 */
export async function toClient(
  split: Split,
  side: Side | null,
  parts: readonly Uint8Array[],
): Promise<boolean> {
  for (;;) {
    const { live } = split;
    if (live === null || live === side || !speaks(live)) break;
    await changed(live);
  }
  for (const part of joined(parts)) {
    if (!await write(split.client, part)) {
      split.end({ type: "client_left" });
      return false;
    }
    split.hooks.onBytes("to_client", part.length);
  }
  return true;
}

function speaks(side: Side): boolean {
  if (side.closed || side.hold?.failed === true) return false;
  return side.writing || isBusy(side.activity) || !isQuiet(side);
}

/** Neighbours in one buffer become one part again, and small strangers are put together. */
function joined(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const [first] = parts;
  if (first === undefined || parts.length === 1) return parts;
  const last = parts[parts.length - 1]!;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const one = parts.every(({ buffer }) => buffer === first.buffer) &&
    last.byteOffset + last.length - first.byteOffset === length;
  if (one) return [new Uint8Array(first.buffer, first.byteOffset, length)];
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return [whole];
}
