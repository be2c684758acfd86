/**
 * A demo cluster of three under pgbench while its primary goes: on purpose, by a killed PostgreSQL, or
 * with its whole host. pgbench connects through the router of a node that is not touched.
 *
 * @module
 */
import { findPostgres } from "../../src/agent/mod.ts";
import { type DemoCluster, openCluster } from "../../src/cli/demo/cluster.ts";
import { prepareApplication } from "../../src/cli/demo/database.ts";
import { layOut } from "../../src/cli/demo/layout.ts";
import {
  DEMO_DATABASE,
  DEMO_ROLE,
  type DemoNode,
  type DemoPlan,
  LOOPBACK,
} from "../../src/cli/demo/plan.ts";
import { listProcesses, postmasterOf, sendSignal } from "../../src/cli/demo/processes.ts";
import { settledPrimary, watchCluster, type Watcher } from "../../src/cli/demo/watcher.ts";
import { loadConfig } from "../../src/cli/load_config.ts";
import { countWork, missingWork, readWork } from "./ledger.ts";

/** How the primary goes. */
export type Going = "switchover" | "postgres killed" | "host killed";
/** What pgbench does. */
export type Load = "TPC-B" | "TPC-B with pauses" | "reads";

/** What is played. */
export interface Play {
  readonly going: Going;
  readonly load: Load;
}

/** All that is played, in this order. */
export const PLAYS: readonly Play[] = [
  { going: "switchover", load: "TPC-B" },
  { going: "switchover", load: "reads" },
  { going: "postgres killed", load: "TPC-B" },
  { going: "postgres killed", load: "TPC-B with pauses" },
  { going: "postgres killed", load: "reads" },
  { going: "host killed", load: "TPC-B with pauses" },
  { going: "host killed", load: "reads" },
];

/** How a play went. */
export interface Played {
  /** Transactions acknowledged, and how many of them are not on the last primary. */
  readonly acknowledged: number;
  readonly missing: readonly string[];
  readonly longestMs: number;
  /** What each session read that did not survive. */
  readonly ended: readonly string[];
}

/** How much pgbench does; the primary goes half way through. */
export interface Size {
  readonly seconds: number;
  readonly clients: number;
}

/** A cluster to play on. */
export interface Stage {
  play(play: Play, size: Size): Promise<Played>;
  stop(): Promise<void>;
}

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const SELF = [Deno.execPath(), "run", "--quiet", "--no-prompt", "-A", MAIN];
/** For what `metako` might say while its configuration is read. */
const TERMINAL = {
  print: console.error,
  complain: console.error,
  write: () => {},
  interactive: false,
  colour: false,
};
const LIMIT_MS = 120_000;
const SCALE = 10;

/** TPC-B as pgbench knows it, with the name of each transaction in the history's filler. */
const TPC_B = `\\set aid random(1, 100000 * ${SCALE})
\\set bid random(1, ${SCALE})
\\set tid random(1, 10 * ${SCALE})
\\set delta random(-5000, 5000)
\\set n :n + 1
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime, filler)
  VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP, :client_id || '/' || :n);
END;
`;
/** Between its transactions a session thinks, so that it is outside of one for much of the time. */
const THINKING = "\\set think random(0, 500)\n\\sleep :think ms\n";

/** Starts a cluster with pgbench's tables. @throws Error where it does not come up */
export async function openStage(): Promise<Stage> {
  const found = await findPostgres();
  if (!found.ok) throw new Error(found.because);
  const laid = await layOut({ nodes: 3, folder: null }, found.value.binDir);
  if (!laid.ok) throw new Error(laid.because);
  const { plan } = laid;
  const loaded = loadConfig(plan.nodes[0]!.configFile, TERMINAL);
  if (!loaded.ok) throw new Error("The demo's configuration does not load.");
  const cluster = openCluster(plan, loaded.config, SELF);
  const ending = new AbortController();
  const watcher = watchCluster(cluster, ending.signal);
  const stop = async () => {
    ending.abort();
    await watcher.stop();
    await cluster.stop();
    await Deno.remove(plan.folder, { recursive: true });
  };
  try {
    for (const node of plan.nodes) cluster.start(node);
    await settled(watcher);
    const { routerPort } = plan.nodes[0]!;
    await prepareApplication(plan, routerPort);
    await client(plan, "pgbench", routerPort, ["-i", "-q", "-s", String(SCALE)]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { play: (play, size) => playOne(cluster, watcher, play, size), stop };
}

async function playOne(
  cluster: DemoCluster,
  watcher: Watcher,
  { going, load }: Play,
  { seconds, clients }: Size,
): Promise<Played> {
  const { plan } = cluster;
  const primary = nodeNamed(plan, await settled(watcher));
  const [target, through] = plan.nodes.filter((node) => node !== primary);
  const folder = await Deno.makeTempDir({ prefix: "metako-outlive-" });
  try {
    const script = `${folder}/tpcb.sql`;
    const thinks = load === "TPC-B with pauses";
    await Deno.writeTextFile(script, thinks ? TPC_B + THINKING : TPC_B);
    await client(plan, "psql", through!.routerPort, ["-c", "TRUNCATE pgbench_history"]);
    const what = load === "reads" ? ["-S"] : ["-f", script, "-D", "n=0"];
    const size = ["-n", "-c", String(clients), "-j", "2", "-T", String(seconds)];
    const log = ["-l", `--log-prefix=${folder}/work`];
    const working = client(plan, "pgbench", through!.routerPort, [...size, ...what, ...log]);
    await new Promise((resolve) => setTimeout(resolve, seconds * 500));
    await go(cluster, going, primary, target!);
    const { stderr } = await working;
    const logs = [...Deno.readDirSync(folder)].filter(({ name }) => name.startsWith("work"))
      .map(({ name }) => Deno.readTextFileSync(`${folder}/${name}`));
    const { acknowledged, longestMs, ended } = readWork(logs, stderr);
    cluster.start(primary);
    const last = nodeNamed(plan, await settled(watcher));
    const rows = load === "reads" ? null : await writtenTo(plan, last);
    const missing = rows === null ? [] : missingWork(acknowledged, rows);
    return { acknowledged: countWork(acknowledged), missing, longestMs, ended };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function go(
  cluster: DemoCluster,
  going: Going,
  primary: DemoNode,
  target: DemoNode,
): Promise<void> {
  if (going === "host killed") return cluster.killHosts(primary);
  if (going === "postgres killed") {
    const postmaster = postmasterOf(primary.dataDir, listProcesses());
    if (postmaster === null) throw new Error(`${primary.name} runs no PostgreSQL.`);
    sendSignal(postmaster, "SIGKILL");
    return;
  }
  const args = ["failover", "--config", target.configFile, "--to", target.name];
  const { code, stderr } = await output([...SELF, ...args]);
  if (code !== 0) throw new Error(`The switchover failed: ${stderr}`);
}

/** What the history of a server holds, as `session/number`. */
async function writtenTo(plan: DemoPlan, { databasePort }: DemoNode): Promise<ReadonlySet<string>> {
  const query = "SELECT DISTINCT trim(filler) FROM pgbench_history";
  const { stdout } = await client(plan, "psql", databasePort, ["-At", "-c", query]);
  return new Set(stdout.split("\n"));
}

/** Runs one of PostgreSQL's own clients as the demo's application. @throws where psql fails */
async function client(
  plan: DemoPlan,
  program: "psql" | "pgbench",
  port: number,
  args: readonly string[],
): Promise<Output> {
  const where = ["-h", LOOPBACK, "-p", String(port), "-U", DEMO_ROLE, DEMO_DATABASE];
  const env = { PGPASSWORD: plan.secrets.application };
  const ran = await output([`${plan.binDir}/${program}`, ...args, ...where], env);
  // pgbench ends with 2 where a session did not survive, which is what is looked for.
  if (ran.code !== 0 && !(program === "pgbench" && ran.code === 2)) {
    throw new Error(`${program} failed: ${ran.stderr}`);
  }
  return ran;
}

interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function output(
  [program, ...args]: readonly string[],
  env: Record<string, string> = {},
): Promise<Output> {
  const { code, stdout, stderr } = await new Deno.Command(program!, { args, env }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Waits until every standby streams and may be elected. @returns the primary's name */
async function settled(watcher: Watcher): Promise<string> {
  const arrival = await watcher.waitFor({
    what: "every standby to stream and be electable",
    limitMs: LIMIT_MS,
    until: settledPrimary,
    holdMs: 1000,
  });
  if (!arrival.ok) throw new Error(arrival.because);
  return arrival.value.value;
}

function nodeNamed({ nodes }: DemoPlan, name: string): DemoNode {
  return nodes.find((node) => node.name === name) ?? raise(`There is no node ${name}.`);
}

function raise(message: string): never {
  throw new Error(message);
}
