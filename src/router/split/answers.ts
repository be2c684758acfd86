/**
 * From a server to the client: passes on what it says, takes out what is not for the client, and keeps
 * back what fails while the client has not seen anything of it, and another server may do better.
 *
 * @module
 */
import { isAtRest, isBusy, noteCopyIn, noteReady, noteRequest } from "../../wire/activity.ts";
import { concatBytes, endOfMessage, readInt32 } from "../../wire/bytes.ts";
import { cut, isBetween, type Watch, watch, WATCH_ALL } from "../../wire/cutter.ts";
import { endsSession, errorBytes, parseErrorFields } from "../../wire/errors.ts";
import {
  parseParameterStatus,
  parseReadyForQuery,
  statusOf,
  type TransactionStatus,
} from "../../wire/messages.ts";
import { syncBytes } from "../../wire/requests.ts";
import { SQLSTATE } from "../../wire/sqlstate.ts";
import { read, write } from "../socket.ts";
import { countFailure } from "../context.ts";
import { isGoing, mayRepeat, primaryLost, settle, standbyLost } from "./ends.ts";
import { noLongerStale, noteAnswer, noteClosed, noteCommand, noteFailed } from "./forgetting.ts";
import { answer, hearAnswer, type Side, wake } from "./side.ts";
import { type Split, tell, toClient } from "./state.ts";
import { textsOf } from "./unit.ts";

// Buffers grow towards this size while reads fill them, so idle sessions stay small.
const LARGE_BUFFER_BYTES = 131_072;

/** Messages that are looked at as a whole. */
const COLLECTED = new Set(["Z", "E", "S", "1", "3", "C", "G"]);
/** Together with those that an idle standby may not tell the client. */
const WATCHED: Watch = watch("ZES13GNA");
/** Where the messages have to be counted. */
const ALL_BUT_ROWS: Watch = WATCH_ALL.slice();
for (const code of "Dd") ALL_BUT_ROWS[code.charCodeAt(0)] = 0;
/** What a server says before the first result; not passed on while the unit may still move. */
const PRELUDE = new Set(["1", "2", "3", "t", "T", "n", "N"]);
/** What a result begins with, or all that there is of it. */
const RESULT = new Set(["D", "C", "I", "s", "H"]);
/** The last word of a description. */
const DESCRIBED = new Set(["T", "n"]);
/** The client itself wanted the end of it. */
const CANCELLED = "57014";
const READ_ONLY = "25006";

/** Reads one server until it is gone, at first into `buffer`. Started once for each side. */
export async function pump(split: Split, side: Side, buffer: Uint8Array): Promise<void> {
  for (;;) {
    const count = await read(side.conn, buffer);
    if (side.closed) return;
    if (count === null) break;
    const chunk = buffer.subarray(0, count);
    if (hearWhole(split, side, chunk)) {
      side.writing = true;
      const taken = await write(split.client, chunk);
      side.writing = false;
      if (!taken) return split.end({ type: "client_left" });
      split.hooks.onBytes("to_client", count);
    } else {
      const out: Uint8Array[] = [];
      const followed = hear(split, side, chunk, out);
      if (out.length > 0) {
        side.writing = true;
        const taken = await toClient(split, side, out);
        side.writing = false;
        if (!taken) return;
      }
      if (!followed) return;
    }
    settle(split, side);
    wake(side);
    if (count === buffer.length && count < LARGE_BUFFER_BYTES) buffer = new Uint8Array(count * 2);
  }
  if (side === split.standby) standbyLost(split, side);
  else primaryLost(split, side);
  wake(side);
}

/**
 * The common case in one pass: all that is owed came in one piece, and nothing of it is for the router.
 *
 * @returns false where it did not; nothing was done then
 */
function hearWhole(split: Split, side: Side, chunk: Uint8Array): boolean {
  const { activity, hold, expected } = side;
  // Only the side that answers may write to the client.
  if (split.live !== side) return false;
  const alone = activity.unanswered === 1 && !activity.unsynced && expected.length === 1;
  if (!alone || expected[0]!.silent || expected[0]!.drops !== null) return false;
  const held = hold !== null && (hold.failed || hold.open || hold.bytes.length > 0);
  if (held || side.question !== null || side.partial.length > 0) return false;
  if (!isBetween(side.cutter)) return false;
  const parsed = countParsed(chunk);
  if (parsed < 0) return false;
  const status = statusOf(chunk[chunk.length - 1]);
  if (status === null) return false;
  for (let i = 0; i < parsed; i++) noteMade(split, side);
  side.hold = null;
  noteAnswered(split, side, status);
  return true;
}

/** The types of messages that are passed on unread, but for ParseComplete. */
const PLAIN = watch("12tTnDCIs");
const PARSE_COMPLETE = 0x31;
const READY_FOR_QUERY = 0x5A;
const READY_BYTES = 6;

/** How many ParseComplete are in plain messages that end with one ReadyForQuery; -1 where they are none. */
function countParsed(chunk: Uint8Array): number {
  const end = chunk.length - READY_BYTES;
  let parsed = 0;
  let at = 0;
  while (at < end) {
    const code = chunk[at]!;
    if (PLAIN[code] !== 1) return -1;
    if (code === PARSE_COMPLETE) parsed++;
    const length = readInt32(chunk, at + 1);
    if (length < 4) return -1;
    at += 1 + length;
  }
  const ready = at === end && chunk[at] === READY_FOR_QUERY && readInt32(chunk, at + 1) === 5;
  return ready ? parsed : -1;
}

/** @returns false where the stream cannot be followed any further */
function hear(split: Split, side: Side, chunk: Uint8Array, out: Uint8Array[]): boolean {
  releaseHold(side, chunk, out);
  const watched = watchedOf(side);
  for (const piece of cut(side.cutter, chunk, watched)) {
    if (piece.type === "violation") {
      split.end({ type: "violation", side: "server", because: piece.because });
      return false;
    }
    if (piece.type === "run") {
      out.push(piece.bytes);
      continue;
    }
    if (piece.first && side.question === null) noteAnswer(side, piece.code);
    if (side.question === null && !COLLECTED.has(piece.code)) {
      pass(split, side, piece.code, piece.bytes, out);
    } else if (!piece.last) {
      side.partial.push(piece.bytes.slice());
    } else {
      const message = side.partial.length === 0
        ? piece.bytes
        : concatBytes([...side.partial, piece.bytes]);
      side.partial = [];
      if (!take(split, side, piece.code, message, out)) return false;
    }
  }
  return true;
}

function watchedOf({ question, hold, expected }: Side): Watch {
  if (question !== null || hold !== null) return WATCH_ALL;
  const counted = expected.some(({ drops, order }) => drops !== null || order !== null);
  return counted ? ALL_BUT_ROWS : WATCHED;
}

/** Where a result has begun the unit stays, and the rest of it need not be looked at row by row. */
function releaseHold(side: Side, chunk: Uint8Array, out: Uint8Array[]): void {
  const { hold } = side;
  if (hold === null || hold.failed || hold.open || !isBetween(side.cutter)) return;
  for (let at = 0; at < chunk.length; at = endOfMessage(chunk, at)) {
    const code = String.fromCharCode(chunk[at]!);
    if (RESULT.has(code)) {
      out.push(...hold.bytes);
      side.hold = null;
      return;
    }
    if (!PRELUDE.has(code)) return;
  }
}

/** Passes a message on, or a part of it, or keeps it as long as the unit may still move. */
function pass(split: Split, side: Side, code: string, bytes: Uint8Array, out: Uint8Array[]): void {
  const { hold } = side;
  if (hold === null) {
    const chatter = code === "N" || code === "A";
    if (chatter && side === split.standby && !isBusy(side.activity)) return;
    out.push(bytes);
  } else if (!hold.failed) {
    if (PRELUDE.has(code)) hold.bytes.push(bytes.slice());
    if (!PRELUDE.has(code) || (hold.open && DESCRIBED.has(code))) {
      out.push(...hold.bytes);
      side.hold = null;
      if (!PRELUDE.has(code)) out.push(bytes);
    }
  }
}

/** Takes a whole message. @returns false where the stream cannot be followed any further */
function take(
  split: Split,
  side: Side,
  code: string,
  message: Uint8Array,
  out: Uint8Array[],
): boolean {
  if (code === "S") {
    takeParameter(split, side, message, out);
    return true;
  }
  if (side.question !== null) {
    if (code === "A" && side === split.primary) out.push(message);
    if (!hearAnswer(side, code, message)) return true;
    const status = parseReadyForQuery(message.subarray(5));
    if (status === null) return unfit(split);
    side.activity.transaction = status;
    answer(side, "heard");
    return true;
  }
  switch (code) {
    case "Z": {
      const status = parseReadyForQuery(message.subarray(5));
      if (status === null) return unfit(split);
      if (side.hold?.failed !== true && side.expected[0]?.silent !== true) {
        pass(split, side, code, message, out);
      }
      noteAnswered(split, side, status);
      if (side.hold?.failed === true) split.rerun = split.rerunOf(side.hold, side);
      return true;
    }
    case "E":
      takeError(split, side, message, out);
      return true;
    case "1":
      noteMade(split, side);
      pass(split, side, code, message, out);
      return true;
    case "3":
      noteClosed(split, side);
      pass(split, side, code, message, out);
      return true;
    case "C":
      noteCommand(split, side, message);
      pass(split, side, code, message, out);
      return true;
    case "G":
      noteCopyIn(side.activity);
      pass(split, side, code, message, out);
      return true;
    default:
      pass(split, side, code, message, out);
      return true;
  }
}

/** A ParseComplete came. */
function noteMade(split: Split, side: Side): void {
  const made = side.expected[0]?.made?.shift();
  if (made === undefined || made.gone) return;
  side.made.set(made.name, made);
  if (side.stale.length > 0) noLongerStale(side, made.name);
  split.book.set(made);
}

/** A ReadyForQuery came. */
function noteAnswered(split: Split, side: Side, status: TransactionStatus): void {
  noteReady(side.activity, status);
  split.answered++;
  side.overdue = null;
  side.batchFailed = false;
  const { expected } = side;
  // A COPY swallows Syncs, and nothing is owed for them.
  if (expected.length > 0 && !isBusy(side.activity)) expected.length = 0;
  else expected.shift();
  if (side === split.primary) noteWritten(split, side);
}

function takeParameter(split: Split, side: Side, message: Uint8Array, out: Uint8Array[]): void {
  if (side !== split.primary) return;
  const told = parseParameterStatus(message.subarray(5));
  if (told !== null && split.told.get(told.name) === told.value) return;
  if (told !== null) tell(split, told.name, told.value);
  out.push(message);
}

function takeError(split: Split, side: Side, message: Uint8Array, out: Uint8Array[]): void {
  const fields = parseErrorFields(message.subarray(5));
  const fatal = endsSession(fields);
  const { hold } = side;
  const owed = side.expected[0];
  if (owed !== undefined) {
    noteFailed(split, side, owed);
    // The client's own Sync is still to come.
    if (owed.silent) split.skipping = true;
  }
  if (hold?.failed === true) return;
  const repeats = side === split.primary
    ? fatal && isGoing(split, side) && mayRepeat(split, side)
    : fields.sqlstate !== CANCELLED;
  if (hold !== null && repeats) {
    hold.failed = true;
    hold.bytes.length = 0;
    if (fields.sqlstate === READ_ONLY) {
      for (const text of textsOf(hold.unit, hold.request)) split.classifier?.remember(text);
    }
    if (hold.open && !fatal) closeBatch(side);
    return;
  }
  if (fatal && !isBusy(side.activity)) {
    // Said to nobody in particular: the server is going. Whether the session goes too is not settled.
    if (side === split.primary && isAtRest(side.activity)) side.farewell = message.slice();
    if (side === split.standby || side.farewell !== null) return;
  }
  if (fatal) side.explained = true;
  side.batchFailed = side.openBatch;
  countFailure(split.context, side.route.target.node);
  const words = side.overdue !== null && fields.sqlstate === CANCELLED
    ? errorBytes({ sqlstate: SQLSTATE.queryCancelled, message: side.overdue })
    : message;
  pass(split, side, "E", words, out);
}

/** Ends an open batch whose answers nobody will see, so that the server becomes ready again. */
function closeBatch(side: Side): void {
  noteRequest(side.activity, "S");
  side.openBatch = false;
  void write(side.conn, syncBytes());
}

/** The primary is ready: what was written before is visible from here on. */
function noteWritten(split: Split, side: Side): void {
  const { memory } = split;
  if (!memory.writing || side.activity.transaction !== "idle") return;
  split.wroteAtMs = split.context.ports.now();
  split.need = null;
  if (!isBusy(side.activity)) memory.writing = false;
}

function unfit(split: Split): false {
  const because = "the server sent an unfit ReadyForQuery";
  split.end({ type: "violation", side: "server", because });
  return false;
}
