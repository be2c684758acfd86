/**
 * Carries the core's actions out on the local server, and watches that server between them.
 *
 * An observation that began before an action started or ended describes a server that no longer
 * exists; it is thrown away, so that the core never decides on it.
 *
 * @module
 */
import type { Event } from "../core/event.ts";
import type { Log } from "../core/log.ts";
import type { ServerAction, ServerObservation } from "../core/server.ts";
import type { ActionProgress, LocalServer } from "../postgres/server.ts";
import { monotonicMs } from "./clock.ts";
import { type PaceSample, withSample } from "./pace.ts";

/** What `status` shows of the action under way. */
export interface RunningAction {
  /** A clone that turned out to be a rewind is called so. */
  readonly action: ServerAction["type"] | "rewind";
  readonly sinceMs: number;
  readonly progress: ActionProgress | null;
  /** What it reported lately, for its speed. */
  readonly samples: readonly PaceSample[];
}

/** The local server in the agent's hands. */
export interface ServerDriver {
  /** Starts an action; its end is submitted as an event. */
  run(operation: number, action: ServerAction): void;
  /** Looks at the server now, or as soon as the look under way has ended. */
  lookNow(): void;
  observation(): ServerObservation | null;
  running(): RunningAction | null;
  /** Aborts the action under way; its helper processes must not outlive the agent. */
  stop(): Promise<void>;
}

/** Pause between two looks when nothing asks for one. */
const MAXIMUM_LOOK_EVERY_MS = 1000;

/** Drives `server`; a witness has none, and says "absent". */
export function driveServer(
  server: LocalServer | null,
  options: {
    readonly heartbeatIntervalMs: number;
    readonly submit: (event: Event) => void;
    readonly log: Log;
  },
): ServerDriver {
  const { submit, log } = options;
  const everyMs = Math.min(options.heartbeatIntervalMs / 2, MAXIMUM_LOOK_EVERY_MS);
  const running = new Map<number, RunningAction>();
  let epoch = 0;
  let observed: ServerObservation | null = null;
  let looking = false;
  let again = false;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ending: Promise<void> = Promise.resolve();
  const stopping = new AbortController();

  const look = async () => {
    clearTimeout(timer);
    if (looking) {
      again = true;
      return;
    }
    looking = true;
    do {
      again = false;
      const began = epoch;
      const found: ServerObservation = server === null
        ? { state: "absent" }
        : await server.observe();
      if (stopped) return;
      if (epoch !== began) {
        again = true;
        continue;
      }
      observed = found;
      submit({ type: "observed", nowMs: monotonicMs(), server: found });
    } while (again);
    looking = false;
    timer = setTimeout(lookNow, everyMs);
  };

  const lookNow = () => {
    if (stopped) return;
    ending = look().catch((error) => {
      looking = false;
      const because = error instanceof Error ? error.message : String(error);
      log("error", "observe", { outcome: "failed", because });
      if (!stopped) timer = setTimeout(lookNow, everyMs);
    });
  };

  const carryOut = async (
    driven: LocalServer,
    operation: number,
    action: ServerAction,
  ): Promise<Event> => {
    const outcome = await driven.run(action, {
      signal: stopping.signal,
      onProgress(progress) {
        const entry = running.get(operation);
        if (entry === undefined) return;
        const sample = { atMs: monotonicMs(), doneBytes: progress.doneBytes };
        const samples = withSample(entry.samples, sample);
        running.set(operation, { ...entry, action: progress.doing, progress, samples });
      },
    });
    const nowMs = monotonicMs();
    return outcome.ok ? { type: "action_done", nowMs, operation, result: outcome.result } : {
      type: "action_failed",
      nowMs,
      operation,
      failure: outcome.failure,
      because: outcome.because,
    };
  };

  server?.onExit(lookNow);
  lookNow();
  return {
    run(operation, action) {
      if (server === null) return;
      epoch++;
      // A copy can take hours, in which the log shall not be silent about it.
      if (action.type === "clone" || action.type === "initialise") {
        log("info", action.type, {
          outcome: "started",
          ...(action.type === "clone" ? { peer: action.upstream.node } : {}),
        });
      }
      const sinceMs = monotonicMs();
      running.set(operation, { action: action.type, sinceMs, progress: null, samples: [] });
      carryOut(server, operation, action).then((event) => {
        running.delete(operation);
        epoch++;
        if (!stopped) submit(event);
      }, (error) => {
        running.delete(operation);
        epoch++;
        if (stopped) return;
        submit({
          type: "action_failed",
          nowMs: monotonicMs(),
          operation,
          failure: "failed",
          because: error instanceof Error ? error.message : String(error),
        });
      });
    },
    lookNow,
    observation: () => observed,
    running: () => [...running.values()].at(-1) ?? null,
    async stop() {
      stopped = true;
      stopping.abort();
      clearTimeout(timer);
      await ending;
    },
  };
}
