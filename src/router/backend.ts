/**
 * Opens a server for one client: either as the client, with what its own proof revealed, up to the
 * server's first ReadyForQuery; or, where the client's exchange is handed through, up to the point
 * where it is known whether the server asks for proof.
 *
 * Until then nothing reaches the client. So a server that lets in whom it should not is refused in
 * silence, and one that is still starting, or went away in the middle, can be tried again.
 *
 * @module
 */
import { concatBytes, NO_BYTES } from "../wire/bytes.ts";
import { type AuthPhase, judgeStartup, STARTUP_WATCH } from "../wire/backend_auth.ts";
import { type ErrorFields, parseErrorFields } from "../wire/errors.ts";
import { createFraming, type FrameEvent, type Framing, scan } from "../wire/framing.ts";
import {
  backendKeyDataBytes,
  parseBackendKeyData,
  parseParameterStatus,
} from "../wire/messages.ts";
import { SQLSTATE } from "../wire/sqlstate.ts";
import type { BackendKey } from "../wire/startup.ts";
import type { Credentials } from "./authenticate.ts";
import { answerBackend, type BackendLogin } from "./backend_login.ts";
import type { RouteTarget } from "./options.ts";
import { type BackendTls, connectServer } from "./server_conn.ts";
import { closeQuietly, connectSocket, read, within, write } from "./socket.ts";

/** What a session's cancel requests bear: the server's own key, and the one that the client has. */
export interface CancelKeys {
  readonly server: BackendKey;
  readonly client: BackendKey;
}

/** A server that is ready for the client. */
export interface Backend {
  readonly conn: Deno.Conn;
  /** The scanner of the server's stream; it stands behind `greeting`. */
  readonly framing: Framing;
  /**
   * "ready" where the router logged in; otherwise the client's exchange is still to be handed
   * through, and `events` are to be judged from "greeting" on.
   */
  readonly phase: AuthPhase;
  /**
   * What is for the client, none of it passed on yet. Where the router logged in: everything behind
   * AuthenticationOk, which ends with ReadyForQuery, with the client's cancel key in the place of the
   * server's. Otherwise all that the server said.
   */
  readonly greeting: Uint8Array;
  /** What was read into, to be used again. */
  readonly buffer: Uint8Array;
  /** The watched messages in `greeting` that are still to be judged. */
  readonly events: readonly FrameEvent[];
  /** Where the router logged in; null where the server gave no key. */
  readonly keys: CancelKeys | null;
  /** Where the router logged in: what the server reported of its parameters. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** How {@linkcode openBackend} ended. */
export type BackendOpening =
  | { readonly type: "open"; readonly backend: Backend }
  /** The server refused in its own words, which are for the client. */
  | { readonly type: "refused"; readonly words: Uint8Array; readonly sqlstate: string | null }
  /** The server let the router in without a challenge. */
  | { readonly type: "trusted" }
  /** The credentials do not open it; `stale` where it has another verifier for the role. */
  | { readonly type: "unfit"; readonly stale: boolean; readonly because: string }
  /** It answered, and the connection to it is not as safe as is demanded. */
  | { readonly type: "unsafe"; readonly because: string }
  /** Not reachable, starting, shutting down: it may be different in a moment. */
  | {
    readonly type: "unavailable";
    /** False where there was not even a connection. */
    readonly connected?: false;
    readonly because: string;
  };

/** Of the server's messages, those that a session wants to see. */
const SERVER_WATCH: Readonly<Record<string, number>> = { ...STARTUP_WATCH, G: 0 };
/** To log in, the whole of challenges and parameters must be seen. */
const LOGIN_WATCH: Readonly<Record<string, number>> = { ...SERVER_WATCH, R: 4096, S: 4096 };
const CHUNK_BYTES = 8192;
// Far above what a server says before its challenge, and small enough for many sessions at once.
const MAXIMUM_GREETING_BYTES = 65_536;

/** What {@linkcode openBackend} needs to know. */
export interface BackendRequest {
  readonly target: RouteTarget;
  readonly tls: BackendTls | null;
  /** The startup packet: user, database and the client's parameters. */
  readonly startup: Uint8Array;
  /** Who the client proved to be; null hands its own exchange through. */
  readonly credentials: Credentials | null;
  /** The cancel key that the client gets; null leaves it the server's own. */
  readonly clientKey: BackendKey | null;
  readonly allowTrusted: boolean;
  readonly connectTimeoutMs: number;
  readonly greetingTimeoutMs: number;
  /** Ends the attempt as "unavailable". */
  readonly signal: AbortSignal;
}

/**
 * Connects, sends the startup packet, and goes on until the server's verdict.
 *
 * @param path the Unix socket to go by, without TLS; null goes by TCP
 */
export async function openBackend(
  request: BackendRequest,
  path: string | null = null,
): Promise<BackendOpening> {
  const { target, tls, connectTimeoutMs: timeoutMs, greetingTimeoutMs, signal } = request;
  const connected = path === null
    ? await connectServer({ target, tls, timeoutMs, signal })
    : await connectSocket({ path, timeoutMs, signal });
  if (!connected.ok) {
    const { because } = unavailable(target, connected.because);
    return "unsafe" in connected && connected.unsafe
      ? { type: "unsafe", because }
      : { type: "unavailable", connected: false, because };
  }
  const { conn } = connected;
  const conversation = request.credentials === null
    ? listen(conn, request)
    : logIn(conn, request, request.credentials);
  const opening = await within(conversation, greetingTimeoutMs, signal);
  if (opening === null) {
    closeQuietly(conn);
    return unavailable(target, `no answer within ${Math.round(greetingTimeoutMs)} ms`);
  }
  if (opening.type !== "open") closeQuietly(conn);
  return opening;
}

/** What a server said so far, as bytes and as watched messages. */
interface Hearing {
  readonly framing: Framing;
  readonly chunks: Uint8Array[];
  readonly buffer: Uint8Array;
}

function hear(watch: Readonly<Record<string, number>>): Hearing {
  return { framing: createFraming(watch), chunks: [], buffer: new Uint8Array(CHUNK_BYTES) };
}

/** The next messages; null where the server is gone or says too much. */
async function more(conn: Deno.Conn, hearing: Hearing): Promise<readonly FrameEvent[] | null> {
  if (hearing.framing.position >= MAXIMUM_GREETING_BYTES) return null;
  const count = await read(conn, hearing.buffer);
  if (count === null) return null;
  const chunk = hearing.buffer.slice(0, count);
  hearing.chunks.push(chunk);
  return scan(hearing.framing, chunk);
}

async function logIn(
  conn: Deno.Conn,
  { target, startup, clientKey, allowTrusted }: BackendRequest,
  credentials: Credentials,
): Promise<BackendOpening> {
  if (!await write(conn, startup)) return unavailable(target, "closed the connection");
  const hearing = hear(LOGIN_WATCH);
  const parameters = new Map<string, string>();
  let login: BackendLogin = { step: "greeting" };
  let authenticatedAt: number | null = null;
  let keys: CancelKeys | null = null;
  let keyAt = { from: 0, to: 0 };
  for (;;) {
    const found = await more(conn, hearing);
    if (found === null) return unavailable(target, "closed the connection, or said too much");
    for (const event of found) {
      if (event.type === "violation") return unavailable(target, event.because);
      switch (event.code) {
        case "R": {
          if (authenticatedAt !== null) return unavailable(target, "authenticated twice");
          const move = answerBackend(login, credentials, event.payload);
          switch (move.type) {
            case "send":
              login = move.login;
              if (!await write(conn, move.bytes)) return unavailable(target, "is gone");
              break;
            case "wait":
              login = move.login;
              break;
            case "authenticated":
              authenticatedAt = event.endsAt;
              break;
            case "trusted":
              if (!allowTrusted) return { type: "trusted" };
              authenticatedAt = event.endsAt;
              break;
            case "unfit":
            case "stale":
              return {
                type: "unfit",
                stale: move.type === "stale",
                because: `${target.node} does not let the client in: ${move.because}.`,
              };
            case "violation":
              return unavailable(target, move.because);
          }
          break;
        }
        case "S": {
          const told = parseParameterStatus(event.payload);
          if (told !== null) parameters.set(told.name, told.value);
          break;
        }
        case "K": {
          const server = parseBackendKeyData(event.payload);
          if (server === null || keys !== null || authenticatedAt === null) {
            return unavailable(target, "gave an unfit cancel key, or one out of turn");
          }
          keys = { server, client: clientKey ?? server };
          keyAt = { from: event.endsAt - event.payloadBytes - 5, to: event.endsAt };
          break;
        }
        case "E": {
          const startsAt = event.endsAt - event.payloadBytes - 5;
          return refusal(target, parseErrorFields(event.payload), heard(hearing, startsAt));
        }
        case "Z":
          if (authenticatedAt === null) return unavailable(target, "is ready without a login");
          return {
            type: "open",
            backend: {
              conn,
              framing: hearing.framing,
              phase: "ready",
              buffer: hearing.buffer,
              greeting: keys === null ? heard(hearing, authenticatedAt) : concatBytes([
                heard(hearing, authenticatedAt, keyAt.from),
                backendKeyDataBytes(keys.client),
                heard(hearing, keyAt.to),
              ]),
              events: [],
              keys,
              parameters,
            },
          };
      }
    }
  }
}

async function listen(
  conn: Deno.Conn,
  { target, startup, allowTrusted }: BackendRequest,
): Promise<BackendOpening> {
  if (!await write(conn, startup)) return unavailable(target, "closed the connection");
  const hearing = hear(SERVER_WATCH);
  const events: FrameEvent[] = [];
  const open = (): BackendOpening => ({
    type: "open",
    backend: {
      conn,
      framing: hearing.framing,
      phase: "greeting",
      buffer: hearing.buffer,
      greeting: heard(hearing, 0),
      events,
      keys: null,
      parameters: new Map(),
    },
  });
  for (;;) {
    const found = await more(conn, hearing);
    if (found === null) return unavailable(target, "closed the connection, or gave no challenge");
    events.push(...found);
    for (const event of found) {
      if (event.type === "violation") return unavailable(target, event.because);
      const { verdict } = judgeStartup("greeting", event);
      switch (verdict.type) {
        case "challenged":
          return open();
        case "trusted":
          return allowTrusted ? open() : { type: "trusted" };
        case "refused":
          return refusal(target, verdict.error, heard(hearing, 0));
        case "violation":
          return unavailable(target, verdict.because);
        case "pending":
        case "authenticated":
        case "key":
        case "ready":
          break;
      }
    }
  }
}

function heard({ chunks }: Hearing, from: number, to?: number): Uint8Array {
  return chunks.length === 0 ? NO_BYTES : concatBytes(chunks).subarray(from, to);
}

function refusal(target: RouteTarget, error: ErrorFields, words: Uint8Array): BackendOpening {
  const { sqlstate, message } = error;
  return sqlstate === SQLSTATE.cannotConnectNow
    ? unavailable(target, message ?? "not accepting connections")
    : { type: "refused", words, sqlstate };
}

function unavailable(
  { node, host, port }: RouteTarget,
  problem: string,
): Extract<BackendOpening, { type: "unavailable" }> {
  return { type: "unavailable", because: `${node} (${host}:${port}): ${problem}` };
}
