/**
 * The loop around the core: events in, `step()`, effects out in order.
 *
 * Events wait in a queue and are taken one at a time. An effect that persists is awaited before the
 * next one is carried out, so nothing leaves this node that its disk does not know. Everything else
 * that takes time (requests, actions on the server, probes) is started, and its end comes back as
 * an event.
 *
 * While the state cannot be made durable the loop stands still, as on a disk that is slow: what the
 * core has decided is not true after a crash, and nothing may rest on it. It tries again, and goes on
 * where it stopped. What others said meanwhile is as good as lost on its way.
 *
 * @module
 */
import type { Durable, Effect } from "../core/effect.ts";
import type { Event } from "../core/event.ts";
import type { State } from "../core/state.ts";
import { nextWakeAtMs, step } from "../core/step.ts";
import { pause } from "../postgres/wait.ts";

/** Where the core's effects meet the world. Only `persist` is awaited. */
export interface LoopPorts {
  nowMs(): number;
  /** @throws where the state cannot be made durable; it is asked again until it can */
  persist(durable: Durable): Promise<void>;
  /** Called at every attempt that failed; `state` is the one from before. */
  unwritten(error: unknown, state: State): void;
  /** Called when the state could be written after all. */
  written(): void;
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

/** Pauses between attempts to write the state: from so short to so long. */
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1000;

/** What is worth nothing later: it is asked, or looked at, again. */
const FLEETING: readonly Event["type"][] = ["request", "observed", "tick"];

/** Starts the loop with a state that came from disk. */
export function startLoop(initial: State, ports: LoopPorts): Loop {
  const queue: Event[] = [];
  let state = initial;
  let busy = false;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  let unwritten = false;
  const stopping = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** False where the loop was stopped before the state could be written. */
  const remember = async (durable: Durable): Promise<boolean> => {
    for (let retryMs = FIRST_RETRY_MS;; retryMs = Math.min(2 * retryMs, LAST_RETRY_MS)) {
      try {
        await ports.persist(durable);
        if (unwritten) ports.written();
        unwritten = false;
        return !stopped;
      } catch (error) {
        unwritten = true;
        ports.unwritten(error, state);
      }
      await pause(retryMs, stopping.signal);
      if (stopped) return false;
    }
  };

  const pump = async () => {
    for (;;) {
      const event = queue.shift();
      if (event === undefined || stopped) break;
      const result = step(state, event);
      for (const effect of result.effects) {
        if (effect.type !== "persist") ports.start(effect);
        else if (!await remember(effect.durable)) return;
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
      if (stopped || unwritten && FLEETING.includes(event.type)) return;
      queue.push(event);
      kick();
    },
    async stop() {
      stopped = true;
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
