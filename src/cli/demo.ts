/**
 * `metako demo`: a cluster of its own on this machine, to look at, or to be put to the test.
 *
 * Every server and every agent is a process of its own, as on real hosts; only the host is shared.
 * Whatever happens, no process is left behind. The folder goes too, unless the user named it or asked
 * to keep it, or a check failed and it holds the evidence.
 *
 * @module
 */
import { findPostgres } from "../agent/mod.ts";
import { type DemoCluster, openCluster } from "./demo/cluster.ts";
import { logTails, makeFolder, writeNodeFiles } from "./demo/folder.ts";
import { type DemoPlan, LOOPBACK, planDemo, PORTS_PER_NODE } from "./demo/plan.ts";
import { findFreePorts } from "./demo/ports.ts";
import { judge, renderReport } from "./demo/report.ts";
import { followCluster } from "./demo/screen.ts";
import { playScript } from "./demo/script.ts";
import { watchCluster } from "./demo/watcher.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { loadConfig } from "./load_config.ts";
import type { Terminal } from "./terminal.ts";

/** What the command line said. */
export interface DemoOptions {
  /** How many nodes. */
  readonly nodes: number;
  /** null: a temporary folder. */
  readonly folder: string | null;
  /** Keep the folder. */
  readonly keep: boolean;
  /** Play the script instead of following. */
  readonly check: boolean;
  /** Rows to be acknowledged before and after each event of the script. */
  readonly rows: number;
  /** Print the report as JSON. */
  readonly json: boolean;
}

/** Runs the demo; returns the exit code. */
export async function demoCommand(
  options: DemoOptions,
  context: { readonly terminal: Terminal; readonly self: readonly string[] },
): Promise<ExitCode> {
  const { terminal } = context;
  const found = await findPostgres();
  if (!found.ok) {
    terminal.complain(`Cannot start the demo. ${found.because}.`);
    return EXIT.failed;
  }
  const laid = await layOut(options, found.value.binDir);
  if (!laid.ok) {
    terminal.complain(laid.because);
    return EXIT.failed;
  }
  const { plan } = laid;
  const loaded = loadConfig(plan.nodes[0]!.configFile, terminal);
  if (!loaded.ok) return loaded.code;
  const cluster = openCluster(plan, loaded.config, context.self);
  const end = options.check
    ? await check(cluster, options, terminal)
    : await follow(cluster, context);
  await tidy(plan, options, end, terminal);
  return end === "good" ? EXIT.ok : EXIT.failed;
}

/** How the demo ended; after "bad" the folder may hold evidence. */
type End = "good" | "bad" | "interrupted";

type LaidOut =
  | { readonly ok: true; readonly plan: DemoPlan }
  | { readonly ok: false; readonly because: string };

async function layOut(options: DemoOptions, binDir: string): Promise<LaidOut> {
  // PostgreSQL refuses to run as root; its packages bring this user.
  const osUser = Deno.uid() === 0 ? "postgres" : null;
  const folder = await makeFolder(options.folder, osUser);
  if (!folder.ok) return folder;
  const wanted = options.nodes * PORTS_PER_NODE;
  const ports = findFreePorts(LOOPBACK, wanted);
  if (ports === null) {
    const because = `Cannot start the demo: ${wanted} free ports between 20000 and 32000 on` +
      ` ${LOOPBACK} are needed. Stop other listeners, or ask for fewer --nodes.`;
    return { ok: false, because };
  }
  const plan = planDemo({
    folder: folder.path,
    nodeCount: options.nodes,
    ports,
    binDir,
    osUser,
    secrets: {
      superuser: randomSecret(),
      replication: randomSecret(),
      application: randomSecret(),
      cluster: randomSecret() + randomSecret(),
    },
  });
  await writeNodeFiles(plan);
  return { ok: true, plan };
}

/** Plays the script and prints the report. */
async function check(
  cluster: DemoCluster,
  options: DemoOptions,
  terminal: Terminal,
): Promise<End> {
  const interrupt = listenForInterrupt();
  const watcher = watchCluster(cluster, interrupt.signal);
  const startMs = performance.now();
  const say = (text: string) =>
    terminal.complain(
      `${((performance.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${text}`,
    );
  try {
    const played = await playScript(cluster, {
      watcher,
      rows: options.rows,
      say,
      signal: interrupt.signal,
    });
    await watcher.stop();
    say("Stopping.");
    const report = { ...played, left_over: await cluster.stop() };
    const faults = judge(report);
    const result = { ...report, passed: faults.length === 0, faults };
    terminal.print(options.json ? JSON.stringify(result, null, 2) : renderReport(report));
    if (faults.length === 0) return "good";
    return interrupt.signal.aborted ? "interrupted" : "bad";
  } finally {
    await cluster.stop();
    interrupt.dispose();
  }
}

/** Follows the cluster until interrupted, which is its good end. */
async function follow(
  cluster: DemoCluster,
  context: { readonly terminal: Terminal; readonly self: readonly string[] },
): Promise<End> {
  const { terminal } = context;
  const interrupt = listenForInterrupt();
  let end: End = "good";
  try {
    await followCluster(cluster, terminal, context.self, interrupt.signal);
  } catch (error) {
    end = "bad";
    const reason = error instanceof Error ? error.message : String(error);
    terminal.complain(`The demo was cut short: ${reason}\n${logTails(cluster.plan)}`);
  } finally {
    terminal.print("Stopping agents and servers.");
    for (const line of await cluster.stop()) {
      end = "bad";
      terminal.complain(`Had to be killed: ${line}`);
    }
    interrupt.dispose();
  }
  return end;
}

async function tidy(
  plan: DemoPlan,
  options: DemoOptions,
  end: End,
  terminal: Terminal,
): Promise<void> {
  if (options.keep || options.folder !== null || end === "bad") {
    terminal.complain(`The folder is kept: ${plan.folder}`);
    return;
  }
  await Deno.remove(plan.folder, { recursive: true });
}

function randomSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
