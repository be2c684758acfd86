/**
 * Opens a server for one client, up to the point where it is known whether the server asks for proof.
 *
 * Until then nothing reaches the client. So a server that lets in whom it should not is refused in
 * silence, and one that is still starting, or went away in the middle, can be tried again.
 *
 * @module
 */
import { concatBytes } from "../wire/bytes.ts";
import { judgeStartup, STARTUP_WATCH } from "../wire/backend_auth.ts";
import { createFraming, type FrameEvent, type Framing, scan } from "../wire/framing.ts";
import { SQLSTATE } from "../wire/sqlstate.ts";
import type { RouteTarget } from "./options.ts";
import { closeQuietly, connectWithin, read, within, write } from "./socket.ts";

/** A server that is ready to go on with the client's own exchange. */
export interface Backend {
  readonly conn: Deno.TcpConn;
  /** The scanner of the server's stream; it stands behind `greeting`. */
  readonly framing: Framing;
  /** What the server said so far, none of it passed on yet. */
  readonly greeting: Uint8Array;
  /** The watched messages in `greeting`. */
  readonly events: readonly FrameEvent[];
}

/** How {@linkcode openBackend} ended. */
export type BackendOpening =
  | { readonly type: "open"; readonly backend: Backend }
  /** The server refused in its own words, which are for the client. */
  | { readonly type: "refused"; readonly words: Uint8Array; readonly sqlstate: string | null }
  /** The server let the router in without a challenge. */
  | { readonly type: "trusted" }
  /** Not reachable, starting, shutting down: it may be different in a moment. */
  | { readonly type: "unavailable"; readonly because: string };

/** Of the server's messages, those that a session wants to see. */
const SERVER_WATCH: Readonly<Record<string, number>> = { ...STARTUP_WATCH, G: 0 };
const CHUNK_BYTES = 8192;
// Far above what a server says before its challenge, and small enough for many sessions at once.
const MAXIMUM_GREETING_BYTES = 65_536;

/**
 * Connects, hands over the client's startup packet, and listens until the server's verdict.
 *
 * @param signal ends the attempt as "unavailable"
 */
export async function openBackend(
  { target, startup, allowTrusted, connectTimeoutMs, greetingTimeoutMs, signal }: {
    readonly target: RouteTarget;
    readonly startup: Uint8Array;
    readonly allowTrusted: boolean;
    readonly connectTimeoutMs: number;
    readonly greetingTimeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<BackendOpening> {
  const { host, port } = target;
  const connected = await connectWithin({ host, port, timeoutMs: connectTimeoutMs, signal });
  if (!connected.ok) return unavailable(target, connected.because);
  const { conn } = connected;
  const opening = await within(
    listen(conn, target, startup, allowTrusted),
    greetingTimeoutMs,
    signal,
  );
  if (opening === null) {
    closeQuietly(conn);
    return unavailable(target, `no answer within ${Math.round(greetingTimeoutMs)} ms`);
  }
  if (opening.type !== "open") closeQuietly(conn);
  return opening;
}

async function listen(
  conn: Deno.TcpConn,
  target: RouteTarget,
  startup: Uint8Array,
  allowTrusted: boolean,
): Promise<BackendOpening> {
  if (!await write(conn, startup)) return unavailable(target, "closed the connection");
  const framing = createFraming(SERVER_WATCH);
  const chunks: Uint8Array[] = [];
  const events: FrameEvent[] = [];
  const buffer = new Uint8Array(CHUNK_BYTES);
  while (framing.position < MAXIMUM_GREETING_BYTES) {
    const count = await read(conn, buffer);
    if (count === null) return unavailable(target, "closed the connection");
    const chunk = buffer.slice(0, count);
    const found = scan(framing, chunk);
    chunks.push(chunk);
    events.push(...found);
    const greeting = () => concatBytes(chunks);
    for (const event of found) {
      if (event.type === "violation") return unavailable(target, event.because);
      const { verdict } = judgeStartup("greeting", event);
      switch (verdict.type) {
        case "challenged":
          return { type: "open", backend: { conn, framing, greeting: greeting(), events } };
        case "trusted":
          return allowTrusted
            ? { type: "open", backend: { conn, framing, greeting: greeting(), events } }
            : { type: "trusted" };
        case "refused": {
          const { sqlstate, message } = verdict.error;
          return sqlstate === SQLSTATE.cannotConnectNow
            ? unavailable(target, message ?? "not accepting connections")
            : { type: "refused", words: greeting(), sqlstate };
        }
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
  return unavailable(target, `said ${framing.position} bytes and no challenge`);
}

function unavailable({ node, host, port }: RouteTarget, problem: string): BackendOpening {
  return { type: "unavailable", because: `${node} (${host}:${port}): ${problem}` };
}
