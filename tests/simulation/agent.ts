/**
 * The edge of each node: it takes events one at a time, hands them to the core, and carries the
 * effects out in order, as src/agent/loop.ts does. An effect that persists holds up everything
 * after it until the disk has it.
 */
import type { Durable, Effect } from "../../src/core/effect.ts";
import type { Event } from "../../src/core/event.ts";
import type { ServerAction } from "../../src/core/server.ts";
import { serverFacts, serverRule } from "../../src/core/server_rules.ts";
import { initialState } from "../../src/core/initial.ts";
import { nextWakeAtMs, step } from "../../src/core/step.ts";
import { localMs, worldMs } from "./clock.ts";
import { followGuard } from "./guardian.ts";
import { askWitnesses, deliverAnswer, probe, sendRequest } from "./courier.ts";
import { observe } from "./observe.ts";
import { operate } from "./operations.ts";
import { endProcess } from "./server.ts";
import { crashAtFence } from "./traps.ts";
import { flushMs } from "./wal.ts";
import { after, type Agent, breach, decisionText, type Host, tell, type World } from "./world.ts";

/** Longest sleep between two ticks, as in the real loop. */
const MAXIMUM_SLEEP_MS = 1000;
/** Pause between two looks at the server when nothing asks for one. */
const MAXIMUM_LOOK_EVERY_MS = 1000;

/** Starts the agent of a host that is up and has none. */
export function startAgent(world: World, host: Host): void {
  if (host.agent !== null || !host.up) return;
  host.boot++;
  const agent: Agent = {
    state: initialState({
      settings: host.settings,
      durable: host.disk,
      nowMs: localMs(host.clock, world.nowMs),
      seed: Math.floor(world.dice.fault.roll() * 0x1_0000_0000),
    }),
    queue: [],
    held: [],
    persisting: null,
    busy: false,
    epoch: 0,
    looking: false,
    lookTimer: 0,
    lookAgain: false,
    running: null,
    alarmAtMs: Infinity,
  };
  host.agent = agent;
  host.agentPausedUntilMs = 0;
  host.suspended = false;
  tell(world, host, "fault", "the agent starts");
  for (const checker of world.checkers) checker.started?.(host, agent);
  look(world, host);
  setAlarm(world, host, agent);
}

/** kill -9 of the agent: a state file that was being written is either the old one or the new. */
export function killAgent(world: World, host: Host): void {
  const { agent } = host;
  if (agent === null) return;
  const { persisting, running } = agent;
  host.agent = null;
  host.boot++;
  if (persisting !== null && world.dice.disk.luck(0.5)) writeState(world, host, persisting);
  if (running !== null && world.dice.action.luck(0.5)) running.apply();
}

/** Hands an event in. `make` is given the host's time at which the process reads it. */
export function submit(world: World, host: Host, make: (nowMs: number) => Event): void {
  const { agent } = host;
  if (agent === null) return;
  if (isPaused(world, host)) {
    agent.held.push(make);
    return;
  }
  agent.queue.push(make(localMs(host.clock, world.nowMs)));
  pump(world, host, agent);
}

/** Hands an event in later, unless the agent has another boot by then. */
export function submitLater(
  world: World,
  host: Host,
  delayMs: number,
  make: (nowMs: number) => Event,
): void {
  const { boot } = host;
  after(world, delayMs, () => {
    if (host.boot === boot) submit(world, host, make);
  });
}

/** True while the agent's process stands still. */
export function isPaused(world: World, host: Host): boolean {
  return host.agentPausedUntilMs > world.nowMs || host.pausedUntilMs > world.nowMs;
}

/** The agent's process stands still for a while, and PostgreSQL does not. */
export function pauseAgent(world: World, host: Host, forMs: number): void {
  host.agentPausedUntilMs = Math.max(host.agentPausedUntilMs, world.nowMs + forMs);
  after(world, forMs + 0.5, () => resumeAgent(world, host));
}

/** An agent that stood still goes on: what has arrived is read now, in some order with its timer. */
export function resumeAgent(world: World, host: Host): void {
  const { agent } = host;
  if (agent === null || isPaused(world, host)) return;
  const nowMs = localMs(host.clock, world.nowMs);
  const events = agent.held.splice(0).map((make) => make(nowMs));
  const tickAt = Math.floor(world.dice.fault.roll() * (events.length + 1));
  events.splice(tickAt, 0, { type: "tick", nowMs });
  agent.queue.push(...events);
  pump(world, host, agent);
}

/** Looks at the server; what is seen arrives a little later, unless an action made it void. */
export function look(world: World, host: Host): void {
  const { agent } = host;
  if (agent === null) return;
  if (agent.looking) {
    agent.lookAgain = true;
    return;
  }
  agent.looking = true;
  const { boot } = host;
  const { epoch } = agent;
  const seen = observe(world, host);
  after(world, world.dice.action.between(0.5, 12), () => {
    if (host.boot !== boot) return;
    agent.looking = false;
    const again = agent.lookAgain || agent.epoch !== epoch;
    agent.lookAgain = false;
    if (agent.epoch === epoch) {
      submit(world, host, (nowMs) => ({ type: "observed", nowMs, server: seen }));
    }
    if (host.boot !== boot) return;
    if (again) return look(world, host);
    lookLater(world, host, agent);
  });
}

function lookLater(world: World, host: Host, agent: Agent): void {
  const everyMs = Math.min(host.settings.heartbeatIntervalMs / 2, MAXIMUM_LOOK_EVERY_MS);
  const timer = ++agent.lookTimer;
  after(world, everyMs, () => {
    if (host.agent !== agent || agent.looking || agent.lookTimer !== timer) return;
    // A process that stands still does not look; it will when it goes on.
    afterPause(world, host, () => {
      if (host.agent === agent && !agent.looking && agent.lookTimer === timer) look(world, host);
    });
  });
}

function pump(world: World, host: Host, agent: Agent): void {
  while (!agent.busy && host.agent === agent && world.violations.length === 0) {
    const event = agent.queue.shift();
    if (event === undefined) break;
    const before = agent.state;
    const result = step(before, event);
    agent.state = result.state;
    world.tally.steps++;
    for (const checker of world.checkers) checker.stepped?.(host, before, event, result.effects);
    if (event.type === "observed") {
      world.tally.note("rule", serverRule(serverFacts(agent.state, agent.state.nowMs)).id);
    }
    carryOut(world, host, agent, result.effects, 0);
    if (host.agent === agent && !agent.busy) followGuard(world, host, agent);
  }
  if (host.agent === agent && !agent.busy) setAlarm(world, host, agent);
}

function carryOut(
  world: World,
  host: Host,
  agent: Agent,
  effects: readonly Effect[],
  from: number,
): void {
  for (let index = from; index < effects.length; index++) {
    if (host.agent !== agent) return;
    const effect = effects[index]!;
    world.tally.note("effect", effect.type);
    if (effect.type !== "persist") {
      start(world, host, effect);
      continue;
    }
    agent.busy = true;
    agent.persisting = effect.durable;
    const { boot } = host;
    after(world, flushMs(world, host), () => {
      if (host.boot !== boot) return;
      afterPause(world, host, () => {
        if (host.boot !== boot) return;
        if (host.trouble.diskFullUntilMs > world.nowMs) return giveUp(world, host);
        agent.persisting = null;
        writeState(world, host, effect.durable);
        carryOut(world, host, agent, effects, index + 1);
        if (host.agent !== agent || agent.persisting !== null) return;
        agent.busy = false;
        followGuard(world, host, agent);
        pump(world, host, agent);
      });
    });
    return;
  }
}

/** The state cannot be made durable: the agent ends, and takes its server with it. */
function giveUp(world: World, host: Host): void {
  world.tally.note("server", "agent ended by a full disk");
  tell(world, host, "fault", "the agent ends: its state cannot be written");
  host.agent!.persisting = null;
  killAgent(world, host);
  endProcess(world, host, "its agent ended");
  const { boot } = host;
  const waitMs = Math.max(500, host.trouble.diskFullUntilMs - world.nowMs);
  after(world, waitMs, () => {
    if (host.boot === boot) startAgent(world, host);
  });
}

function afterPause(world: World, host: Host, run: () => void): void {
  if (!isPaused(world, host)) return run();
  const untilMs = Math.max(host.agentPausedUntilMs, host.pausedUntilMs);
  after(world, untilMs - world.nowMs + 0.1, () => afterPause(world, host, run));
}

function writeState(world: World, host: Host, durable: Durable): void {
  const before = host.disk;
  host.disk = durable;
  for (const checker of world.checkers) checker.persisted?.(host, before, durable);
}

function start(world: World, host: Host, effect: Exclude<Effect, { type: "persist" }>): void {
  switch (effect.type) {
    case "observe":
      return look(world, host);
    case "report": {
      const { decision } = effect;
      const phase = decision.event === "phase" ? decision.because : decision.outcome;
      world.tally.note("decision", `${decision.event} ${phase}`);
      if (world.trace !== null) tell(world, host, "decision", decisionText(decision));
      return;
    }
    case "progress":
      world.tally.note("operator", effect.outcome);
      for (const checker of world.checkers) {
        checker.progressed?.(host, effect.reference, effect.outcome);
      }
      return tell(world, host, "operator", `${effect.step} (${effect.outcome})`);
    case "probe":
      return probe(world, host, effect.node);
    case "check_witnesses":
      return askWitnesses(world, host, effect.check);
    case "send":
      return sendRequest(world, host, effect);
    case "answer":
      return deliverAnswer(world, host, effect.exchange, effect.message);
    case "operate":
      return startAction(world, host, effect.operation, effect.action);
  }
}

function startAction(world: World, host: Host, operation: number, action: ServerAction): void {
  world.tally.note("action", action.type);
  const { state } = host.agent!;
  // What the table of rules chose is under way now; without it the table shows which row it was.
  if (state.role.kind === "follower" && action.type !== "revoke") {
    const facts = serverFacts({ ...state, operation: null }, state.nowMs);
    world.tally.note("rule", serverRule(facts).id);
  }
  for (const checker of world.checkers) checker.operates?.(host, action);
  operate(world, host, operation, action);
  if (action.type === "fence" && host.trouble.crashesAtFenceUntilMs > world.nowMs) {
    crashAtFence(world, host);
  }
}

function setAlarm(world: World, host: Host, agent: Agent): void {
  const { state } = agent;
  const nowLocalMs = localMs(host.clock, world.nowMs);
  const wakeMs = Math.min(nextWakeAtMs(state), nowLocalMs + MAXIMUM_SLEEP_MS);
  if (Number.isNaN(wakeMs)) return breach(world, "core", "nextWakeAtMs() is no number");
  if (agent.alarmAtMs <= wakeMs && agent.alarmAtMs > nowLocalMs) return;
  agent.alarmAtMs = wakeMs;
  const { boot } = host;
  const atMs = Math.max(world.nowMs + 1, worldMs(host.clock, wakeMs));
  world.queue.add(atMs, () => {
    if (host.boot !== boot || agent.alarmAtMs !== wakeMs) return;
    agent.alarmAtMs = Infinity;
    // After a pause the timer fires among what has arrived; see resumeAgent().
    if (isPaused(world, host)) return;
    submit(world, host, (nowMs) => ({ type: "tick", nowMs }));
  });
}
