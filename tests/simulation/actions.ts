/**
 * What the core can ask of a server, carried out. Each action has a beginning, which already changes
 * something, and an end, which may come late, or fail, or both.
 */
import type { ActionFailure, ActionResult, ServerAction } from "../../src/core/server.ts";
import {
  answers,
  checkpointOf,
  createData,
  createProcess,
  type DataDirectory,
  endProcess,
  looksLikeLineage,
  lsnOf,
  standbyPosition,
  timelineOf,
} from "./server.ts";
import { walPasses } from "./network.ts";
import { after, type Host, hostOf, tell, type World } from "./world.ts";
import { connect, drain, flushPrimary, release } from "./wal.ts";

/** How an action failed. */
export interface Failed {
  readonly failure: ActionFailure;
  readonly because: string;
}

/** What came of an action. */
export type ActionOutcome = ActionResult | Failed;

/** True where the action failed. */
export function isFailed(outcome: ActionOutcome): outcome is Failed {
  return "failure" in outcome;
}

/** What an action does as soon as it has begun. */
export function beginAction(world: World, host: Host, action: ServerAction): void {
  if (action.type === "clone" && host.process === null) host.data = null;
  if (action.type === "set_sync") requestNames(world, host, action.sync);
}

/** The settings are written; from then on each process may count by the old names or the new. */
function requestNames(
  world: World,
  host: Host,
  sync: (ServerAction & { type: "set_sync" })["sync"],
): void {
  const { process } = host;
  if (process?.kind !== "primary") return;
  after(world, world.dice.action.between(0, 15), () => {
    if (host.process !== process || host.data === null) return;
    host.data.sync = sync;
    process.inForce = [...process.inForce, sync];
    release(world, host, process);
  });
}

/** Carries an action out, at the moment at which it takes effect, for a leader of `term`. */
export function endAction(
  world: World,
  host: Host,
  action: ServerAction,
  term: number,
): ActionOutcome {
  const { data, process } = host;
  if (process?.hung === true && action.type !== "fence") return failed("the server hangs");
  switch (action.type) {
    case "initialise": {
      if (data !== null) return failed("there is a data directory already");
      host.data = createData({
        incarnation: action.incarnation,
        systemIdentifier: `sys-${++world.rowCount}`,
        standbySignal: false,
      });
      world.archive.set(action.incarnation, host.data);
      return open(world, host, action, term);
    }
    case "start_primary":
      if (data === null) return failed("there is no data directory");
      if (process !== null) return failed("a server runs already");
      if (data.standbySignal) return failed("there is a standby.signal");
      return open(world, host, action, term);
    case "start_standby":
      if (data === null) return failed("there is no data directory");
      if (process?.kind === "primary") return failed("it runs as primary");
      data.standbySignal = true;
      data.following = null;
      if (process === null) startStandby(world, host);
      else process.receiver = null;
      return { type: "done" };
    case "follow":
      return follow(world, host, action.upstream.node);
    case "revoke":
      if (data === null || process?.kind !== "standby") return failed("it is no running standby");
      if (!process.received && data.replayed < data.wal.length) {
        return failed("it still replays its own WAL");
      }
      data.following = null;
      process.receiver = null;
      data.flushed = data.wal.length;
      process.received = true;
      if (!process.replayPaused) data.replayed = data.flushed;
      return { type: "revoked", position: standbyPosition(data, process) };
    case "prepare":
      if (data === null || process?.kind !== "standby") return failed("it is no running standby");
      if (host.trouble.diskFullUntilMs > world.nowMs) return failed("the disk is full");
      if (process.replayPaused) return failed("replay is paused");
      data.replayed = data.wal.length;
      return { type: "done" };
    case "promote":
      return promote(world, host, action, term);
    case "set_sync":
      if (data === null || process?.kind !== "primary") return failed("it is no running primary");
      data.sync = action.sync;
      process.inForce = [action.sync];
      release(world, host, process);
      return { type: "sync_in_force", barrierLsn: lsnOf(data.wal.length) };
    case "stop":
      if (data === null || process === null) return failed("it does not run");
      if (process.kind === "primary") {
        data.wal.push(++world.rowCount);
        drain(world, host);
        data.checkpointTimeline = timelineOf(data);
      }
      endProcess(world, host, "fast shutdown");
      data.cleanly = true;
      data.flushed = data.wal.length;
      return { type: "stopped", checkpoint: checkpointOf(data) };
    case "fence":
      endProcess(world, host, "fenced");
      return { type: "done" };
    case "clone":
      return clone(world, host, action);
  }
}

/** Kept names stay in their old and new form until a reload that comes much later. */
export function leaveReloadBehind(world: World, host: Host): void {
  const { process } = host;
  if (process?.kind !== "primary") return;
  after(world, world.dice.action.between(200, 5000), () => {
    if (host.process !== process || host.data === null) return;
    process.inForce = [host.data.sync];
    release(world, host, process);
  });
}

function open(
  world: World,
  host: Host,
  action: ServerAction & { type: "initialise" | "start_primary" | "promote" },
  term: number,
): ActionOutcome {
  const { data } = host;
  if (data === null) return failed("there is no data directory");
  const process = createProcess(world, { kind: "primary", term, readyInMs: 0 });
  process.inForce = [action.sync];
  host.process = process;
  host.openedAtMs = world.nowMs;
  Object.assign(data, {
    standbySignal: false,
    cleanly: false,
    following: null,
    sync: action.sync,
    replayed: data.wal.length,
  });
  data.wal.push(++world.rowCount);
  data.flushed = data.wal.length;
  if (action.type !== "promote") data.checkpointTimeline = timelineOf(data);
  tell(
    world,
    host,
    "server",
    `PostgreSQL is primary (${action.type}, timeline ${timelineOf(data)}, term ${term})`,
  );
  for (const checker of world.checkers) checker.opened?.(host, action.type);
  flushPrimary(world, host, process);
  return startedPrimary(data);
}

function startedPrimary(data: DataDirectory): ActionOutcome {
  return {
    type: "started_primary",
    systemIdentifier: data.systemIdentifier,
    incarnation: data.incarnation,
    timeline: timelineOf(data),
    startLsn: data.history.length === 1 ? 0n : lsnOf(data.history.at(-1)!.start),
    barrierLsn: lsnOf(data.wal.length),
  };
}

function promote(
  world: World,
  host: Host,
  action: ServerAction & { type: "promote" },
  term: number,
): ActionOutcome {
  const { data, process } = host;
  if (data === null || process === null) return failed("it does not run");
  if (process.kind === "primary") {
    // A promotion that succeeded after its time: it is only made ours.
    data.sync = action.sync;
    process.inForce = [action.sync];
    process.term = term;
    release(world, host, process);
    return startedPrimary(data);
  }
  const timeline = Math.max(timelineOf(data), action.beyondTimeline ?? 0) + 1;
  data.history = [...data.history, { timeline, start: data.wal.length }];
  const outcome = open(world, host, action, term);
  const promoted = host.process;
  after(world, world.dice.action.between(50, 4000), () => {
    if (host.process === promoted && host.data === data) data.checkpointTimeline = timeline;
  });
  return outcome;
}

function follow(world: World, host: Host, upstream: string): ActionOutcome {
  const { data, process } = host;
  if (data === null) return failed("there is no data directory");
  if (process?.kind === "primary") return failed("it runs as primary");
  const source = hostOf(world, upstream);
  if (!reaches(world, host, source) || source.data === null) return failed("no primary answers");
  if (source.data.systemIdentifier !== data.systemIdentifier) {
    return { failure: "foreign", because: "the upstream belongs to another cluster" };
  }
  const crashed = process === null && !data.standbySignal && !data.cleanly;
  if (crashed || !looksLikeLineage(data, source.data)) {
    return { failure: "diverged", because: "the local WAL left the upstream's history" };
  }
  data.standbySignal = true;
  data.following = upstream;
  if (process === null) startStandby(world, host);
  else process.receiver = null;
  connect(world, host);
  return { type: "done" };
}

function clone(
  world: World,
  host: Host,
  action: ServerAction & { type: "clone" },
): ActionOutcome {
  const source = hostOf(world, action.upstream.node);
  if (host.process !== null) return failed("a server runs");
  if (!reaches(world, host, source) || source.data === null) return failed("no primary answers");
  const data = createData({
    incarnation: action.incarnation,
    systemIdentifier: source.data.systemIdentifier,
    standbySignal: true,
  });
  data.wal = source.data.wal.slice(0, source.data.flushed);
  data.history = [...source.data.history];
  data.flushed = data.replayed = data.wal.length;
  data.checkpointTimeline = timelineOf(data);
  data.following = action.upstream.node;
  host.data = data;
  world.archive.set(action.incarnation, data);
  startStandby(world, host);
  connect(world, host);
  return { type: "done" };
}

/** Recovery begins some way behind the end of the WAL, and reaches it later. */
function startStandby(world: World, host: Host): void {
  const { data } = host;
  if (data === null) return;
  const { action } = world.dice;
  const process = createProcess(world, { kind: "standby", term: 0, readyInMs: 0 });
  host.process = process;
  host.openedAtMs = world.nowMs;
  data.cleanly = true;
  data.replayed = Math.max(0, Math.min(data.replayed, data.wal.length) - action.whole(0, 12));
  tell(world, host, "server", "PostgreSQL is a standby");
  after(world, action.between(5, 300), () => {
    if (host.process !== process || host.data !== data) return;
    if (!process.replayPaused) data.replayed = Math.max(data.replayed, data.wal.length);
  });
}

function reaches(world: World, host: Host, source: Host): boolean {
  return source.process?.kind === "primary" && answers(world, source) &&
    walPasses(world.network, host.name, source.name) &&
    walPasses(world.network, source.name, host.name);
}

function failed(because: string): Failed {
  return { failure: "failed", because };
}
