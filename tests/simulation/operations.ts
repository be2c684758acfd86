/**
 * Actions on a server over time: how long they take, how they end, and what becomes of one that
 * is preempted or outlives its agent.
 */
import type { ServerAction } from "../../src/core/server.ts";
import {
  type ActionOutcome,
  beginAction,
  endAction,
  isFailed,
  leaveReloadBehind,
} from "./actions.ts";
import { submit } from "./agent.ts";
import { isAwake } from "./server.ts";
import { wakeLater } from "./wal.ts";
import { type ActionEnd, after, type Host, type RunningAction, tell, type World } from "./world.ts";

/** How long an action takes when nothing is wrong. */
const DURATION_MS: Readonly<Record<ServerAction["type"], number>> = {
  initialise: 800,
  start_primary: 150,
  start_standby: 100,
  follow: 80,
  revoke: 20,
  prepare: 15,
  promote: 100,
  set_sync: 40,
  stop: 60,
  fence: 30,
  clone: 1200,
};

/** A clone that began in the storm is through when peace asks for every standby. */
const LONGEST_MS = 30_000;

/** Starts an action; its end comes back as an event with the same number. */
export function operate(
  world: World,
  host: Host,
  operation: number,
  action: ServerAction,
): void {
  const { agent, boot } = host;
  if (agent === null) return;
  const preempted = agent.running;
  agent.running = null;
  if (preempted !== null && world.dice.action.luck(0.5)) preempted.apply();
  agent.epoch++;
  const { end, slowdown } = fate(world, host, action);
  const { term } = host.disk;
  tell(world, host, "server", `begins: ${actionText(action)}`);
  beginAction(world, host, action);
  let outcome: ActionOutcome | null = null;
  const apply = () => {
    outcome ??= endAction(world, host, action, term);
    return outcome;
  };
  const running: RunningAction = { operation, action, apply };
  agent.running = running;
  const durationMs = Math.min(DURATION_MS[action.type] * slowdown, LONGEST_MS);
  const finish = () => {
    if (host.boot !== boot || agent.running !== running) return;
    if (!isAwake(world, host)) return wakeLater(world, host, finish);
    agent.running = null;
    agent.epoch++;
    const result = conclude(world, host, action, end, apply);
    tell(
      world,
      host,
      "server",
      isFailed(result) ? `${action.type} failed: ${result.because}` : `done: ${action.type}`,
    );
    submit(
      world,
      host,
      (nowMs) =>
        isFailed(result)
          ? { type: "action_failed", nowMs, operation, ...result }
          : { type: "action_done", nowMs, operation, result },
    );
  };
  after(world, durationMs, finish);
}

function conclude(
  world: World,
  host: Host,
  action: ServerAction,
  end: ActionEnd,
  apply: () => ActionOutcome,
): ActionOutcome {
  switch (end) {
    case "done": {
      const outcome = apply();
      if (isFailed(outcome) && action.type === "set_sync") leaveReloadBehind(world, host);
      return outcome;
    }
    case "fails":
      if (action.type === "set_sync") leaveReloadBehind(world, host);
      return { failure: "failed", because: "it failed" };
    case "late": {
      const outcome = apply();
      return isFailed(outcome) ? outcome : { failure: "failed", because: "it took too long" };
    }
    case "after": {
      // Only what PostgreSQL itself brings to an end goes on without the agent.
      // A start would meet the lock of any server that was opened meanwhile, and end there.
      const { process, data, openedAtMs } = host;
      const promotes = action.type === "promote" && process?.kind === "standby";
      if (promotes || action.type === "start_primary") {
        after(world, world.dice.action.between(50, 3000), () => {
          if (host.openedAtMs !== openedAtMs || host.process !== process) return;
          if (host.data === data && host.up) apply();
        });
      }
      if (action.type === "set_sync") leaveReloadBehind(world, host);
      return { failure: "failed", because: "it takes too long" };
    }
    case "unsupported":
      return { failure: "unsupported", because: "this server does not allow it" };
  }
}

function fate(
  world: World,
  host: Host,
  action: ServerAction,
): { end: ActionEnd; slowdown: number } {
  const { action: dice } = world.dice;
  const { actions } = host.trouble;
  const usual = dice.between(0.3, 1.8);
  if (!world.stormy) return { end: "done", slowdown: usual };
  if (actions.untilMs > world.nowMs && actions.kinds.includes(action.type)) {
    const end = actions.end === "unsupported" && action.type !== "follow" && action.type !== "stop"
      ? "fails"
      : actions.end;
    world.tally.note("ending", `${action.type} ${end}`);
    return { end, slowdown: actions.slowdown * usual };
  }
  const { failing, slow } = world.scenario.actions;
  const slowdown = slow > 0 && dice.luck(slow) ? dice.between(5, 40) : usual;
  if (failing === 0 || !dice.luck(failing)) return { end: "done", slowdown };
  const end = dice.pick<ActionEnd>(["fails", "late", "after"]);
  world.tally.note("ending", `${action.type} ${end}`);
  return { end, slowdown };
}

function actionText(action: ServerAction): string {
  switch (action.type) {
    case "follow":
    case "clone":
      return `${action.type} ${action.upstream.node}`;
    case "initialise":
    case "start_primary":
    case "promote":
    case "set_sync":
      return `${action.type}, waiting for ${action.sync.required} of ${
        action.sync.names.map(({ node }) => node).join(", ") || "nobody"
      }`;
    default:
      return action.type;
  }
}
