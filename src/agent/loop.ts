/**
 * The loop around the core: events in, `step()`, effects out in order.
 *
 * Events wait in a queue and are taken one at a time. An effect that persists is awaited before the
 * next one is carried out, so nothing leaves this node that its disk does not know. Everything else
 * that takes time (requests, actions on the server, probes) is started, and its end comes back as
 * an event.
 *
 * When the state cannot be made durable the loop ends: what the core has decided since is not true
 * after a crash, and no answer may rely on it.
 *
 * @module
 */
import type { Durable, Effect } from "../core/effect.ts";
import type { Event } from "../core/event.ts";
import type { State } from "../core/state.ts";
import { nextWakeAtMs, step } from "../core/step.ts";

/** Where the core's effects meet the world. Only `persist` is awaited. */
export interface LoopPorts {
  nowMs(): number;
  /** @throws where the state cannot be made durable */
  persist(durable: Durable): Promise<void>;
  /** Starts an effect; its end, if it has one, is an event. Must not throw. */
  start(effect: Exclude<Effect, { readonly type: "persist" }>): void;
  /** After each event: the state that everybody may look at now. */
  changed(state: State): void;
  /** The loop has ended because of `error`; nothing is processed any more. */
  broken(error: unknown): void;
}

/** A running loop. */
export interface Loop {
  /** The latest state; every effect it rests on is durable or has been started. */
  state(): State;
  submit(event: Event): void;
  /** Takes no more events. Resolves when the one under way has been dealt with. */
  stop(): Promise<void>;
}

/** Longest sleep between ticks: a bound on how late a missed wake-up can be noticed. */
const MAXIMUM_SLEEP_MS = 1000;

/** Starts the loop with a state that came from disk. */
export function startLoop(initial: State, ports: LoopPorts): Loop {
  const queue: Event[] = [];
  let state = initial;
  let busy = false;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const pump = async () => {
    for (;;) {
      const event = queue.shift();
      if (event === undefined || stopped) break;
      const result = step(state, event);
      for (const effect of result.effects) {
        if (effect.type === "persist") await ports.persist(effect.durable);
        else ports.start(effect);
      }
      state = result.state;
      ports.changed(state);
    }
    busy = false;
    schedule();
  };

  const kick = () => {
    if (busy || stopped) return;
    busy = true;
    running = pump().catch((error) => {
      stopped = true;
      ports.broken(error);
    });
  };

  const schedule = () => {
    clearTimeout(timer);
    if (stopped) return;
    const delayMs = Math.max(1, Math.min(nextWakeAtMs(state) - ports.nowMs(), MAXIMUM_SLEEP_MS));
    timer = setTimeout(() => {
      queue.push({ type: "tick", nowMs: ports.nowMs() });
      kick();
    }, delayMs);
  };

  schedule();
  return {
    state: () => state,
    submit(event) {
      if (stopped) return;
      queue.push(event);
      kick();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
