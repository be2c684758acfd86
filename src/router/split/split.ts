/**
 * A session whose reads may go to a standby: reads the client's messages, gathers them into units, and
 * has each run where it may.
 *
 * @module
 */
import { isBusy, noteRequest } from "../../wire/activity.ts";
import { concatBytes } from "../../wire/bytes.ts";
import { createCutter, cut, type Piece, watch } from "../../wire/cutter.ts";
import { readyForQueryBytes } from "../../wire/messages.ts";
import { syncBytes } from "../../wire/requests.ts";
import type { EarlyInput } from "../forward.ts";
import { read, write } from "../socket.ts";
import { dispatch } from "./place.ts";
import { ask, isFree, quiet, type Side } from "./side.ts";
import { type Split, toClient } from "./state.ts";
import { blind, type Judging, type Message, planBatch, planQuery, type Unit } from "./unit.ts";

/** Messages above this many bytes are not looked into, and stream through to the primary. */
const MAXIMUM_MESSAGE_BYTES = 131_072;
/** A batch above this many bytes is not waited for to its end: it goes to the primary. */
const MAXIMUM_BATCH_BYTES = 262_144;
const LARGE_BUFFER_BYTES = 131_072;
/** All but CopyData, which runs through. */
const WATCHED = watch("QPBDECHSFXcfp");
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

/** What is gathered from the client. */
interface Intake {
  readonly cutter: ReturnType<typeof createCutter>;
  partial: Uint8Array[];
  batch: Message[];
  batchBytes: number;
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
    streaming: null,
    described: null,
  };
  let buffer = early.buffer;
  if (early.rest.length > 0 && !await takeChunk(split, intake, early.rest)) return;
  let count = await early.pending;
  while (count !== null && !split.over) {
    if (!await takeChunk(split, intake, buffer.subarray(0, count))) break;
    if (count === buffer.length && count < LARGE_BUFFER_BYTES) buffer = new Uint8Array(count * 2);
    count = await read(split.client, buffer);
  }
  if (count === null) return split.end({ type: "client_left" });
  // The session is over: the input is dropped, so that the client's own end is noticed.
  while (await read(split.client, buffer) !== null);
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
    : piece.bytes.slice();
  intake.partial = [];
  return await takeMessage(split, intake, { code: piece.code, bytes });
}

/** Sends the beginning of a large message, behind what was gathered; the rest follows as it comes. */
async function takeLarge(
  split: Split,
  intake: Intake,
  piece: Extract<Piece, { type: "part" }>,
): Promise<boolean> {
  if (!await leaveDescribed(split, intake)) return false;
  const messages = [...intake.batch, { code: piece.code, bytes: piece.bytes.slice() }];
  clearBatch(intake);
  const lone = piece.code === "Q" || piece.code === "F";
  const side = await dispatch(split, blind(messages), !lone);
  if (side === null) return !split.over;
  if (!piece.last) intake.streaming = side;
  return true;
}

async function takeMessage(split: Split, intake: Intake, message: Message): Promise<boolean> {
  if (split.skipping) {
    if (message.code === "S") {
      split.skipping = false;
      const status = split.live?.activity.transaction ?? "idle";
      return await toClient(split, null, [readyForQueryBytes(status)]);
    }
    if (message.code !== "X") return true;
  }
  switch (message.code) {
    case "P":
    case "B":
    case "D":
    case "E":
    case "C":
      intake.batch.push(message);
      intake.batchBytes += message.bytes.length;
      return intake.batchBytes > MAXIMUM_BATCH_BYTES
        ? await sendBatch(split, intake, "large")
        : true;
    case "H":
      intake.batch.push(message);
      return await sendBatch(split, intake, "flush");
    case "S":
      intake.batch.push(message);
      return await sendBatch(split, intake, "sync");
    case "Q":
      if (intake.batch.length > 0 && !await sendBatch(split, intake, "large")) return false;
      if (!await leaveDescribed(split, intake)) return false;
      return await run(split, planQuery(message, await judging(split)));
    case "c":
    case "f":
      if (split.live !== null) noteRequest(split.live.activity, message.code);
      await passThrough(split, message.bytes);
      return true;
    case "X":
      split.end({ type: "client_left" });
      return false;
    default:
      return await run(split, blind([message]));
  }
}

async function run(split: Split, unit: Unit): Promise<boolean> {
  await dispatch(split, unit, false);
  return !split.over;
}

async function sendBatch(
  split: Split,
  intake: Intake,
  because: "sync" | "flush" | "large",
): Promise<boolean> {
  const { batch, described } = intake;
  clearBatch(intake);
  const open = because !== "sync";
  const plan = planBatch(batch, !open, await judging(split));
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
  while (side.hold !== null) await new Promise<void>((resolve) => side.waiting.add(resolve));
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
  while (split.rerun !== null) await split.rerun;
  const { live, standby } = split;
  if (live !== null && live === standby && !live.openBatch) await quiet(live);
  const { login, primary, memory, book } = split;
  const free = primary !== null && !primary.closed && isFree(primary) && !isBusy(primary.activity);
  const query = free ? (text: string) => ask(primary, text) : null;
  const classifier = await login.classifiers.find(login.database, query) ?? split.classifier;
  split.classifier = classifier;
  const unsafe = UNSAFE_ENCODINGS.has(split.told.get("client_encoding")?.toUpperCase() ?? "UTF8") ||
    split.told.get("standard_conforming_strings") === "off";
  return {
    classify: (text) => classifier === null || unsafe ? NOT_READ : classifier.classify(text),
    route: memory.route,
    book,
  };
}

const NOT_READ = {
  verdict: {
    place: "primary",
    reason: "not_parsed",
    boundary: "none",
    touches: [{ type: "opaque" }],
    userFunctions: true,
    statements: 1,
  },
  hint: null,
} as const;
