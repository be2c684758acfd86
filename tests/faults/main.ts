/**
 * Deals one blow after the other to the current primary of a real cluster on loopback, under a
 * writer, and looks for every acknowledged row at the end.
 *
 *     deno task blows [--rounds 10] [--nodes 3] [--blow host] …
 *
 * Every round waits until the whole cluster streams again. Prints a line per round and a table; exit
 * code 1 where a row is missing, writes did not resume, or a node did not come back. It is no part of
 * `deno task ok`: a round takes some ten seconds.
 */
import { parseArgs } from "node:util";
import { findPostgres } from "../../src/agent/mod.ts";
import { type DemoCluster, openCluster } from "../../src/cli/demo/cluster.ts";
import { openRowSink, prepareApplication, readRows } from "../../src/cli/demo/database.ts";
import { layOut } from "../../src/cli/demo/layout.ts";
import {
  acknowledgedSince,
  type Ledger,
  missingRows,
  newLedger,
  outageMs,
} from "../../src/cli/demo/ledger.ts";
import type { DemoNode } from "../../src/cli/demo/plan.ts";
import { settledPrimary, watchCluster, type Watcher } from "../../src/cli/demo/watcher.ts";
import { startWriter, type Writer } from "../../src/cli/demo/writer.ts";
import { listenForInterrupt, pause } from "../../src/cli/interrupt.ts";
import { loadConfig } from "../../src/cli/load_config.ts";
import { type Blow, BLOWS } from "./blows.ts";

const LIMIT_MS = 90_000;
const HEALTHY_ROWS = 30;

/** Distance between two row numbers of one client: more than there are nodes. */
const NUMBERS_APART = 10;

const values = readArguments();
const chosen = BLOWS.filter(({ name }) => values.blow.length === 0 || values.blow.includes(name));
if (chosen.length === 0) {
  fail(`There is no such blow; they are ${BLOWS.map(({ name }) => name).join(", ")}.`);
}
const found = await findPostgres();
if (!found.ok) fail(found.because);
const laid = await layOut({ nodes: Number(values.nodes), folder: null }, found.value.binDir);
if (!laid.ok) fail(laid.because);
const loaded = loadConfig(laid.plan.nodes[0]!.configFile, { complain: console.error });
if (!loaded.ok) fail("The cluster's configuration does not load.");
const main = new URL("../../main.ts", import.meta.url).pathname;
const self = [Deno.execPath(), "run", "--quiet", "--no-prompt", "-A", main];
const cluster = openCluster(laid.plan, loaded.config, self);
const interrupt = listenForInterrupt();
const watcher = watchCluster(cluster, interrupt.signal);
let good = false;
try {
  good = await play(cluster, watcher);
} finally {
  await watcher.stop();
  const left = await cluster.stop();
  for (const line of left) console.error(`had to be killed: ${line}`);
  good &&= left.length === 0;
  if (good) await Deno.remove(laid.plan.folder, { recursive: true });
  else console.error(`The folder is kept: ${laid.plan.folder}`);
}
Deno.exit(good ? 0 : 1);

async function play(cluster: DemoCluster, watcher: Watcher): Promise<boolean> {
  for (const node of cluster.plan.nodes) cluster.start(node);
  if (await settled(watcher) === null) return false;
  await prepareApplication(cluster.plan, cluster.plan.nodes[0]!.routerPort);
  const writers = cluster.plan.nodes.map((node, index) => writeThrough(cluster, node, index));
  const outages = new Map<string, number[]>();
  try {
    for (let round = 0; round < Number(values.rounds); round++) {
      const blow = chosen[round % chosen.length]!;
      const outage = await playRound(cluster, watcher, writers, blow);
      if (outage === null) return false;
      console.log(`${String(round + 1).padStart(4)}  ${blow.name.padEnd(14)} ${outage} ms`);
      outages.set(blow.name, [...outages.get(blow.name) ?? [], outage]);
    }
  } finally {
    await Promise.all(writers.map((writer) => writer.stop()));
  }
  return await report(cluster, watcher, together(writers), outages);
}

/** One client per router, each with row numbers of its own: a frozen router holds up only its own. */
function writeThrough(cluster: DemoCluster, node: DemoNode, index: number): Writer {
  const rowOf = (count: number) => count * NUMBERS_APART + index;
  const ledger = newLedger();
  const writer = startWriter({
    ledger,
    routers: [() => {
      const sink = openRowSink(cluster.plan, node.routerPort);
      return { insert: (count) => sink.insert(rowOf(count)), close: sink.close };
    }],
    now: () => performance.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    pauseMs: 10,
  });
  return {
    ...writer,
    get ledger() {
      return {
        acknowledged: ledger.acknowledged.map(({ row, atMs }) => ({ row: rowOf(row), atMs })),
        open: ledger.open.map(rowOf),
      };
    },
  };
}

/** What the clients saw, as if it had been one. */
function together(writers: readonly Writer[]): Ledger {
  return {
    acknowledged: writers.flatMap((writer) => writer.ledger.acknowledged)
      .sort((a, b) => a.atMs - b.atMs),
    open: writers.flatMap((writer) => writer.ledger.open),
  };
}

/** One blow, and everything that follows until the cluster is whole again. Null: it never was. */
async function playRound(
  cluster: DemoCluster,
  watcher: Watcher,
  writers: readonly Writer[],
  blow: Blow,
): Promise<number | null> {
  const name = await settled(watcher);
  const node = cluster.plan.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) return null;
  if (!await rows(writers, performance.now())) return null;
  const fromMs = performance.now();
  blow.strike(cluster, node);
  if (blow.changesPrimary && !await replaced(watcher, node)) return null;
  // A frozen node is thawed also when interrupted, or it could not be stopped in good order.
  await pause(blow.downMs, interrupt.signal);
  blow.mend(cluster, node);
  if (!await rows(writers, performance.now())) return null;
  const { acknowledged } = together(writers);
  // Up to the last row, so that the wait for the next one is not taken for an outage.
  return Math.round(outageMs(acknowledged, { fromMs, untilMs: acknowledged.at(-1)!.atMs }) ?? 0);
}

async function replaced(watcher: Watcher, node: DemoNode): Promise<boolean> {
  const moved = await watcher.waitFor({
    what: `another primary than ${node.name}`,
    limitMs: LIMIT_MS,
    until: (view) => view.primary !== node.name ? view.primary : null,
  });
  if (!moved.ok) console.error(moved.because);
  return moved.ok;
}

async function settled(watcher: Watcher): Promise<string | null> {
  const whole = await watcher.waitFor({
    what: "every standby to stream and be electable",
    limitMs: LIMIT_MS,
    until: settledPrimary,
    holdMs: 1000,
  });
  if (!whole.ok) console.error(whole.because);
  return whole.ok ? whole.value.value : null;
}

async function rows(writers: readonly Writer[], fromMs: number): Promise<boolean> {
  while (acknowledgedSince(together(writers), fromMs) < HEALTHY_ROWS) {
    if (performance.now() - fromMs > LIMIT_MS) {
      const errors = writers.map((writer) => writer.lastError()).join("; ");
      console.error(`No writes for ${LIMIT_MS} ms: ${errors}`);
      return false;
    }
    if (!await pause(20, interrupt.signal)) return false;
  }
  return true;
}

async function report(
  cluster: DemoCluster,
  watcher: Watcher,
  ledger: Ledger,
  outages: ReadonlyMap<string, readonly number[]>,
): Promise<boolean> {
  const name = await settled(watcher);
  const primary = cluster.plan.nodes.find((node) => node.name === name);
  if (primary === undefined) return false;
  const missing = missingRows(ledger, await readRows(cluster.plan, primary.databasePort));
  console.log("\nblow            rounds  outage min  median     max");
  for (const [blow, values] of outages) {
    const sorted = [...values].sort((a, b) => a - b);
    const cells = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
    const columns = cells.map((cell) => `${cell} ms`.padStart(10)).join("");
    console.log(`${blow.padEnd(14)}${String(values.length).padStart(8)}  ${columns}`);
  }
  const terms = watcher.terms().at(-1)?.term ?? 0;
  console.log(
    `\n${ledger.acknowledged.length} rows acknowledged, ${missing.length} missing, ` +
      `${ledger.open.length} unanswered, ${terms} terms`,
  );
  return missing.length === 0;
}

function readArguments() {
  try {
    return parseArgs({
      args: Deno.args,
      options: {
        rounds: { type: "string", default: "10" },
        nodes: { type: "string", default: "3" },
        blow: { type: "string", multiple: true, default: [] },
      },
    }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    fail(`${reason} Usage: deno task blows [--rounds N] [--nodes N] [--blow NAME]…`);
  }
}

function fail(because: string): never {
  console.error(because);
  Deno.exit(1);
}
