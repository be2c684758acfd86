/**
 * One run of a scenario: clients at work, the fault, the time until the cluster is whole again, and
 * what the ledger says.
 *
 * @module
 */
import type { DemoNode } from "../../src/cli/demo/plan.ts";
import { type Clients, startClients } from "./clients.ts";
import { longestGapMs, overlaps } from "./judge.ts";
import type { Scenario, Stage } from "./scenario.ts";
import { rowsOf, untilWhole, type World } from "./world.ts";

/** What became of a run. */
export interface Outcome {
  readonly scenario: string;
  /** The longest time without an acknowledged write, and without an answered read. */
  readonly writeOutageMs: number;
  readonly readOutageMs: number;
  readonly acknowledged: number;
  readonly lost: number;
  /** Rows acknowledged by a server that another had already followed. */
  readonly overlapping: number;
  readonly terms: number;
  /** From the end of the scenario until the cluster was whole; null: it did not become so. */
  readonly wholeMs: number | null;
  /** Why it failed by its own rule; empty where it passed. */
  readonly faults: readonly string[];
}

/** Rows that have to be acknowledged before the fault, and after the cluster is whole again. */
const HEALTHY_ROWS = 50;
const HEALTHY_MS = 20_000;
/** Before the fault nothing is at stake: a busy machine is waited for. */
const READY_MS = 120_000;

/** Plays it on a whole cluster. Row numbers begin above `after`. */
export async function playScenario(
  scenario: Scenario,
  world: World,
  after: number,
): Promise<{ readonly outcome: Outcome; readonly lastRow: number }> {
  const faults: string[] = [];
  let primary = nodeNamed(world, await untilWhole(world));
  let termsBefore = highestTerm(world);
  const clients = startClients(world.plan, after);
  let wholeMs: number | null = null;
  let beganAtMs = performance.now();
  let last = primary;
  try {
    if (!await goesOn(clients, READY_MS)) {
      faults.push("the clients could not write before the fault");
    }
    // On a busy machine it may have failed over meanwhile, and two faults at once are another thing.
    last = primary = nodeNamed(world, await untilWhole(world));
    termsBefore = highestTerm(world);
    beganAtMs = performance.now();
    const stage = openStage(world, primary, {
      begins: () => beganAtMs = performance.now(),
      fail: (because) => faults.push(because),
    });
    await scenario.play(stage);
    const endedAtMs = performance.now();
    last = nodeNamed(world, await untilWhole(world));
    wholeMs = performance.now() - endedAtMs;
    if (!await goesOn(clients)) faults.push("writes did not go on after the fault");
    for (const node of await closedRouters(world, clients)) {
      faults.push(`nobody could write through ${node}'s router after the fault`);
    }
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
  }
  const untilMs = performance.now();
  await clients.stop();
  const { ledger } = clients;
  const window = { fromMs: beganAtMs, untilMs };
  const lost = wholeMs === null ? 0 : await countLost(world, last, clients);
  const overlapping = overlaps(ledger.acknowledged).length;
  if (lost > 0 && scenario.mayLose === null) faults.push(`${lost} acknowledged rows are missing`);
  if (overlapping > 0 && scenario.mayLose === null) {
    faults.push(`${overlapping} rows were acknowledged by a former primary`);
  }
  if (scenario.primary === "another" && last === primary) faults.push("no other node took over");
  if (scenario.primary === "same" && last !== primary) faults.push(`${last.name} took over`);
  const rows = [...ledger.acknowledged.map(({ row }) => row), ...ledger.open];
  return {
    lastRow: Math.max(after, ...rows),
    outcome: {
      scenario: scenario.name,
      writeOutageMs: longestGapMs(ledger.acknowledged.map(({ atMs }) => atMs), window),
      readOutageMs: longestGapMs(ledger.read, window),
      acknowledged: ledger.acknowledged.length,
      lost,
      overlapping,
      terms: highestTerm(world) - termsBefore,
      wholeMs,
      faults,
    },
  };
}

async function countLost(world: World, node: DemoNode, { ledger }: Clients): Promise<number> {
  const present = await rowsOf(world, node);
  return ledger.acknowledged.filter(({ row }) => !present.has(row)).length;
}

function openStage(
  world: World,
  primary: DemoNode,
  { begins, fail }: Pick<Stage, "begins" | "fail">,
): Stage {
  return {
    world,
    primary,
    standbys: world.plan.nodes.filter((node) => node !== primary && !node.witness),
    begins,
    fail,
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    async untilPrimary(not) {
      const arrival = await world.watcher.waitFor({
        what: "a primary that clients can write to",
        limitMs: 60_000,
        until: (view) =>
          view.verdict === "writable" && view.primary !== not?.name ? view.primary : null,
      });
      if (!arrival.ok) throw new Error(arrival.because);
      return nodeNamed(world, arrival.value.value);
    },
  };
}

/** True once some more rows are acknowledged and read. */
export async function goesOn({ ledger }: Clients, limitMs = HEALTHY_MS): Promise<boolean> {
  const startMs = performance.now();
  const wanted = ledger.acknowledged.length + HEALTHY_ROWS;
  const reads = ledger.read.length + HEALTHY_ROWS;
  while (performance.now() - startMs < limitMs) {
    if (ledger.acknowledged.length >= wanted && ledger.read.length >= reads) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

/** The nodes, witnesses included, through whose routers no row is acknowledged from now on. */
async function closedRouters({ plan }: World, { ledger }: Clients): Promise<readonly string[]> {
  const startMs = performance.now();
  const silent = () => {
    const heard = new Set(
      ledger.acknowledged.filter(({ sentAtMs }) => sentAtMs >= startMs).map(({ through }) =>
        through
      ),
    );
    return plan.nodes.map(({ name }) => name).filter((name) => !heard.has(name));
  };
  while (silent().length > 0 && performance.now() - startMs < HEALTHY_MS) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return silent();
}

function nodeNamed({ plan }: World, name: string): DemoNode {
  const node = plan.nodes.find((each) => each.name === name);
  if (node === undefined) throw new Error(`There is no node ${name}`);
  return node;
}

function highestTerm({ watcher }: World): number {
  return Math.max(0, ...watcher.terms().map(({ term }) => term), watcher.latest()?.term ?? 0);
}
