/**
 * A small world for the core: virtual time, a network, disks, and simulated PostgreSQL servers
 * (world_server.ts). It runs whole clusters of `step()` in a test without any permission.
 *
 * Everything is deterministic: the same script gives the same history. What must hold at every
 * moment is checked as it happens, and what does not is kept in `violations`.
 */
import type { Durable } from "../../src/core/effect.ts";
import type { MemberEntry, NodeName } from "../../src/core/record.ts";
import type { ServerAction } from "../../src/core/server.ts";
import type { LiveSettings, Settings } from "../../src/core/settings.ts";
import { NOTHING_DURABLE } from "../../src/core/initial.ts";
import type { State } from "../../src/core/state.ts";
import { describe } from "../../src/core/view.ts";
import { createAgents } from "./world_agents.ts";
import { createChecks } from "./world_checks.ts";
import { createQueue } from "../simulation/queue.ts";
import { emptyServer, isAcknowledged, kill, replicate, type Server } from "./world_server.ts";

const REPLICATE_EVERY_MS = 10;

/** One host: an agent, its state file, and PostgreSQL with its data directory. */
export interface Node {
  settings: Settings;
  /** Null while no agent runs. */
  state: State | null;
  durable: Durable;
  server: Server;
  boot: number;
  /** The host is powered off: nothing answers, not even with a refusal. */
  down: boolean;
  /** The agent's process stands still until then, and PostgreSQL does not. */
  pausedUntilMs: number;
  readonly progress: { step: string; outcome: string }[];
  readonly reports: string[];
}

/** How a message fares, or an action: drawn by whoever makes trouble. */
export interface Weather {
  /** Milliseconds a message takes from `from` to `to`, or null where it is lost. */
  message(from: NodeName, to: NodeName): number | null;
  /** What becomes of an action. "late" fails and has its effect all the same. */
  action(node: NodeName, action: ServerAction): {
    readonly end: "done" | "fails" | "late";
    readonly slowdown: number;
  };
  /** Whether an action that is preempted, or whose agent dies, has its effect all the same. */
  survives(node: NodeName, action: ServerAction): boolean;
}

/** A client's insert that waits for its acknowledgement. */
interface Waiting {
  readonly row: string;
  readonly node: NodeName;
  readonly count: number;
}

/** The world. Create it with {@linkcode createWorld}. */
export interface World {
  nowMs: number;
  readonly nodes: Map<NodeName, Node>;
  weather: Weather;
  /** Runs for `forMs` of virtual time. */
  run(forMs: number): void;
  /** Runs until the condition holds; throws, with the story so far, when it does not in time. */
  until(condition: () => boolean, withinMs: number, what: string): number;
  /** Calls `run` when `delayMs` of virtual time have passed. */
  at(delayMs: number, run: () => void): void;
  start(node: NodeName): void;
  /** kill -9 of everything on a host. */
  crash(node: NodeName): void;
  /** Power loss: everything ends, and the host answers nothing until it is started. */
  powerOff(node: NodeName): void;
  /** kill -9 of the agent alone. */
  crashAgent(node: NodeName): void;
  /** kill -9 of PostgreSQL alone. */
  crashServer(node: NodeName): void;
  /** Loses the state file, as a restored or wiped host does. */
  loseState(node: NodeName): void;
  /** The agent's process stands still for a while. */
  pauseAgent(node: NodeName, forMs: number): void;
  resumeAgent(node: NodeName): void;
  /** Changes an agent's settings while it runs, and for its next start. */
  configure(node: NodeName, change: Partial<LiveSettings>): void;
  /** Tells an agent that its host was suspended. */
  suspend(node: NodeName, gapMs: number): void;
  /** Cuts agents and WAL both ways. */
  cut(a: NodeName, b: NodeName): void;
  /** Cuts one direction of agents' messages, of WAL, or of both. */
  cutOneWay(from: NodeName, to: NodeName, what: "agents" | "wal" | "both"): void;
  heal(): void;
  /** Inserts a row through the primary that routers would use; false where there is none. */
  insert(row: string): boolean;
  /** Inserts a row on this host's server, whoever it believes to be. */
  insertAt(node: NodeName, row: string): boolean;
  acknowledged: Set<string>;
  operator(node: NodeName, to: NodeName): { step: string; outcome: string }[];
  primary(): NodeName | null;
  /** What must never happen and did. */
  readonly violations: string[];
  readonly story: string[];
  /** Plants one failure of the next action of this kind. */
  failNext: Map<NodeName, ServerAction["type"]>;
  /** Hosts whose agent is only attached to the server: it cannot start or stop it. */
  uncontrolled: Set<NodeName>;
  /** How many witness addresses each host reaches; none where nothing is said. */
  witnesses: Map<NodeName, number>;
  tell(line: string): void;
}

const CLEAR_SKY: Weather = {
  message: () => 2,
  action: () => ({ end: "done", slowdown: 1 }),
  survives: () => false,
};

/** The settings that may change, of all. */
export function pickLive(
  { durability, wantedStandbys, maximumLagBytes, serverPatienceMs }: Settings,
): LiveSettings {
  return { durability, wantedStandbys, maximumLagBytes, serverPatienceMs };
}

/** Settings of a cluster whose first member is the configured primary; `w…` are witnesses. */
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
    durability: "strict",
    wantedStandbys: Math.floor(members.filter(({ kind }) => kind === "data").length / 2),
    maximumLagBytes: null,
    agentSilenceMs: 0,
    pair: null,
    serverPatienceMs: 6000,
    contact: { host: self, port: 5432 },
    ...change,
  };
}

/** A cluster of agents, all started, none of which has ever run before. */
export function createWorld(
  names: readonly NodeName[],
  change: (name: NodeName) => Partial<Settings> = () => ({}),
): World {
  const queue = createQueue();
  const cuts = { agents: new Set<string>(), wal: new Set<string>() };
  const waiting: Waiting[] = [];
  const nodes = new Map<NodeName, Node>();
  const story: string[] = [];
  const violations: string[] = [];
  let reference = 0;

  const world: World = {
    nowMs: 0,
    nodes,
    weather: CLEAR_SKY,
    acknowledged: new Set(),
    violations,
    story,
    failNext: new Map(),
    uncontrolled: new Set(),
    witnesses: new Map(),
    tell: (line) => void story.push(`${String(Math.round(world.nowMs)).padStart(7)} ${line}`),
    at: (delayMs, run) => queue.add(world.nowMs + delayMs, run),
    run: (forMs) => runUntil(world.nowMs + forMs),
    until(condition, withinMs, what) {
      const startMs = world.nowMs;
      while (!condition()) {
        if (world.nowMs - startMs > withinMs) {
          throw new Error(
            `${what} did not happen within ${withinMs} ms:\n${story.slice(-80).join("\n")}`,
          );
        }
        runUntil(world.nowMs + 10);
      }
      return world.nowMs - startMs;
    },
    start: (name) => agents.start(get(name)),
    crash(name) {
      world.crashAgent(name);
      world.crashServer(name);
    },
    powerOff(name) {
      world.crash(name);
      get(name).down = true;
    },
    crashAgent: (name) => agents.crash(get(name)),
    crashServer(name) {
      kill(get(name).server);
      world.tell(`${name}: PostgreSQL crashed`);
    },
    loseState(name) {
      get(name).durable = NOTHING_DURABLE;
      checks.forget(name);
    },
    pauseAgent(name, forMs) {
      const node = get(name);
      node.pausedUntilMs = Math.max(node.pausedUntilMs, world.nowMs + forMs);
      world.tell(`${name}: agent stands still for ${Math.round(forMs)} ms`);
    },
    resumeAgent: (name) => agents.resume(get(name)),
    configure(name, change) {
      const node = get(name);
      const settings = { ...node.settings, ...change };
      node.settings = settings;
      if (node.state === null) return;
      agents.deliver(node, {
        type: "configured",
        nowMs: world.nowMs,
        settings: pickLive(settings),
      });
    },
    suspend(name, gapMs) {
      agents.deliver(get(name), { type: "suspended", nowMs: world.nowMs, gapMs });
    },
    cut(a, b) {
      world.cutOneWay(a, b, "both");
      world.cutOneWay(b, a, "both");
    },
    cutOneWay(from, to, what) {
      if (what !== "wal") cuts.agents.add(`${from}>${to}`);
      if (what !== "agents") cuts.wal.add(`${from}>${to}`);
    },
    heal() {
      cuts.agents.clear();
      cuts.wal.clear();
    },
    insert(row) {
      const name = world.primary();
      return name !== null && world.insertAt(name, row);
    },
    insertAt(name, row) {
      const { server } = get(name);
      if (server.running !== "primary" || server.hung) return false;
      server.rows.push(row);
      waiting.push({ row, node: name, count: server.rows.length });
      return true;
    },
    operator(name, to) {
      const node = get(name);
      agents.deliver(node, {
        type: "operator",
        nowMs: world.nowMs,
        command: { type: "failover", reference: ++reference, to, force: "none" },
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
      down: false,
      pausedUntilMs: 0,
      progress: [],
      reports: [],
    });
  }
  const servers = {
    get: (name: NodeName) => get(name).server,
    names: () => nodes.keys(),
    linked: (from: NodeName, to: NodeName) => !cuts.wal.has(`${from}>${to}`),
  };
  const checks = createChecks(world);
  const agents = createAgents(world, servers, checks, {
    cut: (from, to) => cuts.agents.has(`${from}>${to}`),
  });
  for (const name of names) world.start(name);
  every(REPLICATE_EVERY_MS, () => {
    replicate(servers);
    acknowledge();
    checks.look();
  });
  return world;

  function get(name: NodeName): Node {
    const node = nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  function every(periodMs: number, run: () => void): void {
    world.at(periodMs, () => {
      run();
      every(periodMs, run);
    });
  }

  function runUntil(untilMs: number): void {
    for (let entry = queue.takeDue(untilMs); entry !== null; entry = queue.takeDue(untilMs)) {
      world.nowMs = Math.max(world.nowMs, entry.atMs);
      entry.run();
    }
    world.nowMs = untilMs;
  }

  function acknowledge(): void {
    let kept = 0;
    for (const entry of waiting) {
      const { server } = get(entry.node);
      // A hung server releases nobody, and one that lost the row has closed its connections.
      if (server.running !== "primary" || server.rows[entry.count - 1] !== entry.row) continue;
      if (server.hung || !isAcknowledged(servers, entry.node, entry.count)) {
        waiting[kept++] = entry;
        continue;
      }
      world.acknowledged.add(entry.row);
      checks.acknowledged({ ...entry, term: server.term });
    }
    waiting.length = kept;
  }
}

/** The rows that were acknowledged and are not on the primary now. */
export function missingRows(world: World): string[] {
  const name = world.primary();
  if (name === null) throw new Error("there is no primary to look at");
  const rows = new Set(world.nodes.get(name)!.server.rows);
  return [...world.acknowledged].filter((row) => !rows.has(row));
}

/** True where every data member but the primary follows it and may be elected. */
export function everyoneStreams(world: World): boolean {
  const primary = world.primary();
  if (primary === null) return false;
  const { durable, settings: { wantedStandbys } } = world.nodes.get(primary)!;
  const record = durable.record!;
  const others = [...world.nodes.values()].filter((node) =>
    node.settings.self !== primary && !node.settings.self.startsWith("w")
  );
  return record.required === Math.min(wantedStandbys, others.length) &&
    others.every((node) =>
      record.electable.some((instance) =>
        instance.node === node.settings.self && instance.incarnation === node.server.incarnation
      ) && node.server.upstream === primary
    );
}
