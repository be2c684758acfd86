/**
 * The core's face: one event in, a new state and effects out.
 *
 * Effects are to be carried out in order; one that persists has to be durable before any that
 * follows it. The same state and event always give the same result, so a recorded list of events
 * replays exactly. (docs/architecture.md, "The core's face")
 *
 * @module
 */
import { assertNever } from "./assert_never.ts";
import type { Effect } from "./effect.ts";
import type { Event } from "./event.ts";
import { turnMajority } from "./majority.ts";
import type { State } from "./state.ts";
import { drawMemory, persist, type Turn } from "./turn.ts";

/** What a step gives back. */
export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/**
 * Takes one event in.
 *
 * @param event its `nowMs` must not be smaller than that of the event before; a smaller one is
 * read as the time of the event before, since a monotonic clock cannot have meant it.
 */
export function step(state: State, event: Event): Step {
  const nowMs = Math.max(state.nowMs, event.nowMs);
  const turn: Turn = { state: { ...state, nowMs }, effects: [], nowMs };
  // Whoever remembers nothing begins a memory, before anybody is told anything that rests on it.
  if (state.durable.memory === null) persist(turn, { memory: drawMemory(turn) });
  turnMajority(turn, event);
  return { state: turn.state, effects: turn.effects };
}

/**
 * When `step()` wants to be called next, if nothing else happens before; calling it early is
 * harmless.
 *
 * @returns milliseconds on the monotonic clock; Infinity where only an event can change anything
 */
export function nextWakeAtMs(state: State): number {
  const { role, nowMs } = state;
  const pairDelayMs = state.settings.pair?.failoverDelayMs;
  const moments: (number | null | undefined)[] = [
    state.promise?.untilMs,
    state.operateAtMs,
    state.pendingConfirm?.deadlineMs,
    state.watch?.deadlineMs,
    state.pair?.checkAtMs,
    state.pair?.witnesses.nextAtMs,
    pairDelayMs === undefined ? undefined : (state.pair?.heardAtMs ?? 0) + pairDelayMs,
  ];
  switch (role.kind) {
    case "follower":
      moments.push(role.campaignAtMs, role.probeAtMs);
      break;
    case "candidate":
      moments.push(role.deadlineMs, role.listenUntilMs);
      break;
    case "leader":
      moments.push(
        role.nextHeartbeatAtMs,
        role.leaseUntilMs ?? role.electedDeadlineMs,
        role.retryAtMs,
        role.switchover?.retryAtMs,
        role.switchover?.deadlineMs,
      );
      break;
    default:
      assertNever(role);
  }
  const future = moments.filter((moment) => typeof moment === "number" && moment > nowMs);
  return Math.min(Infinity, ...future as number[]);
}
