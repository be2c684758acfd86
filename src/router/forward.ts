/**
 * Moves bytes between one client and one server, and knows enough about them to end well.
 *
 * The two directions are independent loops. Each reads only after its last write was taken, so a slow
 * reader slows its writer down and memory stays at two buffers; and neither waits for the other, so a
 * client that sends a long pipeline without reading does not lock up with a server that answers it.
 *
 * @module
 */
import { type AuthPhase, judgeStartup } from "../wire/backend_auth.ts";
import {
  type Activity,
  createActivity,
  isAtRest,
  noteCopyIn,
  noteReady,
  noteRequest,
  REQUEST_WATCH,
} from "../wire/activity.ts";
import { endsSession, parseErrorFields } from "../wire/errors.ts";
import { atBoundary, createFraming, type FrameEvent, type Framing, scan } from "../wire/framing.ts";
import { parseReadyForQuery } from "../wire/messages.ts";
import type { Complaint } from "../wire/sqlstate.ts";
import type { Backend, CancelKeys } from "./backend.ts";
import type { EarlyInput } from "./ear.ts";
import { closeQuietly, read, write } from "./socket.ts";

/** Why the forwarding ended. */
export type Ending =
  | { readonly type: "client_left" }
  | { readonly type: "server_left" }
  /** The router ends it; `complaint` is for the client. */
  | { readonly type: "stopped"; readonly complaint: Complaint }
  | { readonly type: "violation"; readonly side: "client" | "server"; readonly because: string };

/** What the forwarding tells while it runs. */
export interface ForwardHooks {
  /** Told once, before the client knows its key. */
  onKeys(keys: CancelKeys): void;
  onBytes(direction: "to_server" | "to_client", count: number): void;
}

/** A client and a server, joined. */
export interface Link {
  readonly client: Deno.Conn;
  readonly server: Deno.Conn;
  readonly clientFraming: Framing;
  readonly serverFraming: Framing;
  readonly activity: Activity;
  phase: AuthPhase;
  keys: CancelKeys | null;
  /** How many times the server became ready. */
  answered: number;
  /** The server said FATAL: its end explains itself. */
  explained: boolean;
  /** A write to the server is under way; nothing may be put in between. */
  writingToServer: boolean;
  /** Close with this as soon as the session is at rest. */
  drain: Complaint | null;
  /** The first of these settles how the link ended. */
  readonly end: (ending: Ending) => void;
  readonly ended: Promise<Ending>;
  /** Resolve when the loops have touched their sockets for the last time. */
  toServerDone: Promise<void>;
  toClientDone: Promise<void>;
}

// Buffers grow towards this size while reads fill them, so idle sessions stay small.
const LARGE_BUFFER_BYTES = 131_072;

/** Joins a client and a server, and starts to forward. {@linkcode Link.ended} says when it is over. */
export function startForwarding(
  client: Deno.Conn,
  backend: Backend,
  early: EarlyInput,
  hooks: ForwardHooks,
): Link {
  const { promise, resolve } = Promise.withResolvers<Ending>();
  const link: Link = {
    client,
    server: backend.conn,
    clientFraming: createFraming(REQUEST_WATCH),
    serverFraming: backend.framing,
    activity: createActivity(),
    phase: backend.phase,
    keys: backend.keys,
    answered: 0,
    explained: false,
    writingToServer: false,
    drain: null,
    end: resolve,
    ended: promise,
    toServerDone: Promise.resolve(),
    toClientDone: Promise.resolve(),
  };
  if (link.keys !== null) hooks.onKeys(link.keys);
  link.toClientDone = forwardToClient(link, backend, hooks);
  link.toServerDone = forwardToServer(link, early, hooks);
  return link;
}

/** Closes the session with `complaint` now if it is at rest, and otherwise as soon as it is. */
export function drainLink(link: Link, complaint: Complaint | null): void {
  link.drain = complaint;
  endIfDrained(link);
}

async function forwardToServer(link: Link, early: EarlyInput, hooks: ForwardHooks): Promise<void> {
  let buffer = early.buffer;
  let taken = early.rest.length === 0 || await passToServer(link, early.rest, hooks);
  let count = await early.pending;
  while (taken && count !== null) {
    taken = await passToServer(link, buffer.subarray(0, count), hooks);
    if (!taken) break;
    buffer = grown(buffer, count);
    count = await read(link.client, buffer);
  }
  if (count === null) return link.end({ type: "client_left" });
  // The server takes no more. What it said last may still be on its way, and the other loop reads it;
  // meanwhile the client's input is dropped, so that its end is noticed.
  while (await read(link.client, buffer) !== null);
  link.end({ type: "client_left" });
}

async function passToServer(link: Link, chunk: Uint8Array, hooks: ForwardHooks): Promise<boolean> {
  for (const event of scan(link.clientFraming, chunk)) {
    if (event.type === "violation") {
      link.end({ type: "violation", side: "client", because: event.because });
      return false;
    }
    noteRequest(link.activity, event.code);
  }
  link.writingToServer = true;
  const taken = await write(link.server, chunk);
  link.writingToServer = false;
  if (taken) hooks.onBytes("to_server", chunk.length);
  return taken;
}

async function forwardToClient(link: Link, backend: Backend, hooks: ForwardHooks): Promise<void> {
  if (!await passToClient(link, backend.greeting, backend.events, hooks)) return;
  let { buffer } = backend;
  for (;;) {
    const count = await read(link.server, buffer);
    if (count === null) return link.end({ type: "server_left" });
    const chunk = buffer.subarray(0, count);
    if (!await passToClient(link, chunk, scan(link.serverFraming, chunk), hooks)) return;
    buffer = grown(buffer, count);
    endIfDrained(link);
  }
}

async function passToClient(
  link: Link,
  chunk: Uint8Array,
  events: readonly FrameEvent[],
  hooks: ForwardHooks,
): Promise<boolean> {
  for (const event of events) {
    const problem = event.type === "violation" ? event.because : noteServer(link, event, hooks);
    if (problem !== null) {
      link.end({ type: "violation", side: "server", because: problem });
      return false;
    }
  }
  if (!await write(link.client, chunk)) {
    link.end({ type: "client_left" });
    return false;
  }
  hooks.onBytes("to_client", chunk.length);
  return true;
}

function noteServer(
  link: Link,
  event: Extract<FrameEvent, { type: "message" }>,
  hooks: ForwardHooks,
): string | null {
  if (link.phase !== "ready") {
    const { phase, verdict } = judgeStartup(link.phase, event);
    link.phase = phase;
    if (verdict.type === "violation") return verdict.because;
    if (verdict.type === "refused") link.explained = true;
    if (verdict.type === "key") {
      link.keys = { server: verdict.key, client: verdict.key };
      hooks.onKeys(link.keys);
    }
    return null;
  }
  switch (event.code) {
    case "Z": {
      const status = parseReadyForQuery(event.payload);
      if (status === null) return "the server sent an unfit ReadyForQuery";
      noteReady(link.activity, status);
      link.answered++;
      return null;
    }
    case "E":
      link.explained = endsSession(parseErrorFields(event.payload));
      return null;
    case "G":
      noteCopyIn(link.activity);
      return null;
    default:
      return null;
  }
}

function endIfDrained(link: Link): void {
  const atRest = link.phase === "ready" && isAtRest(link.activity) && !link.writingToServer &&
    atBoundary(link.clientFraming) && atBoundary(link.serverFraming);
  if (link.drain === null || !atRest) return;
  // Closed in the same breath: nothing that the client sends from here on reaches this server.
  closeQuietly(link.server);
  link.end({ type: "stopped", complaint: link.drain });
}

function grown(buffer: Uint8Array, filled: number): Uint8Array {
  return filled === buffer.length && filled < LARGE_BUFFER_BYTES
    ? new Uint8Array(buffer.length * 2)
    : buffer;
}
