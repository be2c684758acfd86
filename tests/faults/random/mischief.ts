/**
 * What chance may do to a cluster. Each piece of mischief begins, lasts for a while, and ends; several
 * may be under way at once, also on one host. What they did to processes and links is undone for
 * all of them together, by {@linkcode makeGood}.
 *
 * @module
 */
import {
  agentOf,
  listProcesses,
  postmasterOf,
  sendSignal,
  worksIn,
} from "../../../src/cli/demo/processes.ts";
import type { DemoNode } from "../../../src/cli/demo/plan.ts";
import type { Dice } from "../../simulation/dice.ts";
import { cutOneWay, cutPort, isolate, losePackets, signalHosts } from "../moves.ts";
import { run } from "../network.ts";
import type { World } from "../world.ts";

/** What a piece of mischief has to work with. */
export interface Ground {
  readonly world: World;
  readonly dice: Dice;
  /** Whom it is done to. */
  readonly victim: DemoNode;
}

/** One kind of mischief. */
export interface Mischief {
  readonly name: string;
  /** How often it comes, compared with the others. */
  readonly weight: number;
  /** The longest that it lasts, in milliseconds; 0: it is over at once. */
  readonly mostMs: number;
  /** Needs a node with PostgreSQL. */
  readonly data: boolean;
  /** What it says about itself besides its name and victim; "" for nothing. */
  readonly begin: (ground: Ground) => Promise<string>;
  readonly end?: (ground: Ground) => Promise<void>;
}

const START_TRIES = 50;
const START_PAUSE_MS = 200;

/** Everything that may happen. */
export const MISCHIEF: readonly Mischief[] = [
  kind("postmaster killed", 3, 0, true, ({ victim }) => toPostmaster(victim, "SIGKILL")),
  kind("backend killed", 1, 0, true, ({ victim, dice }) => {
    const master = postmasterOf(victim.dataDir, listProcesses());
    const backends = serversOf(victim).filter((pid) => pid !== master);
    if (backends.length > 0) sendSignal(dice.pick(backends), "SIGKILL");
  }),
  kind("agent killed", 3, 8000, false, ({ victim }) => toAgent(victim, "SIGKILL")),
  kind("agent ended", 1, 4000, false, ({ victim }) => toAgent(victim, "SIGTERM")),
  kind(
    "host killed",
    6,
    20_000,
    false,
    ({ world, victim }) => signalHosts(world, [victim], "SIGKILL"),
  ),
  kind("two hosts killed", 1, 10_000, false, async ({ world, victim, dice }) => {
    const other = dice.pick(world.plan.nodes.filter((node) => node !== victim));
    await signalHosts(world, [victim, other], "SIGKILL");
    return `and ${other.name}`;
  }),
  kind(
    "every host killed",
    0.5,
    3000,
    false,
    ({ world }) => signalHosts(world, world.plan.nodes, "SIGKILL"),
  ),
  kind(
    "agent stopped",
    3,
    20_000,
    false,
    ({ victim }) => toAgent(victim, "SIGSTOP"),
    ({ victim }) => toAgent(victim, "SIGCONT"),
  ),
  kind(
    "postmaster stopped",
    2,
    20_000,
    true,
    ({ victim }) => toPostmaster(victim, "SIGSTOP"),
    ({ victim }) => toPostmaster(victim, "SIGCONT"),
  ),
  kind(
    "servers stopped",
    2,
    10_000,
    true,
    ({ victim }) => serversOf(victim).forEach((pid) => sendSignal(pid, "SIGSTOP")),
    ({ victim }) => serversOf(victim).forEach((pid) => sendSignal(pid, "SIGCONT")),
  ),
  kind(
    "host stopped",
    4,
    30_000,
    false,
    ({ world, victim }) => signalHosts(world, [victim], "SIGSTOP"),
    ({ world, victim }) => signalHosts(world, [victim], "SIGCONT"),
  ),
  kind("cut off", 4, 20_000, false, ({ world, victim }) => isolate(world, victim), reconnect),
  kind(
    "cable pulled",
    4,
    20_000,
    false,
    ({ world, victim }) => world.network.cable(world.hostOf(victim), false),
    ({ world, victim }) => world.network.cable(world.hostOf(victim), true),
  ),
  kind("unheard", 2, 15_000, false, async ({ world, victim, dice }) => {
    const others = world.plan.nodes.filter((node) => node !== victim);
    const deaf = dice.luck(0.5) ? others : [dice.pick(others)];
    await cutOneWay(world, victim, deaf);
    return `by ${deaf.map(({ name }) => name).join(", ")}`;
  }, ({ world }) => world.network.heal()),
  kind(
    "agents' port cut",
    2,
    15_000,
    false,
    ({ world, victim }) => cutPort(world, victim, "apiPort"),
    reconnect,
  ),
  kind(
    "PostgreSQL's port cut",
    2,
    15_000,
    true,
    ({ world, victim }) => cutPort(world, victim, "databasePort"),
    reconnect,
  ),
  kind("packets lost", 2, 20_000, false, async ({ world, dice }) => {
    const percent = dice.whole(5, 40);
    await losePackets(world, percent);
    return `${percent} %`;
  }, ({ world }) => world.network.heal()),
  kind("switchover", 4, 0, true, async ({ world, victim, dice }) => {
    const from = dice.pick(world.plan.nodes);
    const { code } = await world.metako(from, ["switchover", "--to", victim.name]);
    return `asked on ${from.name}, exit code ${code}`;
  }),
  kind("data deleted", 0.5, 0, true, async ({ victim }) => {
    await run(["find", victim.dataDir, "-mindepth", "1", "-delete"]);
  }),
];

/** Draws one, by weight. */
export function drawMischief(dice: Dice): Mischief {
  let left = dice.between(0, MISCHIEF.reduce((sum, { weight }) => sum + weight, 0));
  return MISCHIEF.find(({ weight }) => (left -= weight) < 0) ?? MISCHIEF[0]!;
}

/** Undoes what was done to links and processes: all connected, all going on, every agent started. */
export async function makeGood(world: World): Promise<void> {
  await world.network.heal();
  await signalHosts(world, world.plan.nodes, "SIGCONT");
  // One that was killed just now may not be known as ended yet, and is not started then.
  for (let time = 0; time < START_TRIES && startMissing(world); time++) {
    await new Promise((go) => setTimeout(go, START_PAUSE_MS));
  }
}

/** Starts every agent that does not run, as a supervisor does; false where none was missing. */
export function startMissing(world: World): boolean {
  const processes = listProcesses();
  const missing = world.plan.nodes.filter((node) => agentOf(node.configFile, processes) === null);
  for (const node of missing) world.cluster.start(node);
  return missing.length > 0;
}

function kind(
  name: string,
  weight: number,
  mostMs: number,
  data: boolean,
  begin: (ground: Ground) => Promise<string | void> | void,
  end?: (ground: Ground) => Promise<void> | void,
): Mischief {
  return {
    name,
    weight,
    mostMs,
    data,
    begin: async (ground) => await begin(ground) ?? "",
    ...(end === undefined ? {} : { end: async (ground) => await end(ground) }),
  };
}

function reconnect({ world, victim }: Ground): Promise<void> {
  return world.network.drop(world.hostOf(victim), []);
}

function toAgent(node: DemoNode, signal: Deno.Signal): void {
  const pid = agentOf(node.configFile, listProcesses());
  if (pid !== null) sendSignal(pid, signal);
}

function toPostmaster(node: DemoNode, signal: Deno.Signal): void {
  const pid = postmasterOf(node.dataDir, listProcesses());
  if (pid !== null) sendSignal(pid, signal);
}

function serversOf({ dataDir }: DemoNode): readonly number[] {
  return listProcesses().filter((process) => worksIn(process, dataDir)).map(({ pid }) => pid);
}
