/**
 * Finds a server for a new session: choose, connect, and where that fails wait for a change, up to
 * the port's time limit. A server that refuses connections, or is still starting, is waited for like
 * one that does not exist yet.
 *
 * @module
 */
import { type Complaint, SQLSTATE } from "../wire/sqlstate.ts";
import type { BackendKey } from "../wire/startup.ts";
import type { Backend, BackendOpening } from "./backend.ts";
import type { Credentials } from "./authenticate.ts";
import type { Opener } from "./local_socket.ts";
import type { RouterOptions, RouterPorts } from "./options.ts";
import type { Choice, Purpose, Route } from "./route.ts";
import { closeQuietly } from "./socket.ts";
import type { Place, WaitingRoom } from "./waiting.ts";

/** How {@linkcode acquire} ended. */
export type Acquisition =
  | { readonly type: "acquired"; readonly route: Route; readonly backend: Backend }
  /** The server refused in its own words. */
  | { readonly type: "refused"; readonly words: Uint8Array; readonly sqlstate: string | null }
  | { readonly type: "failed"; readonly complaint: Complaint }
  /** The credentials do not open the server. */
  | { readonly type: "unfit"; readonly complaint: Complaint }
  /** The client left, or the session was ended from outside. */
  | { readonly type: "abandoned" };

/** What {@linkcode acquire} works with. */
export interface AcquireInput {
  readonly purpose: Purpose;
  /** The startup packet for the server. */
  readonly startup: Uint8Array;
  /** What opens the server; null hands the client's own exchange through. */
  readonly credentials: Credentials | null;
  /** The cancel key that the client gets; null where that is the server's own. */
  readonly clientKey: BackendKey | null;
  readonly options: RouterOptions;
  readonly ports: Pick<RouterPorts, "now" | "random">;
  readonly waitingRoom: WaitingRoom;
  readonly open: Opener;
  /** Chooses by the present view; `excluded` are standbys that did not answer just now. */
  choose(excluded: ReadonlySet<string>): Choice;
  /** Whether a route that was chosen before an attempt is still right after it. */
  isRight(route: Route): boolean;
  /** Told before each attempt and after it; the owner aborts an attempt whose route went stale. */
  onAttempt(attempt: Attempt | null): void;
  /** Told why it waits, and null when that is over. */
  onWait(because: string | null): void;
  /** Ends the search as "abandoned". */
  readonly signal: AbortSignal;
}

/** An attempt that is under way. */
export interface Attempt {
  readonly route: Route;
  abort(): void;
}

const RETRY_MS = 100;

/** Resolves when the session has a server, or is not going to have one. */
export async function acquire(input: AcquireInput): Promise<Acquisition> {
  const { options, ports, purpose, signal } = input;
  const limitMs = purpose === "read_only" ? options.readTimeoutMs : options.writeTimeoutMs;
  const deadline = ports.now() + limitMs;
  const remainingMs = () => deadline - ports.now();
  const excluded = new Set<string>();
  let place: Place | null = null;
  try {
    while (!signal.aborted) {
      const choice = input.choose(excluded);
      const search = choice.type === "none"
        ? { type: "nowhere", because: choice.because } as const
        : await tryRoute(input, choice.route, remainingMs());
      switch (search.type) {
        case "changed":
          if (remainingMs() > 0) continue;
          break;
        case "unavailable":
          // The next best at once; the one that failed is asked again after the next pause.
          if (search.route.to === "standby" && remainingMs() > 0) {
            excluded.add(search.route.target.node);
            continue;
          }
          break;
        case "nowhere":
          break;
        default:
          return search;
      }
      const { because } = search;
      if (remainingMs() <= 0) return failed(noServer(purpose, limitMs, because));
      place ??= input.waitingRoom.enter();
      if (place === null) return failed(tooManyWaiting(options, because));
      // Only a change of the view helps where there is no server; one that does not answer is asked
      // again, spread a little, so that many sessions do not knock at a starting server in step.
      const pauseMs = search.type === "nowhere" && excluded.size === 0
        ? remainingMs()
        : Math.min(remainingMs(), RETRY_MS * (0.5 + ports.random()));
      input.onWait(because);
      await place.next(pauseMs, signal);
      input.onWait(null);
      excluded.clear();
    }
    return { type: "abandoned" };
  } finally {
    place?.leave();
  }
}

type Trial =
  | Acquisition
  /** The view changed meanwhile, so whatever came out of the attempt is void. */
  | { readonly type: "changed"; readonly because: string }
  | { readonly type: "unavailable"; readonly route: Route; readonly because: string };

async function tryRoute(input: AcquireInput, route: Route, remainingMs: number): Promise<Trial> {
  const opening = await attempt(input, route, remainingMs);
  const abandoned = input.signal.aborted;
  if (abandoned || !input.isRight(route)) {
    if (opening.type === "open") closeQuietly(opening.backend.conn);
    return abandoned
      ? { type: "abandoned" }
      : { type: "changed", because: "the cluster changed during the attempt" };
  }
  switch (opening.type) {
    case "open":
      return { type: "acquired", route, backend: opening.backend };
    case "refused":
      return opening;
    case "trusted":
      return failed(trusted(route));
    case "unfit":
      // Standbys replay a new password later than the primary has it.
      return opening.stale && route.to === "standby"
        ? { type: "unavailable", route, because: opening.because }
        : { type: "unfit", complaint: unfit(opening.because) };
    case "unsafe":
      // Another standby may be fit; there is no other primary.
      return route.to === "standby"
        ? { type: "unavailable", route, because: opening.because }
        : failed(unsafe(opening.because));
    case "unavailable":
      return { type: "unavailable", route, because: opening.because };
  }
}

async function attempt(
  input: AcquireInput,
  route: Route,
  remainingMs: number,
): Promise<BackendOpening> {
  const { options } = input;
  const controller = new AbortController();
  const abort = () => controller.abort();
  input.signal.addEventListener("abort", abort, { once: true });
  input.onAttempt({ route, abort });
  try {
    return await input.open({
      target: route.target,
      tls: options.backendTls,
      startup: input.startup,
      credentials: input.credentials,
      clientKey: input.clientKey,
      allowTrusted: options.allowTrustedBackend,
      connectTimeoutMs: Math.min(options.connectTimeoutMs, remainingMs),
      greetingTimeoutMs: options.startupTimeoutMs,
      signal: controller.signal,
    });
  } finally {
    input.onAttempt(null);
    input.signal.removeEventListener("abort", abort);
  }
}

function failed(complaint: Complaint): Acquisition {
  return { type: "failed", complaint };
}

function noServer(purpose: Purpose, limitMs: number, because: string): Complaint {
  const what = purpose === "read_only" ? "server" : "primary";
  return {
    sqlstate: SQLSTATE.cannotConnectNow,
    message: `Cannot start a session: no ${what} was found within ${limitMs} ms: ${because}`,
    hint: "Try again; `metako status` shows what the cluster is waiting for.",
  };
}

function tooManyWaiting(options: RouterOptions, because: string): Complaint {
  return {
    sqlstate: SQLSTATE.tooManyConnections,
    message: `Cannot start a session: ${options.maximumWaiting} sessions wait for a server ` +
      `already: ${because}`,
    hint: "Try again later, or connect less at a time.",
  };
}

function unfit(because: string): Complaint {
  return {
    sqlstate: SQLSTATE.invalidAuthorization,
    message: `Cannot start a session: ${because}`,
    hint: "Try again if the password was just changed; use scram-sha-256 in pg_hba.conf for the " +
      "addresses of the cluster's hosts, or set router.authentication: relay.",
  };
}

function unsafe(because: string): Complaint {
  return {
    sqlstate: SQLSTATE.connectionRejected,
    message: `Cannot start a session: ${because}.`,
    hint: "Correct the server's ssl settings, router.backend_ca_file or router.backend_tls.",
  };
}

function trusted({ target }: Route): Complaint {
  return {
    sqlstate: SQLSTATE.invalidAuthorization,
    message: `Cannot start a session: ${target.node} lets the router's address in without a ` +
      "password, and so would let in everybody who reaches the router.",
    hint: "Use scram-sha-256 in pg_hba.conf for the addresses of the cluster's hosts " +
      "(or router.allow_trusted_backend: true in a demonstration).",
  };
}
