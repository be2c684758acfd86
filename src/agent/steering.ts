/**
 * What operators ask of this node, carried out step by step: a failover by the core, the rest here.
 *
 * @module
 */
import type { FailoverWish } from "../coordination/app.ts";
import type { Operation } from "../coordination/operations.ts";
import type { OperatorStep } from "../coordination/progress.ts";
import type { NodeStatus } from "../coordination/status.ts";
import { assertNever } from "../core/assert_never.ts";
import type { Event } from "../core/event.ts";
import type { NodeName } from "../core/record.ts";
import type { State } from "../core/state.ts";
import { monotonicMs } from "./clock.ts";
import type { Conversations } from "./exchanges.ts";
import { end, type HandPorts, reinitHere, restartHere, type Steps } from "./hand.ts";
import type { PauseKeeper } from "./pause.ts";
import type { RecordKeeper } from "./record_keeper.ts";
import { BY_OPERATOR, describeChange, describeReload, type Reloader } from "./reload.ts";

/** How long a primary that is to be stopped may write before clients are held all the same. */
const WRITE_OUT_MS = 30_000;

/**
 * Hands a failover to the core, and follows it. Before a switchover PostgreSQL writes out what it has in
 * memory, which may take long, and during which nobody has to wait.
 */
export async function* failOver(
  { to, force, source, operator, tool }: FailoverWish,
  { pause, conversations, records, state, writeOut, submit }: {
    readonly pause: Pick<PauseKeeper, "refusal">;
    readonly conversations: Conversations;
    readonly records: Pick<RecordKeeper, "asked">;
    readonly state: () => State;
    readonly writeOut: (limitMs: number) => Promise<void>;
    readonly submit: (event: Event) => void;
  },
): AsyncGenerator<OperatorStep> {
  const { role, settings: { self } } = state();
  const gives = force === "none" && role.kind === "leader" && role.phase === "leading" &&
    to !== self;
  if (gives && pause.refusal() === null) {
    yield end("running", "PostgreSQL writes out what it has in memory; clients go on meanwhile");
    await writeOut(WRITE_OUT_MS);
  }
  const refused = pause.refusal();
  if (refused !== null) return yield* refused;
  const { reference, steps } = conversations.open();
  // A question changes nothing, and is not part of the history.
  if (force !== "ask") records.asked(reference, { source, operator, tool, action: "failover", to });
  const command = { type: "failover", reference, to, force } as const;
  submit({ type: "operator", nowMs: monotonicMs(), command });
  yield* steps;
}

/** What the operations work on. */
export interface SteeringPorts extends HandPorts {
  readonly pause: Pick<PauseKeeper, "current" | "begin" | "end">;
  readonly reloader: Pick<Reloader, "reload">;
  /** A member's status now; null where it does not answer with the cluster's signature. */
  readonly ask: (node: NodeName) => Promise<NodeStatus | null>;
}

/** Carries out `operation`. An error of the file system is the step "failed" of whoever streams it. */
export function steer(operation: Operation, ports: SteeringPorts): Steps {
  switch (operation.action) {
    case "pause":
      return pauseHere(operation, ports);
    case "resume":
      return resumeHere(operation, ports);
    case "reload":
      return reloadHere(ports);
    case "restart":
      return restartHere(operation.in_place, ports);
    case "reinit":
      return reinitHere(ports);
    case "members":
      return announced();
    default:
      return assertNever(operation);
  }
}

/** An operation as the history names it. */
export function wishOf(
  operation: Operation,
): { readonly action: string; readonly to: string | null } {
  return operation.action === "members"
    ? { action: `members ${operation.change}`, to: operation.node }
    : { action: operation.action, to: null };
}

/** The members change as their configurations propose; this is for the history alone. */
async function* announced(): Steps {
  yield end("succeeded", "announced; it comes into force when the configurations propose it");
}

async function* pauseHere(
  wanted: Operation & { readonly action: "pause" },
  { state, pause }: SteeringPorts,
): Steps {
  const { self } = state().settings;
  const before = pause.current();
  if (before !== null) {
    return yield before.id === wanted.id
      ? end("succeeded", `${self} is paused already`)
      : end("refused", `${self} keeps another pause, by ${before.by}; metako resume ends it`);
  }
  const obstacle = unsettled(state());
  if (obstacle !== null) return yield end("refused", `${obstacle}; try again when it is over`);
  await pause.begin(wanted);
  yield end("succeeded", wanted.reason === "" ? "paused" : `paused: ${wanted.reason}`);
}

/** What must not be cut short by a pause; null where there is nothing. */
function unsettled({ role, watch }: State): string | null {
  if (role.kind === "candidate") return "an election is under way";
  if (watch !== null) return `a failover to ${watch.to} is under way`;
  if (role.kind !== "leader") return null;
  if (role.switchover !== null) return `a switchover to ${role.switchover.to} is under way`;
  return role.phase === "leading" ? null : `the primary is not settled yet (${role.phase})`;
}

/**
 * A primary that is not fenced must hear of the end of the pause before anybody votes again: so the
 * last leader comes first.
 */
async function* resumeHere(
  { force }: Operation & { readonly action: "resume" },
  { state, pause, ask }: SteeringPorts,
): Steps {
  const { settings: { self }, durable } = state();
  if (pause.current() === null) return yield end("succeeded", `${self} is not paused`);
  const leader = durable.record?.leader.node ?? null;
  if (leader !== null && leader !== self && !force) {
    const status = await ask(leader);
    if (status === null) {
      return yield end(
        "refused",
        `${leader} does not answer, and may run a primary that nobody fences. Resume it first; or ` +
          `make sure that its PostgreSQL is stopped, and use --force`,
      );
    }
    if (status.paused !== null) {
      return yield end("refused", `${leader}, the last leader, has to be resumed first`);
    }
  }
  await pause.end();
  yield end("succeeded", force ? "resumed by force" : "resumed");
}

async function* reloadHere({ reloader }: SteeringPorts): Steps {
  const reloaded = reloader.reload(BY_OPERATOR);
  if (!reloaded.ok) {
    const [first = "it says nothing", ...more] = reloaded.problems;
    for (const problem of more) yield end("running", problem);
    return yield end("failed", `nothing was changed, since the file cannot be used: ${first}`);
  }
  const { applied, pending } = reloaded;
  for (const change of applied) yield end("running", describeChange(change));
  for (const { setting, because } of pending) {
    yield end("running", `${setting} needs a restart of the agent: ${because}`);
  }
  yield end("succeeded", describeReload(reloaded));
}
