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
import type { ActionOutcome, ActionProgress, LocalServer } from "../postgres/server.ts";
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
  /** When a report last differed from the one before; monotonic milliseconds. */
  readonly movedAtMs: number;
}

/** What {@linkcode ServerDriver.exclusively} lends. */
export interface Hands {
  readonly server: LocalServer;
  /** Carries out an action; `status` shows it meanwhile. */
  readonly run: (action: ServerAction) => Promise<ActionOutcome>;
  readonly signal: AbortSignal;
}

/** The local server in the agent's hands. */
export interface ServerDriver {
  /** Starts an action; its end is submitted as an event. */
  run(operation: number, action: ServerAction): void;
  /** Looks at the server now, or as soon as the look under way has ended. */
  lookNow(): void;
  observation(): ServerObservation | null;
  /**
   * Has the server for `work` alone, at an operator's request. Until it ends the core sees nothing
   * of the server and can do nothing to it but fence it, which ends the work: `signal` is aborted.
   *
   * @returns null, nothing having been begun, where the server is in somebody's hands already
   */
  exclusively<T>(work: (hands: Hands) => Promise<T>): Promise<T> | null;
  /**
   * Ends a copy or a rewind that is under way, as one that failed; the data directory is left to be made
   * anew.
   *
   * @returns null where there is none
   */
  abandonCopy(): Promise<void> | null;
  running(): RunningAction | null;
  /** How the last fence or orderly stop ended, where nothing was started since. */
  ended(): "not" | "by_agent" | "fence_failed";
  /** Whether a primary may be running here, and whether one could not be ended. */
  standing(): { readonly closed: boolean; readonly fenceFailed: boolean };
  /** Ends the server with all its processes, unasked by the core. */
  end(): Promise<ActionOutcome>;
  /** Aborts the action under way; its helper processes must not outlive the agent. */
  stop(): Promise<void>;
}

/** Pause between two looks when nothing asks for one. */
const MAXIMUM_LOOK_EVERY_MS = 1000;

/** Under which an operator's action runs: the core's numbers begin with 1. */
const BY_HAND = 0;

/** Actions after which a server may run that an earlier one had ended. */
const STARTS: readonly ServerAction["type"][] = [
  "initialise",
  "start_primary",
  "start_standby",
  "follow",
  "promote",
  "clone",
];

/** States in which no primary runs. */
const CLOSED: readonly ServerObservation["state"][] = ["standby", "stopped", "absent"];

/** Drives `server`; a witness has none, and says "absent". */
export function driveServer(
  server: LocalServer | null,
  options: {
    readonly heartbeatIntervalMs: number;
    readonly submit: (event: Event) => void;
    /** Puts right what a look cannot see, such as a disk on which nothing can be written. */
    readonly amend?: (found: ServerObservation) => ServerObservation;
    readonly log: Log;
  },
): ServerDriver {
  const { submit, amend = (found) => found, log } = options;
  const everyMs = Math.min(options.heartbeatIntervalMs / 2, MAXIMUM_LOOK_EVERY_MS);
  const running = new Map<number, RunningAction>();
  let epoch = 0;
  let observed: ServerObservation | null = null;
  let ended: ReturnType<ServerDriver["ended"]> = "not";
  let looking = false;
  let again = false;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ending: Promise<void> = Promise.resolve();
  const stopping = new AbortController();
  let copying: { readonly abort: () => void; readonly ended: Promise<void> } | null = null;
  /** Aborted by a fence; null where no operator has the server. */
  let lent: AbortController | null = null;

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
      const found = amend(server === null ? { state: "absent" } : await server.observe());
      if (stopped) return;
      if (epoch !== began) {
        again = true;
        continue;
      }
      // What an operator does is not what the core has to act upon.
      if (lent !== null) continue;
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

  const noteEnd = ({ type }: ServerAction, outcome: ActionOutcome) => {
    if (type !== "fence" && type !== "stop") return;
    if (outcome.ok) ended = "by_agent";
    else if (type === "fence" && outcome.failure !== "unsupported") ended = "fence_failed";
  };

  const carryOut = async (
    driven: LocalServer,
    operation: number,
    action: ServerAction,
    signal: AbortSignal,
  ): Promise<Event> => {
    const outcome = await driven.run(action, {
      signal,
      onProgress(progress) {
        const entry = running.get(operation);
        if (entry === undefined) return;
        const atMs = monotonicMs();
        const samples = withSample(entry.samples, { atMs, doneBytes: progress.doneBytes });
        const moved = progress.doneBytes !== entry.progress?.doneBytes;
        const movedAtMs = moved ? atMs : entry.movedAtMs;
        running.set(operation, {
          action: progress.doing,
          sinceMs: entry.sinceMs,
          progress,
          samples,
          movedAtMs,
        });
      },
    });
    noteEnd(action, outcome);
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
      if (lent !== null && action.type !== "fence") {
        const because = "an operator has the server in hand";
        const failed = { type: "action_failed", operation, failure: "failed", because } as const;
        return queueMicrotask(() => submit({ ...failed, nowMs: monotonicMs() }));
      }
      lent?.abort(new Error("the server had to be fenced"));
      epoch++;
      if (STARTS.includes(action.type)) ended = "not";
      // A copy can take hours, in which the log shall not be silent about it.
      if (action.type === "clone" || action.type === "initialise") {
        log("info", action.type, {
          outcome: "started",
          ...(action.type === "clone" ? { peer: action.upstream.node } : {}),
        });
      }
      const sinceMs = monotonicMs();
      running.set(operation, begun(action, sinceMs));
      const mine = new AbortController();
      const signal = AbortSignal.any([mine.signal, stopping.signal]);
      const done = carryOut(server, operation, action, signal).then((event) => {
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
      if (action.type !== "clone") return;
      const copy = copying = { abort: () => mine.abort(), ended: done };
      void done.then(() => {
        if (copying === copy) copying = null;
      });
    },
    exclusively(work) {
      if (server === null || lent !== null || running.size > 0) return null;
      const mine = lent = new AbortController();
      const signal = AbortSignal.any([mine.signal, stopping.signal]);
      const run = async (action: ServerAction): Promise<ActionOutcome> => {
        if (signal.aborted) return { ok: false, failure: "failed", because: `${signal.reason}` };
        running.set(BY_HAND, begun(action, monotonicMs()));
        return await server.run(action, { signal }).finally(() => running.delete(BY_HAND));
      };
      return work({ server, run, signal }).finally(() => {
        lent = null;
        epoch++;
        lookNow();
      });
    },
    lookNow,
    abandonCopy() {
      if (copying === null) return null;
      copying.abort();
      return copying.ended;
    },
    observation: () => observed,
    running: () => [...running.values()].at(-1) ?? null,
    ended: () => ended,
    standing: () => ({
      closed: running.size === 0 && observed !== null && CLOSED.includes(observed.state),
      fenceFailed: ended === "fence_failed",
    }),
    async end() {
      if (server === null) return { ok: true, result: { type: "done" } };
      lent?.abort(new Error("the server had to be fenced"));
      epoch++;
      const outcome = await server.run({ type: "fence" }, { signal: stopping.signal });
      epoch++;
      noteEnd({ type: "fence" }, outcome);
      lookNow();
      return outcome;
    },
    async stop() {
      stopped = true;
      stopping.abort();
      clearTimeout(timer);
      await ending;
    },
  };
}

function begun({ type }: ServerAction, sinceMs: number): RunningAction {
  return { action: type, sinceMs, progress: null, samples: [], movedAtMs: sinceMs };
}
