/**
 * The primary of a session: found again after it was lost or left, and made as the client knows it,
 * all or nothing, before anything is sent to it.
 *
 * @module
 */
import { NO_BYTES } from "../../wire/bytes.ts";
import { parseErrorFields } from "../../wire/errors.ts";
import { parameterStatusBytes } from "../../wire/messages.ts";
import { type Complaint, SQLSTATE } from "../../wire/sqlstate.ts";
import { acquire } from "../acquire.ts";
import { openEar } from "../ear.ts";
import type { Backend } from "../backend.ts";
import { choose } from "../choose.ts";
import { type Route, routeProblem } from "../route.ts";
import { pump } from "./answers.ts";
import { settle } from "./ends.ts";
import { makeStatements, writeSettings } from "./mirror.ts";
import { closeSide, createSide, type Side, type Told } from "./side.ts";
import { type Split, tell, tellRoutes, toClient } from "./state.ts";

/**
 * The primary, found anew where there is none; null where the session is over instead.
 *
 * @param errand `for_client` where the client's input waits for it, and nobody reads the client; it is
 * listened to then, so that a client that leaves is noticed
 */
export async function needPrimary(
  split: Split,
  errand: "for_client" | "for_rerun",
): Promise<Side | null> {
  const { primary } = split;
  if (primary !== null && !primary.closed) {
    // Nothing new begins on one that is to be left.
    if (split.drain !== null) settle(split, primary);
    if (!primary.closed && !split.over) return primary;
  }
  if (split.over) return null;
  const found = findPrimary(split, errand);
  return await (errand === "for_client" ? listening(split, found) : found);
}

/** Waits for something on the client's behalf, and notices meanwhile if the client leaves. */
export async function listening<T>(split: Split, work: Promise<T>): Promise<T> {
  const ear = openEar(split.client, split.ahead ?? NO_BYTES);
  ear.watch(() => split.end({ type: "client_left" }));
  try {
    return await work;
  } finally {
    split.ahead = ear.hand();
  }
}

async function findPrimary(
  split: Split,
  errand: "for_client" | "for_rerun",
): Promise<Side | null> {
  const { context, login, hooks } = split;
  const over = new AbortController();
  void split.ended.then(() => over.abort());
  const acquired = await acquire({
    purpose: "primary",
    startup: login.startup,
    credentials: login.credentials,
    // The client has one already.
    clientKey: null,
    options: context.options,
    ports: context.ports,
    waitingRoom: context.waitingRoom,
    open: context.open,
    signal: over.signal,
    choose: (excluded) => choose(context, "primary", excluded),
    isRight: (route) => isRight(split, route),
    onAttempt: hooks.onAttempt,
    onWait: hooks.onWait,
  });
  switch (acquired.type) {
    case "acquired":
      return await settleIn(split, acquired.route, acquired.backend, errand);
    case "refused":
      return stop(split, refusal(acquired.words, acquired.sqlstate));
    case "unfit":
    case "failed":
      return stop(split, acquired.complaint);
    case "abandoned":
      return null;
  }
}

/** Takes a server over as the session's primary, and begins to listen to it. */
export function adoptPrimary(split: Split, route: Route, backend: Backend): Side {
  const side = createSide(route, backend);
  split.primary = side;
  split.live = null;
  // Why the one before was to be left.
  split.drain = null;
  tellRoutes(split);
  void pump(split, side, backend.buffer);
  return side;
}

async function settleIn(
  split: Split,
  route: Route,
  backend: Backend,
  errand: "for_client" | "for_rerun",
): Promise<Side | null> {
  const { memory, book, told } = split;
  const side = adoptPrimary(split, route, backend);
  const { node } = route.target;
  const news: Uint8Array[] = [];
  for (const [name, value] of backend.parameters) {
    // Settings of the client's own are set below, and reported by the server where they differ.
    if (told.get(name) === value || memory.settings.has(name.toLowerCase())) continue;
    tell(split, name, value);
    news.push(parameterStatusBytes(name, value));
  }
  if (news.length > 0 && !await toClient(split, side, news)) return null;
  const settings = await writeSettings(side, memory.values ?? new Map());
  if (!fits(split, side, settings, `its settings do not fit ${node}`)) return null;
  const named = book.named();
  if (named.length > 0) {
    const made = await makeStatements(side, named);
    if (!fits(split, side, made, `its prepared statements do not fit ${node}`)) return null;
  }
  if (split.over || !isRight(split, route)) {
    // It changed again meanwhile: from the beginning.
    closeSide(side);
    if (split.primary === side) split.primary = null;
    return await findPrimary(split, errand);
  }
  split.context.counters.moved++;
  split.context.ports.log("debug", "session_moved", { node });
  return side;
}

/** @returns false where the session ended because of it, or the server is gone */
function fits(split: Split, side: Side, told: Told | null, what: string): boolean {
  if (told?.error === null) return true;
  const because = told === null
    ? `${side.route.target.node} went away again`
    : told.error?.message ?? "no reason given";
  stop(split, {
    sqlstate: SQLSTATE.adminShutdown,
    message:
      `This session is closed: it cannot go on at the new primary, since ${what}: ${because}`,
    hint: "Connect again.",
  });
  return false;
}

function isRight({ context }: Split, route: Route): boolean {
  return routeProblem(route, context.ports.view()) === null && context.held === null;
}

function stop(split: Split, complaint: Complaint): null {
  split.end({ type: "stopped", complaint });
  return null;
}

function refusal(words: Uint8Array, sqlstate: string | null): Complaint {
  const { message } = parseErrorFields(words.subarray(5));
  return {
    sqlstate: SQLSTATE.connectionRejected,
    message: `This session is closed: the new primary refused it (${sqlstate ?? "no SQLSTATE"}): ` +
      (message ?? "no reason given"),
  };
}
