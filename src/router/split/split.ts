/**
 * A session whose reads may go to a standby: reads the client's messages, gathers them into units, and
 * has each run where it may.
 *
 * @module
 */
import { isBusy, noteRequest } from "../../wire/activity.ts";
import { concatBytes, NO_BYTES } from "../../wire/bytes.ts";
import { createCutter, cut, isBetween, type Piece, watch } from "../../wire/cutter.ts";
import { readyForQueryBytes } from "../../wire/messages.ts";
import { syncBytes } from "../../wire/requests.ts";
import type { EarlyInput } from "../ear.ts";
import { read, write } from "../socket.ts";
import { isRouteOpen, routeKnown } from "./mirror.ts";
import { begin, dispatch, placeNow } from "./place.ts";
import { listening } from "./primary.ts";
import { ask, isFree, quiet, type Side, told } from "./side.ts";
import { type Split, toClient } from "./state.ts";
import { type Judging, judgingBy, QUERY } from "./judging.ts";
import { blind, isWholeUnit, planBatch, planQuery, type Unit } from "./unit.ts";

/** Messages above this many bytes are not looked into, and stream through to the primary. */
const MAXIMUM_MESSAGE_BYTES = 131_072;
/** A batch above this many bytes is not waited for to its end: it goes to the primary. */
const MAXIMUM_BATCH_BYTES = 262_144;
const LARGE_BUFFER_BYTES = 131_072;
/** What the work of another statement may begin with. */
const BEGINS = new Set(["P", "B", "D", "E", "C"]);
/** All but CopyData, which runs through. */
const WATCHED = watch("QPBDECHSFXcfp");
/** What is gathered from the client. */
interface Intake {
  readonly cutter: ReturnType<typeof createCutter>;
  partial: Uint8Array[];
  /** Whole messages of the extended protocol, up to a Sync. */
  batch: Uint8Array[];
  batchBytes: number;
  /** Its newest message is an Execute. */
  executes: boolean;
  /** Where a message goes that is too large to be held. */
  streaming: Side | null;
  /** The open batch is on a standby, and nothing but descriptions was asked for. */
  described: Side | null;
}

/** Serves the client until it leaves or the session is over. */
export async function serveClient(split: Split, early: EarlyInput): Promise<void> {
  const intake: Intake = {
    cutter: createCutter(),
    partial: [],
    batch: [],
    batchBytes: 0,
    executes: false,
    streaming: null,
    described: null,
  };
  split.ahead = early;
  let { buffer } = early;
  let left = false;
  while (!split.over) {
    const count = split.ahead === null ? await read(split.client, buffer) : null;
    const chunk = count === null ? await takeAhead(split) : buffer.subarray(0, count);
    left = chunk === null;
    if (chunk === null) break;
    const side = takeWhole(split, intake, chunk);
    if (side !== null) {
      if (await write(side.conn, chunk)) split.hooks.onBytes("to_server", chunk.length);
    } else {
      split.taking = true;
      if (!await takeChunk(split, intake, chunk)) break;
      split.taking = false;
    }
    if (count === buffer.length && count < LARGE_BUFFER_BYTES) buffer = new Uint8Array(count * 2);
  }
  if (left) return split.end({ type: "client_left" });
  // The session is over: the input is dropped, so that the client's own end is noticed.
  while (await read(split.client, buffer) !== null);
}

/** What was heard ahead of its time; null where the client has left. */
async function takeAhead(split: Split): Promise<Uint8Array | null> {
  const { ahead } = split;
  if (ahead === null) return null;
  if (ahead.rest.length > 0) {
    split.ahead = { ...ahead, rest: NO_BYTES };
    return ahead.rest;
  }
  split.ahead = null;
  const count = await ahead.pending;
  return count === null ? null : ahead.buffer.subarray(0, count);
}

/**
 * The common case in one pass: a unit that came whole, and a server that can take it at once.
 *
 * @returns the side that it is to be written to; null where it is another case, and nothing was done
 */
function takeWhole(split: Split, intake: Intake, chunk: Uint8Array): Side | null {
  const { partial, batch, streaming, described, cutter } = intake;
  const between = partial.length === 0 && batch.length === 0 && streaming === null &&
    described === null && isBetween(cutter);
  if (
    !between || split.skipping || split.rerun !== null || isRouteOpen(split) || !isWholeUnit(chunk)
  ) return null;
  const classifier = split.login.classifiers.present(split.login.database);
  if (classifier === null) return null;
  split.classifier = classifier;
  const by = judgingBy(split, classifier);
  const unit = chunk[0] === QUERY ? planQuery(chunk, by) : planBatch(chunk, true, by);
  const side = placeNow(split, unit);
  const crossing = side === split.standby && unit.ends === "early";
  if (side === null || crossing) return null;
  begin(split, side, unit, false);
  return side;
}

/** @returns false where no more is to be taken */
async function takeChunk(split: Split, intake: Intake, chunk: Uint8Array): Promise<boolean> {
  for (const piece of cut(intake.cutter, chunk, WATCHED)) {
    if (split.over) return false;
    if (piece.type === "violation") {
      split.end({ type: "violation", side: "client", because: piece.because });
      return false;
    }
    if (piece.type === "run") await passThrough(split, piece.bytes);
    else if (!await takePart(split, intake, piece)) return false;
  }
  return !split.over;
}

/** CopyData, and what no client sends: the server knows what to make of it. */
async function passThrough(split: Split, bytes: Uint8Array): Promise<void> {
  const side = split.live ?? split.primary;
  if (side === null || side.closed) return;
  if (await write(side.conn, bytes)) split.hooks.onBytes("to_server", bytes.length);
}

async function takePart(
  split: Split,
  intake: Intake,
  piece: Extract<Piece, { type: "part" }>,
): Promise<boolean> {
  if (intake.streaming !== null) {
    await write(intake.streaming.conn, piece.bytes);
    if (piece.last) intake.streaming = null;
    return true;
  }
  if (piece.first && piece.payloadBytes > MAXIMUM_MESSAGE_BYTES && !split.skipping) {
    return await takeLarge(split, intake, piece);
  }
  if (!piece.last) {
    // Of a message that is dropped anyway nothing is kept.
    if (!split.skipping) intake.partial.push(piece.bytes.slice());
    return true;
  }
  const bytes = intake.partial.length > 0
    ? concatBytes([...intake.partial, piece.bytes])
    : piece.bytes;
  intake.partial = [];
  return await takeMessage(split, intake, piece.code, bytes);
}

/** Sends the beginning of a large message, behind what was gathered; the rest follows as it comes. */
async function takeLarge(
  split: Split,
  intake: Intake,
  piece: Extract<Piece, { type: "part" }>,
): Promise<boolean> {
  if (!await leaveDescribed(split, intake)) return false;
  const bytes = concatBytes([...intake.batch, piece.bytes]);
  clearBatch(intake);
  const lone = piece.code === "Q" || piece.code === "F";
  const side = await dispatch(split, blind(bytes), !lone);
  if (side === null) return !split.over;
  if (!piece.last) intake.streaming = side;
  return true;
}

async function takeMessage(
  split: Split,
  intake: Intake,
  code: string,
  bytes: Uint8Array,
): Promise<boolean> {
  if (intake.executes && BEGINS.has(code) && !await closeReadOnly(split, intake)) return false;
  intake.executes = code === "E";
  if (split.skipping) {
    clearBatch(intake);
    if (code === "S") {
      if (split.live !== null) await quiet(split.live);
      split.skipping = false;
      const status = split.live?.activity.transaction ?? "idle";
      return await toClient(split, null, [readyForQueryBytes(status)]);
    }
    if (code !== "X") return true;
  }
  switch (code) {
    case "P":
    case "B":
    case "D":
    case "E":
    case "C":
      intake.batch.push(bytes.slice());
      intake.batchBytes += bytes.length;
      return intake.batchBytes > MAXIMUM_BATCH_BYTES
        ? await sendBatch(split, intake, "large")
        : true;
    case "H":
      intake.batch.push(bytes.slice());
      return await sendBatch(split, intake, "flush");
    case "S":
      intake.batch.push(bytes.slice());
      return await sendBatch(split, intake, "sync");
    case "Q":
      if (intake.batch.length > 0 && !await sendBatch(split, intake, "large")) return false;
      if (!await leaveDescribed(split, intake)) return false;
      return await takeQuery(split, bytes);
    case "c":
    case "f":
      if (split.live !== null) noteRequest(split.live.activity, code);
      await passThrough(split, bytes);
      return true;
    case "X":
      split.end({ type: "client_left" });
      return false;
    default:
      return await run(split, blind(bytes));
  }
}

async function takeQuery(split: Split, bytes: Uint8Array): Promise<boolean> {
  const by = await judging(split);
  return split.skipping || await run(split, planQuery(bytes, by));
}

async function run(split: Split, unit: Unit): Promise<boolean> {
  await dispatch(split, unit, false);
  return !split.over;
}

/**
 * Ends a read-only transaction in the middle of a batch, where the server is made to say how that went:
 * what follows may be for the primary.
 */
async function closeReadOnly(split: Split, intake: Intake): Promise<boolean> {
  if (split.live === null || split.live !== split.standby) return true;
  const by = await judging(split);
  const { live, standby } = split;
  const open = live !== null && live === standby && live.activity.transaction !== "idle";
  if (split.over || split.skipping || !open) return !split.over;
  const unit = planBatch(concatBytes([...intake.batch, syncBytes()]), true, by);
  if (unit.ends !== "last") return true;
  clearBatch(intake);
  await dispatch(split, { ...unit, silent: true }, false);
  return !split.over;
}

async function sendBatch(
  split: Split,
  intake: Intake,
  because: "sync" | "flush" | "large",
): Promise<boolean> {
  const by = await judging(split);
  // An error before it was heard of only now.
  if (split.skipping) {
    return await takeMessage(split, intake, because === "sync" ? "S" : "H", NO_BYTES);
  }
  const { batch, described } = intake;
  clearBatch(intake);
  const open = because !== "sync";
  const plan = planBatch(concatBytes(batch), !open, by);
  const unit: Unit = because === "large" ? { ...plan, place: "primary" } : plan;
  if (described !== null && !described.closed) {
    // It may go on there, or has to: in a transaction, or where the rest of it is dropped.
    const bound = described.batchFailed || described.activity.transaction !== "idle";
    const stays = described === split.live && described.openBatch &&
      (bound || unit.place === "standby");
    if (!stays && !await leaveDescribed(split, intake)) return false;
  }
  const unnamed = split.book.get("");
  // Whatever of an open batch is still to come must find the unnamed statement where it begins.
  const complete = open && unnamed !== null && unnamed.parse !== null &&
      !unit.needs.includes(unnamed) && !unit.makes.some(({ name }) => name === "")
    ? { ...unit, needs: [...unit.needs, unnamed] }
    : unit;
  const side = await dispatch(split, complete, open);
  intake.described = open && side !== null && side === split.standby ? side : null;
  return !split.over;
}

/** Ends an open batch on a standby, of which the client has seen descriptions only. */
async function leaveDescribed(split: Split, intake: Intake): Promise<boolean> {
  const side = intake.described;
  intake.described = null;
  if (side === null || side.closed || !side.openBatch) return !split.over;
  // Its answers are on their way to the client, which waits for them before it goes on.
  await told(side);
  if (side.closed || !side.openBatch) return !split.over;
  side.openBatch = false;
  side.activity.unsynced = false;
  side.expected.length = 0;
  await ask(side, syncBytes());
  return !split.over;
}

function clearBatch(intake: Intake): void {
  intake.batch = [];
  intake.batchBytes = 0;
}

/** What texts are judged by at this moment. */
async function judging(split: Split): Promise<Judging> {
  // Whether a standby made the statement that is used next is known once it has answered.
  while (split.rerun !== null) await listening(split, split.rerun);
  const { live, standby } = split;
  if (live !== null && live === standby) await (live.openBatch ? told(live) : quiet(live));
  if (isRouteOpen(split)) await routeKnown(split);
  const { login, primary } = split;
  const free = primary !== null && !primary.closed && isFree(primary) && !isBusy(primary.activity);
  const query = free ? (text: string) => ask(primary, text) : null;
  const classifier = await login.classifiers.find(login.database, query) ?? split.classifier;
  split.classifier = classifier;
  return judgingBy(split, classifier);
}
