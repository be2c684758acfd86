/**
 * Where a unit runs, and sending it there.
 *
 * One server has work at a time. While the primary has some, further units go there too, since it can
 * do everything; a standby's answers are waited for, because what comes next may not be for it.
 *
 * @module
 */
import { isBusy, noteRequest } from "../../wire/activity.ts";
import { endOfMessage } from "../../wire/bytes.ts";
import { errorBytes } from "../../wire/errors.ts";
import { readyForQueryBytes } from "../../wire/messages.ts";
import { type Complaint, SQLSTATE } from "../../wire/sqlstate.ts";
import { countUnit } from "../context.ts";
import { write } from "../socket.ts";
import type { Statement } from "./book.ts";
import { forgetAll, replaceUnnamed } from "./forgetting.ts";
import { noteTouches } from "./memory.ts";
import { hasAll, makeStatements, missing, refreshSettings, writeSettings } from "./mirror.ts";
import { bringHome, isForHome } from "./home.ts";
import { PARSE } from "./judging.ts";
import { listening, needPrimary } from "./primary.ts";
import { createOwed, type Hold, isQuiet, quiet, type Side, wake } from "./side.ts";
import { standbyFor, standbyNow } from "./standby.ts";
import { type Split, toClient } from "./state.ts";
import type { Unit } from "./unit.ts";

/** Larger requests are copied into memory of their own. */
const REQUEST_BYTES = 1024;
/** How many messages without a Sync are told apart; a client may send any number. */
const MAXIMUM_ORDER = 4096;
/** What a Close says that means a statement, and no portal. */
const STATEMENT = 0x53;
const CHANGES_SETTINGS = new Set(["setting", "all_settings", "everything"]);

/** Finds the place for a unit and sends it. @returns the side it went to; null where it went to none */
export async function dispatch(split: Split, unit: Unit, open: boolean): Promise<Side | null> {
  for (;;) {
    if (split.over) return null;
    const side = await placeFor(split, unit, open);
    if (side === "again") continue;
    if (side === null) return null;
    // Others ran between that promise and this line.
    if (side.closed || split.rerun !== null) continue;
    await send(split, side, unit, open);
    return side;
  }
}

async function placeFor(
  split: Split,
  unit: Unit,
  open: boolean,
): Promise<Side | "again" | null> {
  const { live, primary } = split;
  if (split.rerun !== null) {
    await listening(split, split.rerun);
    return "again";
  }
  if (live !== null && !live.closed) {
    if (!isQuiet(live)) {
      // A batch that has begun stays where it is.
      if (live.openBatch) return live;
      const ready = live === primary && live.question === null && isBusy(live.activity) &&
        live.hold?.failed !== true && hasAll(live, unit.needs);
      if (ready) return live;
      await quiet(live);
      return "again";
    }
    if (live.activity.transaction !== "idle") return await goOn(split, live, unit, open);
  }
  if (split.settingsAhead) {
    await takeSettingsBack(split);
    return "again";
  }
  if (unit.place === "standby") {
    const standby = await standbyFor(split, unit);
    if (standby !== null) return standby;
  }
  const found = await needPrimary(split, "for_client");
  if (found === null) return null;
  if (!isQuiet(found)) {
    await quiet(found);
    return "again";
  }
  return await prepared(split, found, unit, open);
}

/** In a transaction: where it began, unless that is a standby, and the unit is not for one. */
async function goOn(
  split: Split,
  live: Side,
  unit: Unit,
  open: boolean,
): Promise<Side | "again" | null> {
  if (live !== split.standby) return await prepared(split, live, unit, open);
  if (isForHome(split, unit)) {
    const side = await bringHome(split, open);
    return side === "again" || side === null ? side : await prepared(split, side, unit, open);
  }
  return await prepared(split, live, unit, open);
}

/** Gives the primary the settings that a transaction on the standby has left there. */
async function takeSettingsBack(split: Split): Promise<void> {
  const { standby, memory } = split;
  if (standby === null || !isQuiet(standby)) {
    if (standby !== null) return await quiet(standby);
    return split.end({ type: "stopped", complaint: SETTINGS_LOST });
  }
  await refreshSettings(split, standby);
  const { values, generation } = memory;
  if (standby.closed) return;
  const primary = await needPrimary(split, "for_client");
  if (primary === null) return;
  if (!isQuiet(primary)) return await quiet(primary);
  const told = await writeSettings(primary, values ?? new Map());
  if (values === null || told === null || told.error !== null) {
    return split.end({ type: "stopped", complaint: SETTINGS_LOST });
  }
  standby.mirrored = generation;
  split.settingsAhead = false;
}

const SETTINGS_LOST: Complaint = {
  sqlstate: SQLSTATE.adminShutdown,
  message:
    "This session is closed: settings that it made in a transaction on a standby could not " +
    "be carried over to the primary.",
  hint: "Connect again, and set them outside of read-only transactions.",
};

/** Makes what the unit needs on a quiet side. What cannot be made there is the unit's answer. */
async function prepared(
  split: Split,
  side: Side,
  unit: Unit,
  open: boolean,
): Promise<Side | "again" | null> {
  const lacking = missing(side, unit.needs);
  if (lacking.length === 0 && side.stale.length === 0) return side;
  const told = await makeStatements(side, lacking);
  if (told === null) return "again";
  if (told.words === null) return side;
  // The client's own Sync is still to come behind one of the router's.
  const synced = !open && !unit.silent;
  split.skipping = !synced;
  const ready = synced ? [readyForQueryBytes(side.activity.transaction)] : [];
  await toClient(split, side, [takenName(side, unit, lacking) ?? told.words, ...ready]);
  return null;
}

/**
 * A failed transaction takes a Parse of what ends it, and nothing else: there a name that is taken cannot
 * be made first, so that the server would refuse it. Its words, where that is so.
 */
function takenName(side: Side, unit: Unit, lacking: readonly Statement[]): Uint8Array | null {
  if (side.activity.transaction !== "failed") return null;
  const again = unit.makes.find(({ name, judged }) =>
    judged.verdict.boundary === "end" && lacking.some((taken) => taken.name === name)
  );
  return again === undefined ? null : errorBytes({
    sqlstate: SQLSTATE.nameTaken,
    message: `prepared statement "${again.name}" already exists`,
  });
}

/** Sends a unit to a side that may take it. */
export async function send(split: Split, side: Side, unit: Unit, open: boolean): Promise<void> {
  begin(split, side, unit, open);
  const { bytes } = unit;
  if (await write(side.conn, bytes)) split.hooks.onBytes("to_server", bytes.length);
}

/**
 * The side that a unit with its Sync may be sent to at once, without a word to any server or waiting
 * for one; null where that takes {@linkcode dispatch}.
 */
export function placeNow(split: Split, unit: Unit): Side | null {
  if (split.over || split.rerun !== null || split.settingsAhead || split.drain !== null) {
    return null;
  }
  const { live, primary } = split;
  let side: Side | null | "unknown" = null;
  if (live !== null) {
    if (live.closed || !isQuiet(live)) return null;
    if (live.activity.transaction !== "idle") {
      if (live === split.standby && unit.home !== "no") return null;
      side = live;
    }
  }
  if (side === null && unit.place === "standby") side = standbyNow(split, unit);
  side ??= primary;
  if (side === "unknown" || side === null || side.closed || !isQuiet(side)) return null;
  if (side === primary && side.stale.length > 0) return null;
  return hasAll(side, unit.needs) ? side : null;
}

/** Takes note of a unit that is about to be sent. */
export function begin(split: Split, side: Side, unit: Unit, open: boolean): void {
  const { memory, book, context } = split;
  const alone = side.activity.transaction === "idle" && side.activity.unanswered === 0;
  // Nothing of the unit was sent before, and nothing of it is to come.
  const whole = !open && !side.openBatch;
  split.live = side;
  const { bytes } = unit;
  let made = 0;
  let closed = 0;
  const doubtful = open || side.openBatch || (unit.makes.length > 0 && bytes[0] !== PARSE) ||
    unit.makes.length > 1;
  for (let at = 0; at < bytes.length; at = endOfMessage(bytes, at)) {
    const code = String.fromCharCode(bytes[at]!);
    noteRequest(side.activity, code);
    expectAnswers(side, code);
    if (code === "Q") replaceUnnamed(split, side);
    if (code === "P" && made < unit.makes.length) {
      const statement = unit.makes[made++]!;
      (side.expected.at(-1)!.made ??= []).push(statement);
      book.expect(statement);
    }
    if (code === "C") {
      const name = bytes[at + 5] === STATEMENT ? unit.closes[closed++] ?? null : null;
      (side.expected.at(-1)!.closes ??= []).push(name);
    }
    if (doubtful && code !== "H") noteOrder(side, code, bytes[at + 5] === 0);
  }
  if (unit.silent) side.expected.at(-1)!.silent = true;
  noteTouches(memory, unit.touches);
  if (unit.unread) forgetAll(split, side);
  for (const touch of unit.touches) {
    if (touch.type === "deallocated" || touch.type === "everything") {
      const owed = side.expected.at(-1);
      const name = touch.type === "everything" ? null : touch.name;
      if (owed === undefined) continue;
      (owed.drops ??= []).push(name);
      owed.dropsOnly = unit.touches.length === 1 && !unit.unread;
    }
    if (touch.type === "catalogue") split.login.classifiers.forget(split.login.database);
  }
  if (side === split.standby && unit.touches.some(({ type }) => CHANGES_SETTINGS.has(type))) {
    split.settingsAhead = true;
  }
  if (side === split.primary) {
    memory.writing ||= unit.writes;
  } else {
    split.opening = alone && unit.begins ? { bytes: bytes.slice(), needs: unit.needs } : null;
  }
  if (side.hold !== null) side.hold.followed = true;
  else if (alone && unit.repeatable && (whole || side !== split.primary)) {
    const request = copied(split, bytes);
    side.hold = { unit, request, open, bytes: [], followed: false, failed: false };
  }
  countUnit(context, side.route.target.node, unit.place === "standby" ? "reads" : "writes");
}

/** Copies a request into memory that is used again for the next; a session holds one at a time. */
function copied(split: Split, bytes: Uint8Array): Uint8Array {
  if (bytes.length > REQUEST_BYTES) return bytes.slice();
  split.request ??= new Uint8Array(REQUEST_BYTES);
  split.request.set(bytes);
  return split.request;
}

/** Runs on the primary what a standby failed in; nothing of it was seen by the client. */
export async function rerun(split: Split, hold: Hold, side: Side | null): Promise<void> {
  const bytes = hold.request.subarray(0, hold.unit.bytes.length);
  const unit: Unit = { ...hold.unit, bytes, place: "primary" };
  for (;;) {
    const primary = await needPrimary(split, "for_rerun");
    if (primary === null) break;
    if (!isQuiet(primary)) {
      await quiet(primary);
      continue;
    }
    const ready = await prepared(split, primary, unit, hold.open);
    if (ready === "again") continue;
    if (ready !== null) {
      if (ready.closed) continue;
      const sent = send(split, ready, unit, hold.open);
      release(split, side);
      return await sent;
    }
    break;
  }
  release(split, side);
}

/** The primary has it now: the standby is free. */
function release(split: Split, side: Side | null): void {
  split.rerun = null;
  if (side === null) return;
  side.hold = null;
  wake(side);
}

/** @param unnamed it is about the unnamed statement, if it is a Parse */
function noteOrder(side: Side, code: string, unnamed: boolean): void {
  const owed = side.expected.at(-1);
  if (owed === undefined || (owed.order?.length ?? 0) >= MAXIMUM_ORDER) return;
  owed.order = (owed.order ?? "") + (code === "P" && unnamed ? "p" : code);
}

/** Keeps count of what is owed up to each ReadyForQuery. */
function expectAnswers(side: Side, code: string): void {
  switch (code) {
    case "Q":
    case "F":
      side.expected.push(createOwed());
      return;
    case "P":
    case "B":
    case "D":
    case "E":
    case "C":
    case "S":
      if (!side.openBatch) side.expected.push(createOwed());
      side.openBatch = code !== "S";
      return;
  }
}
