/**
 * One of a session's two servers, and private words with it: questions of the router's own, asked
 * between the client's units and never seen by the client.
 *
 * @module
 */
import { type Activity, createActivity, isBusy } from "../../wire/activity.ts";
import { createCutter, type Cutter, isBetween } from "../../wire/cutter.ts";
import { type ErrorFields, parseErrorFields } from "../../wire/errors.ts";
import { queryBytes } from "../../wire/messages.ts";
import { parseDataRow } from "../../wire/requests.ts";
import type { BackendKey } from "../../wire/startup.ts";
import type { Backend } from "../backend.ts";
import type { Route } from "../route.ts";
import { closeQuietly, write } from "../socket.ts";
import type { Statement } from "./book.ts";
import type { Unit } from "./unit.ts";

/** What came of a private question. */
export interface Told {
  readonly rows: readonly (readonly (string | null)[])[];
  readonly error: ErrorFields | null;
  /** The ErrorResponse as it came, for a client that has to read it. */
  readonly words: Uint8Array | null;
  /** How many Parse messages succeeded: those before the one that failed. */
  readonly parsed: number;
}

/** A unit of which the client has not seen anything yet, so that it may run again elsewhere. */
export interface Hold {
  readonly unit: Unit;
  /** A copy of its bytes is the beginning of this. */
  readonly request: Uint8Array;
  /** The unit has no Sync yet, and asks for a description only. */
  readonly open: boolean;
  /** What was said so far, not passed on. */
  readonly bytes: Uint8Array[];
  /** Other work was sent behind it, which may not run twice: it stays with its server. */
  followed: boolean;
  /** The server failed in it: everything up to its ReadyForQuery, or to its end, is dropped. */
  failed: boolean;
}

/** What a server owes, up to a ReadyForQuery. */
export interface Owed {
  /** The statements whose ParseComplete comes before it, in their order; null where there are none. */
  made: Statement[] | null;
  /** For each CloseComplete, the statement's name, or null for a portal; null where there are none. */
  closes: (string | null)[] | null;
  /** For each DEALLOCATE and DISCARD ALL the name, or null for all; null where there are none. */
  drops: (string | null)[] | null;
  /** That is all that the unit does. */
  dropsOnly: boolean;
  /**
   * The types of its messages, in their order, an unnamed Parse as `p`, and how many were answered, where
   * an error may leave in doubt whether that Parse was reached; null where it cannot.
   */
  order: string | null;
  answers: number;
  /** The Sync was the router's own: the client is not told, and what it sends next belongs with it. */
  silent: boolean;
}

/** A server of a session. */
export interface Side {
  readonly route: Route;
  readonly conn: Deno.Conn;
  readonly key: BackendKey | null;
  readonly cutter: Cutter;
  readonly activity: Activity;
  /** Statements that exist here, as they were made. */
  readonly made: Map<string, Statement>;
  /** Names of statements that the client has closed on the other server, and that are still here. */
  readonly stale: string[];
  /** One for each ReadyForQuery that is owed. */
  readonly expected: Owed[];
  /** Messages of the extended protocol were sent, and no Sync behind them. */
  openBatch: boolean;
  /** It answered with an error that the client has read: up to a Sync it listens to nothing. */
  batchFailed: boolean;
  /** A question of the router's own is under way. */
  question: ((told: Told | null) => void) | null;
  /** What it said is being written to the client. */
  writing: boolean;
  readonly heard: {
    rows: (readonly (string | null)[])[];
    words: Uint8Array | null;
    parsed: number;
  };
  hold: Hold | null;
  /** A message that is being put together. */
  partial: Uint8Array[];
  /** The generation of settings that it has. */
  mirrored: number;
  /** FATAL at rest: kept from the client until it is known whether the session can go on. */
  farewell: Uint8Array | null;
  /** It said FATAL, and the client read it. */
  explained: boolean;
  /** What the client reads where its query is cancelled, which takes too long. */
  overdue: string | null;
  /** To be closed when it is quiet. */
  retired: boolean;
  closed: boolean;
  readonly waiting: Set<() => void>;
}

/** An answer that is owed, and nothing known of it yet. */
export function createOwed(): Owed {
  return {
    made: null,
    closes: null,
    drops: null,
    dropsOnly: false,
    order: null,
    answers: 0,
    silent: false,
  };
}

/** Takes over a server that has just become ready. */
export function createSide(route: Route, backend: Backend): Side {
  return {
    route,
    conn: backend.conn,
    key: backend.keys?.server ?? null,
    cutter: createCutter(),
    activity: createActivity(),
    made: new Map(),
    stale: [],
    expected: [],
    openBatch: false,
    batchFailed: false,
    writing: false,
    question: null,
    heard: { rows: [], words: null, parsed: 0 },
    hold: null,
    partial: [],
    mirrored: 0,
    farewell: null,
    explained: false,
    overdue: null,
    retired: false,
    closed: false,
    waiting: new Set(),
  };
}

/** True where nothing is under way: neither the client's work nor the router's. */
export function isQuiet(side: Side): boolean {
  if (side.closed) return true;
  return !isBusy(side.activity) && side.question === null && side.hold === null &&
    !side.writing && isBetween(side.cutter);
}

/** True where it is quiet outside of a transaction. */
export function isFree(side: Side): boolean {
  return isQuiet(side) && side.activity.transaction === "idle";
}

/** Resolves when the side is quiet, or gone. */
export async function quiet(side: Side): Promise<void> {
  while (!isQuiet(side)) await changed(side);
}

/** Resolves when nothing that it said is kept back, or it is gone. */
export async function told(side: Side): Promise<void> {
  while (side.hold !== null) await changed(side);
}

/** Resolves when the server has closed its side, or the router has. */
export async function gone(side: Side): Promise<void> {
  while (!side.closed) await changed(side);
}

/** Resolves at the next {@linkcode wake}. */
export function changed({ waiting }: Side): Promise<void> {
  return new Promise((resolve) => waiting.add(resolve));
}

/** Lets those who wait for a change of it look again. */
export function wake(side: Side): void {
  if (side.waiting.size === 0) return;
  const waiting = [...side.waiting];
  side.waiting.clear();
  for (const resolve of waiting) resolve();
}

/** Closes it; its reading loop ends without a word. */
export function closeSide(side: Side): void {
  side.closed = true;
  closeQuietly(side.conn);
  answer(side, null);
  side.hold = null;
  wake(side);
}

/**
 * Asks something; the side must be free. The messages must end in exactly one ReadyForQuery.
 *
 * @returns null where the server went away
 */
export async function ask(side: Side, request: string | Uint8Array): Promise<Told | null> {
  if (side.closed) return null;
  // A simple query takes the place of the unnamed statement, which has to be made again.
  if (typeof request === "string") side.made.delete("");
  const told = new Promise<Told | null>((resolve) => side.question = resolve);
  if (!await write(side.conn, typeof request === "string" ? queryBytes(request) : request)) {
    answer(side, null);
  }
  return await told;
}

/** Takes a whole message that answers a question. @returns true where it was the last one */
export function hearAnswer(side: Side, code: string, message: Uint8Array): boolean {
  const payload = message.subarray(5);
  if (code === "D") {
    const row = parseDataRow(payload);
    if (row !== null) side.heard.rows.push(row);
  } else if (code === "E") {
    side.heard.words ??= message.slice();
  } else if (code === "1") {
    side.heard.parsed++;
  }
  return code === "Z";
}

/** Settles the question that is under way with what was heard, or with null. */
export function answer(side: Side, outcome: "heard" | null): void {
  const { question, heard } = side;
  if (question === null) return;
  const { rows, words, parsed } = heard;
  side.question = null;
  heard.rows = [];
  heard.words = null;
  heard.parsed = 0;
  question(
    outcome === null
      ? null
      : { rows, words, parsed, error: words === null ? null : parseErrorFields(words.subarray(5)) },
  );
  wake(side);
}
