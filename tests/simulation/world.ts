/**
 * The simulated world: virtual time, hosts with their disks, agents and PostgreSQL servers, a
 * network, and those who watch. Everything here is data that the other files of this folder change;
 * the same scenario always gives the same history.
 *
 * The world is on the side of the adversary. Where real systems leave a choice open (does an action
 * that failed have its effect all the same? does a setting that is being changed count already?),
 * it draws one from the seed.
 */
import type { Decision, Durable, Effect } from "../../src/core/effect.ts";
import type { Event } from "../../src/core/event.ts";
import type { Force } from "../../src/core/force.ts";
import type { Answer, Request } from "../../src/core/message.ts";
import type { Incarnation, NodeName } from "../../src/core/record.ts";
import type { ServerAction } from "../../src/core/server.ts";
import type { Settings } from "../../src/core/settings.ts";
import type { State } from "../../src/core/state.ts";
import type { Clock } from "./clock.ts";
import type { Guardian } from "./guardian.ts";
import { type Dice, diceOf } from "./dice.ts";
import type { Network } from "./network.ts";
import { createQueue, type Queue } from "./queue.ts";
import type { Scenario } from "./scenario.ts";
import type { DataDirectory, Process } from "./server.ts";
import type { Tally } from "./tally.ts";

/** An action on a server that is under way. */
export interface RunningAction {
  readonly operation: number;
  readonly action: ServerAction;
  /** Carries it out; nobody may be waiting for the result any more. */
  readonly apply: () => void;
}

/** A running agent process. */
export interface Agent {
  state: State;
  /** Events that were submitted and not yet taken. */
  readonly queue: Event[];
  /** What arrived while the process stood still; it is read, and its time taken, afterwards. */
  readonly held: ((nowMs: number) => Event)[];
  /** True while a persist effect is waiting for its fsync. */
  persisting: Durable | null;
  busy: boolean;
  /** Counts beginnings and ends of actions: an observation that saw another one is thrown away. */
  epoch: number;
  looking: boolean;
  /** Which of the timers for the next look is the valid one. */
  lookTimer: number;
  lookAgain: boolean;
  running: RunningAction | null;
  alarmAtMs: number;
}

/** One host. */
export interface Host {
  readonly name: NodeName;
  settings: Settings;
  readonly clock: Clock;
  /** False while it is powered off: nothing answers, not even with a refusal. */
  up: boolean;
  /** Grows with every start and end of the agent: what belonged to another boot is void. */
  boot: number;
  agent: Agent | null;
  /** The process that watches the agent; null where there is nothing to guard. */
  guardian: Guardian | null;
  /** The state file. */
  disk: Durable;
  data: DataDirectory | null;
  process: Process | null;
  /** Until then the agent stands still, or everything on the host. */
  agentPausedUntilMs: number;
  pausedUntilMs: number;
  /** When a server was last opened here. */
  openedAtMs: number;
  /** Set while the host was suspended and its agent has not been told yet. */
  suspended: boolean;
  /** True while the operator's configurations leave this host out of the members. */
  readonly edited: { leaves: boolean };
  /** Faults that last: until when each of them holds. */
  readonly trouble: Trouble;
}

/** Lasting troubles of a host, each until a moment of the world's time. */
export interface Trouble {
  diskFullUntilMs: number;
  slowDiskUntilMs: number;
  slowWalUntilMs: number;
  refusedUntilMs: number;
  /** Until then the next vote that it grants is the last thing before its state file is lost. */
  forgetsVotesUntilMs: number;
  /** Until then its vote requests to some members are held back, for up to two leases. */
  sendsVotesLateUntilMs: number;
  /** Until then its agent crashes as soon as it begins to fence, and is started again. */
  crashesAtFenceUntilMs: number;
  /** Until then it loses power as soon as one of its standbys has caught up. */
  crashesAtCatchUpUntilMs: number;
  /** Until then a handover is followed by a start of its server behind the agent's back. */
  reopensAfterHandoverUntilMs: number;
  /** For how long its agent will stand still when its next heartbeat has left; 0 for not at all. */
  pausesAfterBeatMs: number;
  actions: { kinds: readonly string[]; untilMs: number; end: ActionEnd; slowdown: number };
}

/**
 * How an action ends. "late" fails and has its effect all the same, "after" even after it has
 * failed, "unsupported" and "foreign" are failures of that kind without effect.
 */
export type ActionEnd = "done" | "fails" | "late" | "after" | "unsupported";

/** A commit that its client was told is durable. */
export interface Acknowledged {
  readonly row: number;
  readonly node: NodeName;
  /** Its place in the WAL, counted from 1. */
  readonly count: number;
  /** The term under which the server that acknowledged it had become primary. */
  readonly term: number;
  readonly atMs: number;
}

/** Who watches a run: one object for each invariant, told of whatever it asks for. */
export interface Checker {
  /** The number of consensus.md's list where it has one, and a name. */
  readonly name: string;
  started?(host: Host, agent: Agent): void;
  stepped?(host: Host, before: State, event: Event, effects: readonly Effect[]): void;
  /** A state file is about to be replaced. */
  persisted?(host: Host, before: Durable, after: Durable): void;
  /** A message leaves the host. */
  sends?(host: Host, to: NodeName, message: Request | Answer): void;
  /** An action begins. */
  operates?(host: Host, action: ServerAction): void;
  /** A server has just become primary. */
  opened?(host: Host, how: "initialise" | "start_primary" | "promote"): void;
  /** WAL is about to be appended to `host`'s from `upstream`'s. */
  receives?(host: Host, upstream: Host): void;
  acknowledged?(commit: Acknowledged): void;
  progressed?(host: Host, reference: number, outcome: string): void;
  asked?(host: Host, reference: number, force: Force): void;
  /** A state file was lost by the scenario's will. */
  lost?(host: Host): void;
  /** Every half second or so. */
  looked?(): void;
}

/** Something that must never happen and did. */
export interface Violation {
  readonly atMs: number;
  readonly checker: string;
  readonly what: string;
}

/** One line of a transcript. */
export interface TraceLine {
  readonly atMs: number;
  readonly node: NodeName | null;
  readonly kind: "fault" | "message" | "decision" | "server" | "operator" | "violation";
  readonly text: string;
}

/** The world of one run. */
export interface World {
  readonly scenario: Scenario;
  nowMs: number;
  readonly queue: Queue;
  readonly hosts: readonly Host[];
  readonly byName: ReadonlyMap<NodeName, Host>;
  readonly network: Network;
  /** Streams of chance, one for each part of the world. */
  readonly dice: Readonly<Record<"net" | "disk" | "action" | "wal" | "client" | "fault", Dice>>;
  readonly acknowledged: Acknowledged[];
  /** Every data directory that ever was, so that a wiped one can still be asked what it held. */
  readonly archive: Map<Incarnation, DataDirectory>;
  readonly checkers: Checker[];
  readonly violations: Violation[];
  readonly tally: Tally;
  trace: ((line: TraceLine) => void) | null;
  /** False once faults are over. */
  stormy: boolean;
  rowCount: number;
  exchangeCount: number;
  readonly exchanges: Map<number, Exchange>;
  /** What a script holds back. */
  readonly held: Held[];
}

/** A message that will be held back: the next one from one node to another that matches. */
export interface Held {
  readonly from: NodeName;
  readonly to: NodeName;
  readonly matches: (message: Request | Answer) => boolean;
  readonly forMs: number;
}

/** A request that waits for an answer. */
export interface Exchange {
  readonly sender: Host;
  readonly boot: number;
  readonly request: number;
}

/** A world without hosts; `addHosts` of scenario.ts fills it. */
export function emptyWorld(
  given: Pick<World, "scenario" | "hosts" | "network" | "tally">,
): World {
  const { seed } = given.scenario;
  return {
    ...given,
    byName: new Map(given.hosts.map((host) => [host.name, host])),
    nowMs: 0,
    queue: createQueue(),
    dice: {
      net: diceOf(seed, "net"),
      disk: diceOf(seed, "disk"),
      action: diceOf(seed, "action"),
      wal: diceOf(seed, "wal"),
      client: diceOf(seed, "client"),
      fault: diceOf(seed, "fault"),
    },
    acknowledged: [],
    archive: new Map(),
    checkers: [],
    violations: [],
    trace: null,
    stormy: true,
    rowCount: 0,
    exchangeCount: 0,
    exchanges: new Map(),
    held: [],
  };
}

/** Calls `run` when `delayMs` of the world's time have passed. */
export function after(world: World, delayMs: number, run: () => void): void {
  world.queue.add(world.nowMs + delayMs, run);
}

/** Lets `forMs` pass, or less where an invariant breaks. */
export function run(world: World, forMs: number): void {
  const untilMs = world.nowMs + forMs;
  while (world.violations.length === 0) {
    const entry = world.queue.takeDue(untilMs);
    if (entry === null) break;
    world.nowMs = Math.max(world.nowMs, entry.atMs);
    entry.run();
  }
  if (world.violations.length === 0) world.nowMs = untilMs;
}

/** Lets time pass until `condition` holds. False where it did not within `withinMs`. */
export function runUntil(
  world: World,
  withinMs: number,
  condition: () => boolean,
  everyMs = 50,
): boolean {
  const untilMs = world.nowMs + withinMs;
  while (!condition()) {
    if (world.nowMs >= untilMs || world.violations.length > 0) return false;
    run(world, Math.min(everyMs, untilMs - world.nowMs));
  }
  return true;
}

/** Notes that an invariant is broken; the run ends there. */
export function breach(world: World, checker: string, what: string): void {
  world.violations.push({ atMs: world.nowMs, checker, what });
  tell(world, null, "violation", `${checker}: ${what}`);
}

/** Adds a line to the transcript, if anybody wants one. */
export function tell(
  world: World,
  host: Host | null,
  kind: TraceLine["kind"],
  text: string,
): void {
  world.trace?.({ atMs: world.nowMs, node: host?.name ?? null, kind, text });
}

/** The host of that name. @throws where there is none */
export function hostOf(world: World, name: NodeName): Host {
  const host = world.byName.get(name);
  if (host === undefined) throw new Error(`no host is called ${name}`);
  return host;
}

/** The primary that routers would use: an agent that leads, holds the lease and serves. */
export function servingPrimary(world: World, serves: (host: Host) => boolean): Host | null {
  return world.hosts.find((host) => host.process?.kind === "primary" && serves(host)) ?? null;
}

/** The text of a decision, as a transcript shows it. */
export function decisionText(decision: Decision): string {
  const { event, outcome, because, peer } = decision;
  return [event, outcome === "noted" ? "" : outcome, peer ?? "", because ? `(${because})` : ""]
    .filter((part) => part !== "").join(" ");
}
