/**
 * The simulated edge: it hands events to each node's core and carries its effects out, in order,
 * through a network and on servers that may fail.
 */
import type { Effect } from "../../src/core/effect.ts";
import type { Event } from "../../src/core/event.ts";
import type { NodeName } from "../../src/core/record.ts";
import type { ServerAction } from "../../src/core/server.ts";
import { initialState } from "../../src/core/initial.ts";
import { nextWakeAtMs, step } from "../../src/core/step.ts";
import type { Checks } from "./world_checks.ts";
import { beginAction, endAction, observe, type Servers } from "./world_server.ts";
import type { Node, World } from "./world.ts";

/** What cannot be done to a server whose process belongs to somebody else. */
const NEEDS_CONTROL: readonly ServerAction["type"][] = [
  "initialise",
  "start_primary",
  "start_standby",
  "stop",
  "fence",
  "clone",
];

const OBSERVE_EVERY_MS = 100;

/** The edge of every node. */
export interface Agents {
  start(node: Node): void;
  crash(node: Node): void;
  /** A process that stood still goes on, with everything that came in the meantime. */
  resume(node: Node): void;
  deliver(node: Node, event: Event): void;
}

/** An action under way; `cancelled` once another has taken its place. */
interface Running {
  readonly action: ServerAction;
  readonly finish: () => void;
}

/** The edge of a world. `network.cut` says whether agents' messages are cut off. */
export function createAgents(
  world: World,
  servers: Servers,
  checks: Checks,
  network: { cut(from: NodeName, to: NodeName): boolean },
): Agents {
  const exchanges = new Map<number, { sender: Node; request: number; boot: number }>();
  const running = new Map<NodeName, Running>();
  const backlog = new Map<NodeName, Event[]>();
  const alarms = new Map<NodeName, number>();
  let exchangeCount = 0;

  return { start, crash, resume, deliver };

  function start(node: Node): void {
    const { self } = node.settings;
    if (node.state !== null) return;
    node.boot++;
    node.down = false;
    node.pausedUntilMs = 0;
    node.state = initialState({
      settings: node.settings,
      durable: node.durable,
      nowMs: world.nowMs,
      seed: node.boot * 7919 + self.charCodeAt(self.length - 1),
    });
    world.tell(`${self}: agent starts`);
    const { boot } = node;
    const look = () => {
      if (node.boot !== boot || node.state === null) return;
      observeNow(node);
      world.at(OBSERVE_EVERY_MS, look);
    };
    look();
  }

  function crash(node: Node): void {
    const { self } = node.settings;
    node.state = null;
    node.boot++;
    backlog.delete(self);
    alarms.delete(self);
    abandon(node);
    world.tell(`${self}: agent crashed`);
  }

  /** An action whose agent no longer waits for it may have its effect all the same. */
  function abandon(node: Node): void {
    const { self } = node.settings;
    const left = running.get(self);
    running.delete(self);
    if (left !== undefined && world.weather.survives(self, left.action)) left.finish();
  }

  function observeNow(node: Node): void {
    const { self } = node.settings;
    deliver(node, { type: "observed", nowMs: world.nowMs, server: observe(servers, self) });
  }

  function deliver(node: Node, event: Event): void {
    if (node.state === null) return;
    const { self } = node.settings;
    // What was held comes first, or an observation of long ago would be taken for news.
    if (node.pausedUntilMs > world.nowMs || backlog.has(self)) return hold(node, event);
    const { boot } = node;
    const result = step(node.state, { ...event, nowMs: world.nowMs });
    node.state = result.state;
    checks.stepped(node);
    for (const effect of result.effects) {
      if (node.boot !== boot) return;
      carryOut(node, effect);
    }
    if (node.boot !== boot || node.state === null) return;
    checks.settled(node);
    const wakeMs = nextWakeAtMs(node.state);
    if (wakeMs === Infinity || (alarms.get(self) ?? Infinity) <= wakeMs) return;
    alarms.set(self, wakeMs);
    world.at(Math.max(1, wakeMs - world.nowMs), () => {
      if (node.boot !== boot) return;
      if (alarms.get(self) === wakeMs) alarms.delete(self);
      deliver(node, { type: "tick", nowMs: world.nowMs });
    });
  }

  function hold(node: Node, event: Event): void {
    const { self } = node.settings;
    const { boot } = node;
    const held = backlog.get(self);
    if (held !== undefined) return void held.push(event);
    backlog.set(self, [event]);
    const wake = () => {
      if (node.boot !== boot) return;
      if (node.pausedUntilMs > world.nowMs) {
        return world.at(node.pausedUntilMs - world.nowMs, wake);
      }
      resume(node);
    };
    world.at(node.pausedUntilMs - world.nowMs, wake);
  }

  function resume(node: Node): void {
    const { self } = node.settings;
    node.pausedUntilMs = 0;
    const events = backlog.get(self) ?? [];
    backlog.delete(self);
    for (const one of events) deliver(node, one);
  }

  function carryOut(node: Node, effect: Effect): void {
    const { self } = node.settings;
    switch (effect.type) {
      case "persist":
        checks.persisted(node, effect.durable);
        node.durable = effect.durable;
        return;
      case "observe": {
        const { boot } = node;
        return world.at(1, () => node.boot === boot && observeNow(node));
      }
      case "report": {
        const { event, outcome, because } = effect.decision;
        node.reports.push(event);
        return world.tell(`${self}: ${event} ${outcome}: ${because}`);
      }
      case "progress":
        node.progress.push({ step: effect.step, outcome: effect.outcome });
        return world.tell(`${self}: operator: ${effect.step} (${effect.outcome})`);
      case "probe":
        return probe(node, effect.node);
      case "check_witnesses":
        return later(node, 2, (nowMs) => ({
          type: "witnesses_checked",
          nowMs,
          check: effect.check,
          reached: world.witnesses.get(self) ?? 0,
        }));
      case "send":
        return send(node, effect);
      case "answer":
        return answer(node, effect);
      case "operate":
        return operate(node, effect.operation, effect.action);
    }
  }

  function later(node: Node, delayMs: number, event: (nowMs: number) => Event): void {
    const { boot } = node;
    world.at(delayMs, () => {
      if (node.boot === boot) deliver(node, event(world.nowMs));
    });
  }

  function probe(node: Node, name: NodeName): void {
    const { self } = node.settings;
    const target = world.nodes.get(name)!;
    const delayMs = world.weather.message(self, name);
    const reachable = delayMs !== null && !target.down && !network.cut(self, name) &&
      !network.cut(name, self);
    later(node, reachable ? 2 * delayMs : node.settings.communicationTimeoutMs, (nowMs) => ({
      type: "probed",
      nowMs,
      node: name,
      agent: !reachable ? "silent" : target.state === null ? "refused" : "open",
      server: !reachable ? "silent" : target.server.running === "no" ? "refused" : "open",
      primary: reachable && target.server.running === "primary",
    }));
  }

  function send(node: Node, effect: Effect & { type: "send" }): void {
    const { request, to, message } = effect;
    const { self, communicationTimeoutMs } = node.settings;
    const { boot } = node;
    const exchange = ++exchangeCount;
    exchanges.set(exchange, { sender: node, request, boot });
    const giveUp = (reason: "silent" | "refused") => {
      if (!exchanges.delete(exchange) || node.boot !== boot) return;
      deliver(node, { type: "no_answer", nowMs: world.nowMs, request, reason });
    };
    world.at(communicationTimeoutMs, () => giveUp("silent"));
    const target = world.nodes.get(to)!;
    const delayMs = world.weather.message(self, to);
    if (delayMs === null || network.cut(self, to)) return;
    world.at(delayMs, () => {
      if (target.down) return;
      if (target.state === null) return world.at(delayMs, () => giveUp("refused"));
      deliver(target, { type: "request", nowMs: world.nowMs, exchange, from: self, message });
    });
  }

  function answer(node: Node, effect: Effect & { type: "answer" }): void {
    const { self } = node.settings;
    const pending = exchanges.get(effect.exchange);
    if (pending === undefined) return;
    const { sender, request, boot } = pending;
    const to = sender.settings.self;
    const delayMs = world.weather.message(self, to);
    if (delayMs === null || network.cut(self, to)) return;
    const { message } = effect;
    world.at(delayMs, () => {
      if (!exchanges.delete(effect.exchange) || sender.boot !== boot) return;
      deliver(sender, { type: "answer", nowMs: world.nowMs, request, from: self, message });
    });
  }

  function operate(node: Node, operation: number, action: ServerAction): void {
    const { self } = node.settings;
    const { boot, durable } = node;
    checks.operates(node, action);
    const planted = world.failNext.get(self) === action.type;
    if (planted) world.failNext.delete(self);
    const drawn = world.weather.action(self, action);
    const end = planted ? "fails" : drawn.end;
    abandon(node);
    const unsupported = world.uncontrolled.has(self) && NEEDS_CONTROL.includes(action.type);
    if (!unsupported) beginAction(servers.get(self), action);
    const finish = () =>
      unsupported ? "unsupported" : endAction(servers, self, action, durable.term);
    const mine: Running = { action, finish };
    running.set(self, mine);
    world.at(planted ? 20 : durationMs(action) * drawn.slowdown, () => {
      if (node.boot !== boot || running.get(self) !== mine) return;
      running.delete(self);
      const outcome = end === "fails" ? "planted failure" : finish();
      const failure = end === "late" ? "it took too long" : outcome;
      deliver(
        node,
        typeof failure === "string"
          ? {
            type: "action_failed",
            nowMs: world.nowMs,
            operation,
            failure: failure === "diverged" || failure === "unsupported" ? failure : "failed",
            because: failure,
          }
          : { type: "action_done", nowMs: world.nowMs, operation, result: failure },
      );
    });
  }
}

function durationMs(action: ServerAction): number {
  switch (action.type) {
    case "clone":
      return 2000;
    case "initialise":
      return 1000;
    case "revoke":
      return 20;
    default:
      return 100;
  }
}
