/**
 * Blow after blow to a running cluster, and after each one the question whether a row that was
 * acknowledged is missing on whoever is primary then.
 *
 * @module
 */
import type { DemoCluster } from "../../../src/cli/demo/cluster.ts";
import { prepareApplication, readRows } from "../../../src/cli/demo/database.ts";
import { missingRows, outageMs } from "../../../src/cli/demo/ledger.ts";
import type { DemoNode } from "../../../src/cli/demo/plan.ts";
import { settledPrimary, type Watcher } from "../../../src/cli/demo/watcher.ts";
import { pause } from "../../../src/cli/interrupt.ts";
import type { Blow } from "./blows.ts";
import { type Clients, startClients } from "./clients.ts";

/** No step of a round may take longer. */
const LIMIT_MS = 90_000;

/** Rows that have to be acknowledged before a blow, and after it. */
const HEALTHY_ROWS = 30;

/** How long the cluster has to be whole before it is hurt again. */
const WHOLE_MS = 500;

/** What became of one round. */
export interface Round {
  readonly blow: string;
  /** The longest time without an acknowledgement from the blow on. */
  readonly outageMs: number;
  /** From the blow until the cluster was whole again. */
  readonly wholeMs: number;
}

/** What became of all of them. */
export interface Result {
  readonly rounds: readonly Round[];
  readonly acknowledged: number;
  readonly unanswered: number;
  /** Acknowledged rows that a primary lacked when it was asked. */
  readonly missing: readonly number[];
  /** The highest term that was seen. */
  readonly terms: number;
  /** Why the rounds ended early; null where they did not. */
  readonly fault: string | null;
}

/** A round that cannot go on, in words. */
class Fault extends Error {}

/**
 * Starts the cluster and plays the rounds, `blows` in turn.
 *
 * @param options.say a line per round
 */
export async function playRounds(
  cluster: DemoCluster,
  options: {
    readonly watcher: Watcher;
    readonly blows: readonly Blow[];
    readonly rounds: number;
    readonly signal: AbortSignal;
    readonly say: (round: Round, number: number) => void;
  },
): Promise<Result> {
  const { watcher, blows, signal } = options;
  const rounds: Round[] = [];
  let clients: Clients | null = null;
  let missing: readonly number[] = [];
  let fault: string | null = null;
  try {
    for (const node of cluster.plan.nodes) cluster.start(node);
    await whole(cluster, watcher);
    await prepareApplication(cluster.plan, cluster.plan.nodes[0]!.routerPort);
    clients = startClients(cluster);
    while (rounds.length < options.rounds && missing.length === 0) {
      const blow = blows[rounds.length % blows.length]!;
      const played = await playRound({ cluster, watcher, clients, blow, signal });
      missing = played.missing;
      rounds.push(played);
      options.say(played, rounds.length);
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    fault = error.message;
  } finally {
    await clients?.stop();
  }
  const ledger = clients?.ledger() ?? { acknowledged: [], open: [] };
  return {
    rounds,
    acknowledged: ledger.acknowledged.length,
    unanswered: ledger.open.length,
    missing,
    terms: watcher.terms().at(-1)?.term ?? 0,
    fault,
  };
}

/** What a round needs. */
interface Scene {
  readonly cluster: DemoCluster;
  readonly watcher: Watcher;
  readonly clients: Clients;
  readonly blow: Blow;
  readonly signal: AbortSignal;
}

/** One blow, and everything that follows until the cluster is whole again. */
async function playRound(scene: Scene): Promise<Round & { readonly missing: readonly number[] }> {
  const { cluster, watcher, clients, blow, signal } = scene;
  const node = await whole(cluster, watcher);
  await moreRows(scene);
  const fromMs = performance.now();
  blow.strike(cluster, node);
  // Asked before the host is back: what the new primary lacks then, it can get from nobody else.
  const atOnce = blow.changesPrimary ? await lacking(scene, await successorOf(scene, node)) : [];
  // A frozen node is thawed also when interrupted, or it could not be stopped in good order.
  await pause(blow.downMs, signal);
  blow.mend(cluster, node);
  await moreRows(scene);
  const { acknowledged } = clients.ledger();
  // Up to the last row, so that the wait for the next one is not taken for an outage.
  const outage = outageMs(acknowledged, { fromMs, untilMs: acknowledged.at(-1)!.atMs });
  const primary = await whole(cluster, watcher);
  const wholeMs = performance.now() - fromMs;
  const missing = [...atOnce, ...await lacking(scene, primary)];
  return {
    blow: blow.name,
    outageMs: Math.round(outage ?? 0),
    wholeMs: Math.round(wholeMs),
    missing: [...new Set(missing)].sort((a, b) => a - b),
  };
}

/** The acknowledged rows that a primary does not have. */
async function lacking({ cluster, clients, signal }: Scene, node: DemoNode): Promise<number[]> {
  const ledger = clients.ledger();
  for (let attempt = 1;; attempt += 1) {
    try {
      return [...missingRows(ledger, await readRows(cluster.plan, node.databasePort))];
    } catch (error) {
      if (attempt === 5) throw new Fault(`${node.name} cannot be read: ${error}`);
      await pause(200, signal);
    }
  }
}

async function successorOf({ cluster, watcher }: Scene, node: DemoNode): Promise<DemoNode> {
  const waited = await watcher.waitFor({
    what: `another primary than ${node.name}`,
    limitMs: LIMIT_MS,
    until: ({ verdict, primary }) =>
      verdict === "writable" && primary !== node.name ? primary : null,
  });
  if (!waited.ok) throw new Fault(waited.because);
  return nodeNamed(cluster, waited.value.value);
}

/** The primary, once every standby streams and may be elected. */
async function whole(cluster: DemoCluster, watcher: Watcher): Promise<DemoNode> {
  const waited = await watcher.waitFor({
    what: "every standby to stream and be electable",
    limitMs: LIMIT_MS,
    until: settledPrimary,
    holdMs: WHOLE_MS,
  });
  if (!waited.ok) throw new Fault(waited.because);
  return nodeNamed(cluster, waited.value.value);
}

function nodeNamed({ plan }: DemoCluster, name: string): DemoNode {
  const node = plan.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) throw new Error(`There is no node ${name}.`);
  return node;
}

async function moreRows({ clients, signal }: Scene): Promise<void> {
  const from = clients.count();
  const startMs = performance.now();
  while (clients.count() < from + HEALTHY_ROWS) {
    if (performance.now() - startMs > LIMIT_MS) {
      throw new Fault(`No writes for ${LIMIT_MS} ms: ${clients.errors()}`);
    }
    if (!await pause(20, signal)) throw new Fault("Interrupted.");
  }
}
