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
import { logTails } from "./demo/folder.ts";
import { layOut } from "./demo/layout.ts";
import type { DemoPlan } from "./demo/plan.ts";
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
