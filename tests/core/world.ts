/**
 * A small world for the core: virtual time, a network that can be cut, disks, and PostgreSQL servers
 * whose WAL is a list of rows. It runs whole clusters of `step()` in a test without any permission.
 *
 * Everything is deterministic: the same script gives the same history.
 */
import type { Durable, Effect } from "../../src/core/effect.ts";
import type { Event } from "../../src/core/event.ts";
import type { Incarnation, MemberEntry, NodeName } from "../../src/core/record.ts";
import type {
  ActionResult,
  ServerAction,
  ServerObservation,
  SyncSetting,
} from "../../src/core/server.ts";
import type { Settings } from "../../src/core/settings.ts";
import { initialState, NOTHING_DURABLE, type State } from "../../src/core/state.ts";
import { nextWakeAtMs, step } from "../../src/core/step.ts";
import { describe } from "../../src/core/view.ts";

const LATENCY_MS = 2;
const OBSERVE_EVERY_MS = 100;
const SYSTEM = "7000000000000000001";
/** Row n of the list ends at LSN BASE + n. */
const BASE = 1000n;

/** A simulated PostgreSQL server and its data directory. */
export interface Server {
  exists: boolean;
  incarnation: Incarnation;
  systemIdentifier: string;
  running: "no" | "primary" | "standby";
  /** What it was when it last ran: decides how it may be started. */
  wasPrimary: boolean;
  cleanly: boolean;
  timeline: number;
  /** Where each timeline of its history began. */
  history: Map<number, bigint>;
  rows: string[];
  upstream: NodeName | null;
  sync: SyncSetting;
}

interface Node {
  readonly settings: Settings;
  state: State | null;
  durable: Durable;
  server: Server;
  boot: number;
  readonly progress: { step: string; outcome: string }[];
  readonly reports: string[];
}

/** A client's insert that waits for its acknowledgement. */
interface Waiting {
  readonly row: string;
  readonly node: NodeName;
  readonly position: number;
}

/** The world. Create it with {@linkcode createWorld}. */
export interface World {
  nowMs: number;
  readonly nodes: Map<NodeName, Node>;
  /** Runs until `untilMs` of virtual time. */
  run(forMs: number): void;
  /** Runs until the condition holds; throws, with the story so far, when it does not in time. */
  until(condition: () => boolean, withinMs: number, what: string): number;
  start(node: NodeName): void;
  /** kill -9 of everything on a host. */
  crash(node: NodeName): void;
  /** kill -9 of the agent alone. */
  crashAgent(node: NodeName): void;
  /** kill -9 of PostgreSQL alone. */
  crashServer(node: NodeName): void;
  /** Loses the state file, as a restored or wiped host does. */
  loseState(node: NodeName): void;
  cut(a: NodeName, b: NodeName): void;
  heal(): void;
  insert(row: string): boolean;
  acknowledged: Set<string>;
  operator(node: NodeName, to: NodeName): { step: string; outcome: string }[];
  primary(): NodeName | null;
  /** Every moment at which more than one server acknowledged rows. */
  readonly violations: string[];
  readonly story: string[];
  failNext: Map<NodeName, ServerAction["type"]>;
}

/** Settings of a cluster whose first member is the configured primary. */
export function settingsFor(
  names: readonly NodeName[],
  self: NodeName,
  change: Partial<Settings> = {},
): Settings {
  const members: MemberEntry[] = names.map((name) => ({
    name,
    kind: name.startsWith("w") ? "witness" : "data",
  }));
  return {
    self,
    members,
    nofailover: [],
    priority: 100,
    initialPrimary: self === names[0],
    leaseMs: 3000,
    fenceMarginMs: 500,
    heartbeatIntervalMs: 500,
    communicationTimeoutMs: 1000,
    minConsensusNodes: 0,
    contact: { host: self, port: 5432 },
    ...change,
  };
}

/** A cluster of agents, all started, none of which has ever run before. */
export function createWorld(
  names: readonly NodeName[],
  change: (name: NodeName) => Partial<Settings> = () => ({}),
): World {
  const queue: { atMs: number; order: number; run: () => void }[] = [];
  const cuts = new Set<string>();
  const nodes = new Map<NodeName, Node>();
  const story: string[] = [];
  const violations: string[] = [];
  const acknowledged = new Set<string>();
  const waiting: Waiting[] = [];
  const exchanges = new Map<number, { sender: NodeName; request: number; boot: number }>();
  let order = 0;
  let exchangeCount = 0;
  let reference = 0;

  const world: World = {
    nowMs: 0,
    nodes,
    acknowledged,
    violations,
    story,
    failNext: new Map(),
    run: (forMs) => runUntil(world.nowMs + forMs),
    until(condition, withinMs, what) {
      const startMs = world.nowMs;
      while (!condition()) {
        if (world.nowMs - startMs > withinMs) {
          throw new Error(
            `${what} did not happen within ${withinMs} ms:\n${story.slice(-60).join("\n")}`,
          );
        }
        runUntil(world.nowMs + 10);
      }
      return world.nowMs - startMs;
    },
    start,
    crash(name) {
      world.crashServer(name);
      world.crashAgent(name);
    },
    crashAgent(name) {
      const node = get(name);
      node.state = null;
      node.boot++;
      tell(`${name}: agent crashed`);
    },
    crashServer(name) {
      const { server } = get(name);
      if (server.running === "no") return;
      server.wasPrimary = server.running === "primary";
      server.running = "no";
      server.cleanly = false;
      tell(`${name}: PostgreSQL crashed`);
    },
    loseState(name) {
      get(name).durable = NOTHING_DURABLE;
    },
    cut(a, b) {
      cuts.add(`${a}>${b}`);
      cuts.add(`${b}>${a}`);
    },
    heal: () => cuts.clear(),
    insert(row) {
      const name = world.primary();
      if (name === null) return false;
      const { server } = get(name);
      server.rows.push(row);
      waiting.push({ row, node: name, position: server.rows.length });
      return true;
    },
    operator(name, to) {
      const node = get(name);
      reference++;
      deliver(node, {
        type: "operator",
        nowMs: world.nowMs,
        command: { type: "failover", reference, to },
      });
      return node.progress;
    },
    primary() {
      for (const [name, node] of nodes) {
        if (node.state === null || node.server.running !== "primary") continue;
        if (describe(node.state, world.nowMs).route?.node === name) return name;
      }
      return null;
    },
  };

  for (const name of names) {
    nodes.set(name, {
      settings: settingsFor(names, name, change(name)),
      state: null,
      durable: NOTHING_DURABLE,
      server: emptyServer(),
      boot: 0,
      progress: [],
      reports: [],
    });
  }
  for (const name of names) start(name);
  every(10, replicate);
  return world;

  function emptyServer(): Server {
    return {
      exists: false,
      incarnation: "",
      systemIdentifier: SYSTEM,
      running: "no",
      wasPrimary: false,
      cleanly: true,
      timeline: 0,
      history: new Map(),
      rows: [],
      upstream: null,
      sync: { names: [], required: 0 },
    };
  }

  function get(name: NodeName): Node {
    const node = nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  function tell(line: string): void {
    story.push(`${String(Math.round(world.nowMs)).padStart(7)} ${line}`);
  }

  function at(delayMs: number, run: () => void): void {
    queue.push({ atMs: world.nowMs + delayMs, order: order++, run });
  }

  function every(periodMs: number, run: () => void): void {
    at(periodMs, () => {
      run();
      every(periodMs, run);
    });
  }

  function runUntil(untilMs: number): void {
    for (;;) {
      let next = -1;
      queue.forEach((entry, index) => {
        const best = queue[next];
        if (entry.atMs > untilMs) return;
        if (
          best === undefined || entry.atMs < best.atMs ||
          (entry.atMs === best.atMs && entry.order < best.order)
        ) next = index;
      });
      const [entry] = next < 0 ? [] : queue.splice(next, 1);
      if (entry === undefined) break;
      world.nowMs = Math.max(world.nowMs, entry.atMs);
      entry.run();
    }
    world.nowMs = untilMs;
  }

  function start(name: NodeName): void {
    const node = get(name);
    node.boot++;
    node.state = initialState({
      settings: node.settings,
      durable: node.durable,
      nowMs: world.nowMs,
      seed: node.boot * 7919 + name.charCodeAt(name.length - 1),
    });
    const boot = node.boot;
    const look = () => {
      if (node.boot !== boot || node.state === null) return;
      observe(node);
      at(OBSERVE_EVERY_MS, look);
    };
    look();
  }

  function observe(node: Node): void {
    deliver(node, { type: "observed", nowMs: world.nowMs, server: observation(node) });
  }

  function deliver(node: Node, event: Event): void {
    if (node.state === null) return;
    const boot = node.boot;
    const result = step(node.state, event);
    node.state = result.state;
    for (const effect of result.effects) {
      if (node.boot !== boot) return;
      carryOut(node, effect);
    }
    const wakeMs = nextWakeAtMs(node.state);
    if (wakeMs !== Infinity) {
      at(Math.max(1, wakeMs - world.nowMs), () => {
        if (node.boot === boot && node.state !== null && nextWakeAtMs(node.state) <= world.nowMs) {
          deliver(node, { type: "tick", nowMs: world.nowMs });
        } else if (node.boot === boot && node.state !== null) {
          deliver(node, { type: "tick", nowMs: world.nowMs });
        }
      });
    }
  }

  function carryOut(node: Node, effect: Effect): void {
    const { self } = node.settings;
    const boot = node.boot;
    const later = (delayMs: number, event: (nowMs: number) => Event) =>
      at(delayMs, () => {
        if (node.boot === boot) deliver(node, event(world.nowMs));
      });
    switch (effect.type) {
      case "persist":
        node.durable = effect.durable;
        return;
      case "observe":
        return at(1, () => node.boot === boot && observe(node));
      case "report": {
        const { event, outcome, because } = effect.decision;
        node.reports.push(event);
        return tell(`${self}: ${event} ${outcome}: ${because}`);
      }
      case "progress":
        node.progress.push({ step: effect.step, outcome: effect.outcome });
        return tell(`${self}: operator: ${effect.step} (${effect.outcome})`);
      case "probe": {
        const target = get(effect.node);
        const reachable = !cuts.has(`${self}>${effect.node}`);
        return later(2 * LATENCY_MS, (nowMs) => ({
          type: "probed",
          nowMs,
          node: effect.node,
          agent: !reachable ? "silent" : target.state === null ? "refused" : "open",
          server: !reachable ? "silent" : target.server.running === "no" ? "refused" : "open",
        }));
      }
      case "send": {
        const { request, to, message } = effect;
        const silent = () =>
          later(node.settings.communicationTimeoutMs, (nowMs) => ({
            type: "no_answer",
            nowMs,
            request,
            reason: "silent",
          }));
        if (cuts.has(`${self}>${to}`)) return silent();
        return at(LATENCY_MS, () => {
          const target = get(to);
          if (target.state === null) {
            return later(LATENCY_MS, (nowMs) => ({
              type: "no_answer",
              nowMs,
              request,
              reason: "refused",
            }));
          }
          const exchange = ++exchangeCount;
          exchanges.set(exchange, { sender: self, request, boot });
          at(node.settings.communicationTimeoutMs, () => {
            if (!exchanges.delete(exchange) || node.boot !== boot) return;
            deliver(node, { type: "no_answer", nowMs: world.nowMs, request, reason: "silent" });
          });
          deliver(target, { type: "request", nowMs: world.nowMs, exchange, from: self, message });
        });
      }
      case "answer": {
        const pending = exchanges.get(effect.exchange);
        if (pending === undefined || cuts.has(`${self}>${pending.sender}`)) return;
        const sender = get(pending.sender);
        return at(LATENCY_MS, () => {
          if (!exchanges.delete(effect.exchange) || sender.boot !== pending.boot) return;
          deliver(sender, {
            type: "answer",
            nowMs: world.nowMs,
            request: pending.request,
            from: self,
            message: effect.message,
          });
        });
      }
      case "operate": {
        const { operation, action } = effect;
        const fails = world.failNext.get(self) === action.type;
        if (fails) world.failNext.delete(self);
        return at(fails ? 20 : durationMs(action), () => {
          if (node.boot !== boot || node.state?.operation?.id !== operation) return;
          const outcome = fails ? "planted failure" : act(node, action);
          deliver(
            node,
            typeof outcome === "string"
              ? {
                type: "action_failed",
                nowMs: world.nowMs,
                operation,
                failure: outcome === "diverged" ? "diverged" : "failed",
                because: outcome,
              }
              : { type: "action_done", nowMs: world.nowMs, operation, result: outcome },
          );
        });
      }
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

  /** Carries the action out; a text says why it could not be. */
  function act(node: Node, action: ServerAction): ActionResult | string {
    const { server } = node;
    switch (action.type) {
      case "initialise":
        Object.assign(server, emptyServer(), {
          exists: true,
          incarnation: action.incarnation,
          running: "primary",
          timeline: 1,
          history: new Map([[1, 0n]]),
          sync: action.sync,
        });
        return startedPrimary(server);
      case "start_primary":
        if (!server.exists) return "no data directory";
        server.running = "primary";
        server.sync = action.sync;
        return startedPrimary(server);
      case "start_standby":
        if (!server.exists) return "no data directory";
        server.running = "standby";
        server.wasPrimary = false;
        server.upstream = null;
        return { type: "done" };
      case "follow": {
        const upstream = get(action.upstream.node).server;
        if (upstream.running !== "primary") return "the upstream is no primary";
        if (!isPrefix(server, upstream)) return "diverged";
        if (server.running === "no" && server.wasPrimary && !server.cleanly) return "diverged";
        server.running = "standby";
        server.wasPrimary = false;
        server.upstream = action.upstream.node;
        return { type: "done" };
      }
      case "revoke":
        if (server.running !== "standby") return "not a standby";
        server.upstream = null;
        return { type: "revoked", position: position(server) };
      case "prepare":
        return server.running === "standby" ? { type: "done" } : "not a standby";
      case "promote":
        if (server.running !== "standby") return "not a standby";
        server.running = "primary";
        server.upstream = null;
        server.sync = action.sync;
        server.timeline = nextTimeline(server);
        server.history.set(server.timeline, lsn(server));
        return startedPrimary(server);
      case "set_sync":
        if (server.running !== "primary") return "not a primary";
        server.sync = action.sync;
        return { type: "sync_in_force", barrierLsn: lsn(server) };
      case "stop": {
        if (server.running !== "primary") return "not running";
        for (const other of nodes.values()) {
          if (other.server.upstream === node.settings.self) copy(server, other.server);
        }
        server.running = "no";
        server.wasPrimary = true;
        server.cleanly = true;
        // The shutdown checkpoint begins where the last row ends; its record has no row of its own.
        return {
          type: "stopped",
          checkpoint: { timeline: server.timeline, lsn: lsn(server) - 1n },
        };
      }
      case "fence":
        if (server.running !== "no") {
          server.wasPrimary = server.running === "primary";
          server.cleanly = false;
        }
        server.running = "no";
        return { type: "done" };
      case "clone": {
        const upstream = get(action.upstream.node).server;
        if (upstream.running !== "primary") return "the upstream is no primary";
        Object.assign(server, emptyServer(), {
          exists: true,
          incarnation: action.incarnation,
          running: "standby",
          upstream: action.upstream.node,
        });
        copy(upstream, server);
        return { type: "done" };
      }
    }
  }

  function startedPrimary(server: Server): ActionResult {
    return {
      type: "started_primary",
      systemIdentifier: server.systemIdentifier,
      incarnation: server.incarnation,
      timeline: server.timeline,
      startLsn: server.history.get(server.timeline) ?? 0n,
      barrierLsn: lsn(server),
    };
  }

  /** Timeline numbers are PostgreSQL's own choice: two servers can take the same one. */
  function nextTimeline(server: Server): number {
    return Math.max(...server.history.keys()) + 1;
  }

  function lsn(server: Server): bigint {
    return BASE + BigInt(server.rows.length);
  }

  function position(server: Server): { timeline: number; lsn: bigint } {
    return { timeline: server.timeline, lsn: lsn(server) };
  }

  function isPrefix(of: Server, upstream: Server): boolean {
    return of.rows.every((row, index) => upstream.rows[index] === row);
  }

  function copy(from: Server, to: Server): void {
    if (!isPrefix(to, from)) return;
    to.rows = [...from.rows];
    to.timeline = from.timeline;
    to.history = new Map(from.history);
  }

  function observation(node: Node): ServerObservation {
    const { server, settings } = node;
    if (!server.exists) return { state: "absent" };
    const identity = {
      incarnation: server.incarnation,
      systemIdentifier: server.systemIdentifier,
    };
    switch (server.running) {
      case "no":
        return {
          ...identity,
          state: "stopped",
          wasPrimary: server.wasPrimary,
          cleanly: server.cleanly,
          checkpoint: { timeline: server.timeline, lsn: lsn(server) - 1n },
        };
      case "standby":
        return {
          ...identity,
          state: "standby",
          position: position(server),
          replayedLsn: lsn(server),
          streamingFrom: streams(node) ? server.upstream : null,
          following: server.upstream,
          replayPaused: false,
        };
      case "primary":
        return {
          ...identity,
          state: "primary",
          timeline: server.timeline,
          insertLsn: lsn(server),
          sync: server.sync,
          standbys: [...nodes.values()]
            .filter((other) => other.server.upstream === settings.self && streams(other))
            .map((other) => ({
              node: other.settings.self,
              incarnation: other.server.incarnation,
              state: "streaming",
              flushedLsn: lsn(other.server),
              replayedLsn: lsn(other.server),
            })),
        };
    }
  }

  function streams(node: Node): boolean {
    const { server, settings } = node;
    if (server.running !== "standby" || server.upstream === null) return false;
    const upstream = nodes.get(server.upstream);
    return upstream?.server.running === "primary" &&
      !cuts.has(`${server.upstream}>${settings.self}`) && isPrefix(server, upstream.server);
  }

  function replicate(): void {
    for (const node of nodes.values()) {
      if (streams(node)) copy(get(node.server.upstream!).server, node.server);
    }
    const acknowledging = new Set<NodeName>();
    for (const entry of [...waiting]) {
      const { server } = get(entry.node);
      const still = server.running === "primary" && server.rows[entry.position - 1] === entry.row;
      if (!still) {
        waiting.splice(waiting.indexOf(entry), 1);
        continue;
      }
      const holders = server.sync.names.filter(({ node: name, incarnation }) => {
        const other = get(name);
        return other.server.incarnation === incarnation && other.server.upstream === entry.node &&
          streams(other) && other.server.rows[entry.position - 1] === entry.row;
      });
      if (holders.length < server.sync.required) continue;
      waiting.splice(waiting.indexOf(entry), 1);
      acknowledged.add(entry.row);
      acknowledging.add(entry.node);
    }
    if (acknowledging.size > 1) {
      violations.push(`${world.nowMs}: ${[...acknowledging].join(" and ")} acknowledged rows`);
    }
  }
}

/** The rows that were acknowledged and are not on the primary now. */
export function missingRows(world: World): string[] {
  const name = world.primary();
  if (name === null) throw new Error("there is no primary to look at");
  const rows = new Set(world.nodes.get(name)!.server.rows);
  return [...world.acknowledged].filter((row) => !rows.has(row));
}
