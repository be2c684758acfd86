/**
 * What makes a captured request useless: the receiver's challenge.
 *
 * A receiver gives each sender a random challenge, which every signed request carries. The first
 * request of a process carries none, or the one of an earlier life; it is answered with 409 and the
 * challenge that is open, signed over that request's nonce, and the sender tries again. The retry
 * proves that its sender is alive now, so it opens a session: from then on this boot, this challenge
 * and a counter that was not seen yet are required, and the next session needs a fresh challenge.
 *
 * Thereby a request is refused when it was captured earlier in the session (its counter was seen),
 * in an earlier session of its sender, or before the receiver restarted (its challenge is unknown).
 * No clock takes part: a host whose clock was set back by a reboot is not locked out. A sender whose
 * counters went back, a virtual machine resumed from a snapshot, opens a new session likewise.
 *
 * A member has one session. Operators share a name, so several of their sessions are open at a time,
 * each for a short while: a request that somebody held back on its way is void after that.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { OPERATOR, type RequestEnvelope } from "./signature.ts";
import { acceptCounter, createReplayWindow, type ReplayWindow } from "./window.ts";

/** The sessions of one receiver, by sender. Senders are members or the operator: few. */
export type Sessions = Map<string, SenderState>;

interface SenderState {
  /** What the next session opens with. */
  nextChallenge: string;
  /** The newest last. */
  sessions: readonly Session[];
}

interface Session {
  readonly boot: string;
  readonly challenge: string;
  readonly openedAtMs: number;
  readonly window: ReplayWindow;
}

/** Whether a request is fresh; if not, the challenge that its sender must use. */
export type Freshness =
  | { readonly type: "fresh" }
  | { readonly type: "stale"; readonly challenge: string };

/** Processes of operators that can talk at the same time without asking for a challenge again. */
const OPERATOR_SESSIONS = 16;

/** How long an operator's session lasts: far longer than a request is on its way. */
export const OPERATOR_SESSION_MS = 60_000;

/** A receiver that has heard nobody yet. */
export function createSessions(): Sessions {
  return new Map();
}

/**
 * Decides whether a request whose signature was verified is fresh, and notes it.
 *
 * Call it once per request, after the signature: it must not be moved by a forgery.
 *
 * @param nowMs a monotonic clock
 */
export function admit(sessions: Sessions, request: RequestEnvelope, nowMs: number): Freshness {
  const state = stateOf(sessions, request.sender);
  const isOperator = request.sender === OPERATOR;
  if (isOperator) {
    state.sessions = state.sessions.filter(({ openedAtMs }) =>
      nowMs - openedAtMs < OPERATOR_SESSION_MS
    );
  }
  if (request.challenge === state.nextChallenge) {
    const { boot, challenge } = request;
    const opened = { boot, challenge, openedAtMs: nowMs, window: createReplayWindow() };
    state.sessions = [...state.sessions, opened].slice(isOperator ? -OPERATOR_SESSIONS : -1);
    state.nextChallenge = createChallenge();
  }
  const session = state.sessions.find(({ boot, challenge }) =>
    boot === request.boot && challenge === request.challenge
  );
  const fresh = session !== undefined && acceptCounter(session.window, request.counter);
  return fresh ? { type: "fresh" } : { type: "stale", challenge: state.nextChallenge };
}

function stateOf(sessions: Sessions, sender: string): SenderState {
  const known = sessions.get(sender);
  if (known !== undefined) return known;
  const state: SenderState = { nextChallenge: createChallenge(), sessions: [] };
  sessions.set(sender, state);
  return state;
}

function createChallenge(): string {
  return randomBytes(16).toString("hex");
}
