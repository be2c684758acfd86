/**
 * A real cluster whose nodes live on hosts of their own: agents, PostgreSQL, routers.
 *
 * @module
 */
import { findPostgres } from "../../src/agent/mod.ts";
import { type DemoCluster, openCluster } from "../../src/cli/demo/cluster.ts";
import { makeFolder, writeNodeFiles } from "../../src/cli/demo/folder.ts";
import {
  DEMO_DATABASE,
  DEMO_ROLE,
  DEMO_SUPERUSER,
  type DemoNode,
  type DemoPlan,
  LOOPBACK,
  planDemo,
} from "../../src/cli/demo/plan.ts";
import { settledPrimary, watchCluster, type Watcher } from "../../src/cli/demo/watcher.ts";
import { loadConfig } from "../../src/cli/load_config.ts";
import { READ_ONLY_PORT } from "./clients.ts";
import { createNetwork, enter, type Host, type Network, run } from "./network.ts";

/** What kind of cluster a scenario wants. */
export interface Shape {
  readonly name: string;
  /** Nodes, witnesses included. */
  readonly nodes: number;
  readonly witnesses: number;
  /** Sections of every node's configuration file. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What the command of a node's agent begins with besides, by the node's number from 0. */
  readonly wrap?: (index: number, folder: string) => readonly string[];
  /** Makes more of the hosts before anything starts there; undoes it at the end. */
  readonly furnish?: (plan: DemoPlan) => Promise<() => Promise<void>>;
}

/** The cluster, and what it stands on. */
export interface World {
  readonly shape: Shape;
  readonly network: Network;
  readonly cluster: DemoCluster;
  readonly plan: DemoPlan;
  readonly watcher: Watcher;
  readonly hostOf: (node: DemoNode) => Host;
  /** Runs metako on a node's host, with its configuration file. */
  readonly metako: (node: DemoNode, args: readonly string[]) => ReturnType<typeof run>;
  /** Asks a node's PostgreSQL on its host, past the router, as superuser: lines of text. */
  readonly ask: (node: DemoNode, sql: string) => Promise<readonly string[]>;
  /** @returns a line for each process that had to be killed */
  readonly close: () => Promise<readonly string[]>;
}

const PORTS = [5432, 8080, 6432];
const SELF = [
  Deno.execPath(),
  "run",
  "--quiet",
  "--no-prompt",
  "-A",
  new URL("../../main.ts", import.meta.url).pathname,
];

/** Opens hosts and starts a cluster on them; it is whole when this resolves. */
export async function openWorld(shape: Shape, signal: AbortSignal): Promise<World> {
  const found = await findPostgres();
  if (!found.ok) throw new Error(found.because);
  const network = await createNetwork(shape.nodes);
  const folder = await makeFolder(null, "postgres");
  if (!folder.ok) throw new Error(folder.because);
  const plan = planDemo({
    folder: folder.path,
    nodeCount: shape.nodes,
    witnessCount: shape.witnesses,
    hosts: network.hosts.map((host, index) => ({
      address: host.address,
      enter: [...enter(host), ...shape.wrap?.(index, folder.path) ?? []],
    })),
    ports: network.hosts.flatMap(() => PORTS),
    binDir: found.value.binDir,
    osUser: "postgres",
    settings: {
      router: { host: "0.0.0.0", port: PORTS[2], read_only_port: READ_ONLY_PORT },
      ...shape.settings,
    },
    secrets: {
      superuser: crypto.randomUUID(),
      replication: crypto.randomUUID(),
      application: crypto.randomUUID(),
      cluster: crypto.randomUUID(),
    },
  });
  await writeNodeFiles(plan);
  const clear = await shape.furnish?.(plan);
  const loaded = loadConfig(plan.nodes[0]!.configFile, { complain: console.error });
  if (!loaded.ok) throw new Error("The cluster's configuration does not load.");
  const cluster = openCluster(plan, loaded.config, SELF);
  const watcher = watchCluster(cluster, signal);
  const hostOf = (node: DemoNode) => network.hosts[plan.nodes.indexOf(node)]!;
  const ask = async (node: DemoNode, sql: string) => {
    const address = `host=${LOOPBACK} port=${node.databasePort} dbname=${DEMO_DATABASE} ` +
      `user=${DEMO_SUPERUSER} password=${plan.secrets.superuser} connect_timeout=5`;
    const command = [...enter(hostOf(node)), `${plan.binDir}/psql`, address, "-XAtq", "-f", "-"];
    const { code, text } = await run(command, sql);
    if (code !== 0) throw new Error(`psql on ${node.name} failed: ${text}`);
    return text.split("\n").filter((line) => line !== "");
  };
  const world: World = {
    shape,
    network,
    cluster,
    plan,
    watcher,
    hostOf,
    ask,
    metako: (node, args) =>
      run([...enter(hostOf(node)), ...SELF, ...args, "--config", node.configFile]),
    async close() {
      await network.heal();
      await watcher.stop();
      const left = await cluster.stop();
      await network.close();
      await clear?.();
      return left;
    },
  };
  try {
    for (const node of plan.nodes) cluster.start(node);
    await untilWhole(world);
    await prepare(world);
    return world;
  } catch (error) {
    await world.close();
    if (signal.aborted) await Deno.remove(plan.folder, { recursive: true });
    throw error;
  }
}

/**
 * Waits until every member is there and may take over.
 *
 * @returns the primary's name
 * @throws Error with what `status` and the logs say
 */
export async function untilWhole({ watcher }: World, limitMs = 120_000): Promise<string> {
  const arrival = await watcher.waitFor({
    what: "a primary, and every other data node streaming and electable",
    limitMs,
    until: settledPrimary,
    holdMs: 600,
  });
  if (!arrival.ok) throw new Error(arrival.because);
  return arrival.value.value;
}

async function prepare(world: World): Promise<void> {
  const { plan } = world;
  await world.ask(
    plan.nodes[0]!,
    `SET log_min_error_statement = panic;
     CREATE ROLE ${DEMO_ROLE} LOGIN PASSWORD '${plan.secrets.application}';
     CREATE SCHEMA ${DEMO_ROLE} AUTHORIZATION ${DEMO_ROLE};
     CREATE TABLE ${DEMO_ROLE}.numbered_row (
       number bigint PRIMARY KEY, written_at timestamptz NOT NULL DEFAULT clock_timestamp());
     ALTER TABLE ${DEMO_ROLE}.numbered_row OWNER TO ${DEMO_ROLE};`,
  );
}

/** The rows that a node holds. */
export async function rowsOf(world: World, node: DemoNode): Promise<ReadonlySet<number>> {
  const lines = await world.ask(node, `SELECT number FROM ${DEMO_ROLE}.numbered_row;`);
  return new Set(lines.map(Number));
}
