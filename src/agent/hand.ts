/**
 * What an operator has done to this node's PostgreSQL: a restart, or a copy made anew.
 *
 * For as long as it takes the core sees nothing of the server ({@link ./actions.ts}). To it a restart
 * is a look that takes long: the lease goes on, and should it end, the fence comes first. A data
 * directory that is given up looks like one that an interrupted clone left, and the core clones it.
 *
 * @module
 */
import type { OperatorStep } from "../coordination/progress.ts";
import type { State } from "../core/state.ts";
import { pause as rest } from "../postgres/wait.ts";
import type { Hands, ServerDriver } from "./actions.ts";
import { monotonicMs } from "./clock.ts";
import type { PauseKeeper } from "./pause.ts";

/** What they work on. */
export interface HandPorts {
  readonly state: () => State;
  readonly pause: Pick<PauseKeeper, "current" | "begin" | "end">;
  /** Null until the local server is driven. */
  readonly driver: () => Pick<ServerDriver, "exclusively" | "abandonCopy"> | null;
}

/** The steps of one operation; the last one alone is not "running". */
export type Steps = AsyncGenerator<OperatorStep>;

/** How long a standby that was restarted may take until it streams. */
const STREAM_LIMIT_MS = 100_000;
const LOOK_EVERY_MS = 100;

/** Restarts PostgreSQL here. */
export async function* restartHere(inPlace: boolean, ports: HandPorts): Steps {
  const { role, server, settings: { self } } = ports.state();
  const obstacle = unfit(ports) ?? (
    server?.state === "primary" && !inPlace
      ? `${self} is the primary: hand over first, or accept that nothing is written meanwhile`
      : server?.state !== "primary" && server?.state !== "standby"
      ? `PostgreSQL of ${self} does not run (${server?.state ?? "unknown"})`
      : server.state === "primary" && (role.kind !== "leader" || role.phase !== "leading")
      ? "the primary is not settled yet; try again when status is content"
      : null
  );
  if (obstacle !== null) return yield end("refused", obstacle);
  const startedAtMs = monotonicMs();
  const sync = role.kind === "leader" ? role.sync.setting : null;
  yield end("running", `stopping PostgreSQL of ${self}`);
  const work = ports.driver()?.exclusively(async ({ run }: Hands) => {
    const stopped = await run({ type: "stop" });
    if (!stopped.ok) return stopped.because;
    if (sync === null) return null;
    const started = await run({ type: "start_primary", sync });
    return started.ok ? null : started.because;
  }) ?? null;
  if (work === null) return yield end("refused", "PostgreSQL is in other hands just now");
  const failure = await work;
  if (failure !== null) return yield end("failed", failure);
  if (sync === null) {
    const before = ports.state().server;
    yield end("running", `stopped after ${seconds(startedAtMs)}; it is started and attached`);
    if (!await untilStreaming(ports, before)) {
      const because = `it does not stream within ${STREAM_LIMIT_MS / 1000} s`;
      return yield end("failed", `${because}; status says why`);
    }
  }
  yield end("succeeded", `PostgreSQL of ${self} was restarted in ${seconds(startedAtMs)}`);
}

/**
 * Gives this node's data directory up; the core has it copied from the leader. A copy that is under way
 * is given up instead.
 */
export async function* reinitHere(ports: HandPorts): Steps {
  const { role, server, operation, settings: { self } } = ports.state();
  const copying = operation?.action.type === "clone";
  const obstacle = unfit(ports, copying) ?? (
    role.kind === "leader" || server?.state === "primary"
      ? `${self} is the primary, and its data are the cluster's: hand over first`
      : role.kind !== "follower" || role.leader === null || !role.writable
      ? `no primary is known that ${self} could be copied from`
      : null
  );
  if (obstacle !== null) return yield end("refused", obstacle);
  if (copying) {
    yield end("running", `ending the copy of ${self} that is under way`);
    await ports.driver()?.abandonCopy();
    return yield end("succeeded", `the copy of ${self} is begun anew`);
  }
  yield end("running", `stopping PostgreSQL of ${self}`);
  const work = ports.driver()?.exclusively(async ({ run, server }: Hands) => {
    // In order where it can be, at once where it hangs: nothing of it is needed any more.
    const stopped = await run({ type: "stop" });
    const ended = stopped.ok ? stopped : await run({ type: "fence" });
    const given = ended.ok ? await server.discard() : ended;
    return given.ok ? null : given.because;
  }) ?? null;
  if (work === null) return yield end("refused", "PostgreSQL is in other hands just now");
  const failure = await work;
  yield failure === null
    ? end("succeeded", `the data directory of ${self} is given up and copied anew`)
    : end("failed", failure);
}

/** One step. */
export function end(outcome: OperatorStep["outcome"], step: string): OperatorStep {
  return { step, outcome };
}

function unfit({ state, pause }: HandPorts, whateverRuns = false): string | null {
  if (pause.current() !== null) return "metako is paused; metako resume ends that";
  const { operation, settings } = state();
  return operation === null || whateverRuns
    ? null
    : `PostgreSQL of ${settings.self} is busy (${operation.action.type}); try again when it is done`;
}

/** `before` is what was seen last before the stop: it says nothing. */
async function untilStreaming(
  { state }: HandPorts,
  before: State["server"],
): Promise<boolean> {
  const untilMs = monotonicMs() + STREAM_LIMIT_MS;
  while (monotonicMs() < untilMs) {
    const { server } = state();
    const streams = server?.state === "standby" && server.streamingFrom !== null;
    if (streams && server !== before) return true;
    await rest(LOOK_EVERY_MS);
  }
  return false;
}

function seconds(sinceMs: number): string {
  return `${((monotonicMs() - sinceMs) / 1000).toFixed(1)} s`;
}
