/**
 * One turn of the core: the state as it changes, and the effects as they gather.
 *
 * A turn lives inside one call of `step()`. Its functions are the only ones that write to it, so
 * that everything a turn can do is in this file.
 *
 * @module
 */
import type { Decision, Durable, Effect, StepOutcome } from "./effect.ts";
import type { Answer, Request } from "./message.ts";
import type { Incarnation, Memory, NodeName } from "./record.ts";
import type { ServerAction } from "./server.ts";
import type { Outstanding, Role, State } from "./state.ts";

/** What one call of `step()` works on. */
export interface Turn {
  state: State;
  readonly effects: Effect[];
  readonly nowMs: number;
}

/** Replaces parts of the state. */
export function patch(turn: Turn, change: Partial<State>): void {
  turn.state = { ...turn.state, ...change };
}

/** Replaces parts of the role, which must be of the kind that `role` was. */
export function patchRole<R extends Role>(turn: Turn, role: R, change: Partial<R>): R {
  const next = { ...role, ...change };
  patch(turn, { role: next });
  return next;
}

/** Changes what survives a crash; an effect only where something really changes. */
export function persist(turn: Turn, change: Partial<Durable>): void {
  const before = turn.state.durable;
  const durable: Durable = { ...before, ...change };
  const same = durable.term === before.term && durable.votedFor === before.votedFor &&
    durable.record === before.record && durable.resignedTerm === before.resignedTerm &&
    durable.admitted === before.admitted && durable.memory === before.memory;
  if (same) return;
  patch(turn, { durable });
  turn.effects.push({ type: "persist", durable });
}

/** Sends a request; its answer, or the lack of one, comes back as an event. */
export function send(turn: Turn, to: NodeName, message: Request): void {
  const request = takeId(turn);
  const entry: Outstanding = {
    to,
    kind: message.type,
    sentAtMs: turn.nowMs,
    term: message.type === "handover" ? message.handover.term : message.term,
  };
  patch(turn, { outstanding: { ...turn.state.outstanding, [request]: entry } });
  turn.effects.push({ type: "send", request, to, message });
}

/** Answers a request that is waiting. */
export function answer(turn: Turn, exchange: number, message: Answer): void {
  turn.effects.push({ type: "answer", exchange, message });
}

/** Starts an action on the local server. Only a fence may be started while another is under way. */
export function operate(turn: Turn, action: ServerAction): void {
  const id = takeId(turn);
  patch(turn, {
    operation: { id, action, startedAtMs: turn.nowMs },
    operationFailure: null,
  });
  turn.effects.push({ type: "operate", operation: id, action });
}

/** Asks how many of the witness addresses can be reached; the next question is due `inMs` later. */
export function checkWitnesses(turn: Turn, inMs: number): void {
  const { pair } = turn.state;
  if (pair === null) return;
  const check = takeId(turn);
  const witnesses = {
    ...pair.witnesses,
    check,
    beganAtMs: turn.nowMs,
    nextAtMs: turn.nowMs + inMs,
  };
  patch(turn, { pair: { ...pair, witnesses } });
  turn.effects.push({ type: "check_witnesses", check });
}

/** Writes down a decision. */
export function report(turn: Turn, decision: Decision): void {
  turn.effects.push({ type: "report", decision });
}

/** Tells the operator who asked under `reference` how it goes. */
export function progress(
  turn: Turn,
  reference: number,
  step: string,
  outcome: StepOutcome = "running",
): void {
  turn.effects.push({ type: "progress", reference, step, outcome });
}

/** A whole number from 0 to `below` − 1, from the state's own generator (mulberry32). */
export function randomBelow(turn: Turn, below: number): number {
  const seed = (turn.state.random + 0x6D2B79F5) >>> 0;
  patch(turn, { random: seed });
  let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  const drawn = (mixed ^ (mixed >>> 14)) >>> 0;
  return Math.floor((drawn / 0x1_0000_0000) * below);
}

/** A new data directory's id. */
export function drawIncarnation(turn: Turn): Incarnation {
  const drawn = randomBelow(turn, 0x1_0000_0000);
  return drawn.toString(16).padStart(8, "0");
}

/** A new memory's id. */
export function drawMemory(turn: Turn): Memory {
  return drawIncarnation(turn);
}

function takeId(turn: Turn): number {
  const id = turn.state.nextId;
  patch(turn, { nextId: id + 1 });
  return id;
}
