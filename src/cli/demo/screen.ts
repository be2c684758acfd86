/**
 * The interactive demo: a table that follows the cluster, and what to do to see it move.
 *
 * On a terminal the screen is redrawn in place. Piped, a block is printed whenever something that a
 * person would call news has changed: not LSNs and leases, which change all the time.
 *
 * @module
 */
import { pause } from "../interrupt.ts";
import type { ClusterView } from "../../agent/mod.ts";
import { lookOn, renderCluster } from "../table.ts";
import { inPlace, type Terminal, tinted } from "../terminal.ts";
import type { DemoCluster } from "./cluster.ts";
import { prepareApplication } from "./database.ts";
import { DEMO_DATABASE, DEMO_ROLE, type DemoNode, LOOPBACK } from "./plan.ts";
import { agentOf, listProcesses, postmasterOf } from "./processes.ts";
import { settledPrimary } from "./watcher.ts";

const REDRAW_INTERVAL_MS = 1000;

/** Starts the agents and follows the cluster until the signal aborts. */
export async function followCluster(
  cluster: DemoCluster,
  terminal: Terminal,
  self: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const node of cluster.plan.nodes) cluster.start(node);
  const keys = terminal.interactive && Deno.stdin.isTerminal()
    ? listenForRestart(cluster, signal)
    : null;
  let ready = false;
  let shown = "";
  do {
    const view = await cluster.look();
    if (!ready && settledPrimary(view) !== null) {
      await prepareApplication(cluster.plan, cluster.plan.nodes[0]!.routerPort);
      ready = true;
    }
    const text = [
      `metako demo in ${cluster.plan.folder}`,
      "",
      renderCluster(view, lookOn(terminal)),
      "",
      ...advice(cluster, terminal, self, { ready, keys: keys !== null, view }),
    ].join("\n");
    if (terminal.interactive) {
      terminal.write(inPlace(text));
    } else if (news(view, cluster, ready) !== shown) {
      terminal.print(`${text}\n`);
    }
    shown = news(view, cluster, ready);
  } while (await pause(REDRAW_INTERVAL_MS, signal));
  await keys?.catch(() => {});
}

/** Lines below the table. */
function advice(
  cluster: DemoCluster,
  terminal: Terminal,
  self: readonly string[],
  state: { readonly ready: boolean; readonly keys: boolean; readonly view: ClusterView },
): readonly string[] {
  const { plan } = cluster;
  const { view } = state;
  if (!state.ready) {
    return [
      "Starting: the first primary is made, then copied to the others.",
      `If it does not come up, look at ${plan.folder}/NODE/agent.log.`,
    ];
  }
  const heading = (text: string) => tinted(text, "strong", terminal);
  const processes = listProcesses();
  const kills = plan.nodes.map((node) => {
    const pids = [agentOf(node.configFile, processes), postmasterOf(node.dataDir, processes)];
    const alive = pids.filter((pid) => pid !== null);
    const what = alive.length === 0 ? "(dead)" : `kill -9 ${alive.join(" ")}`;
    return `  ${node.name}: ${what}${node.name === view.primary ? "   (the primary)" : ""}`;
  });
  const program = self.map((word) => word.replace(/^file:\/\//, "")).join(" ");
  const config = plan.nodes[0]!.configFile;
  const answers = (node: DemoNode) =>
    view.nodes.some((answer) => answer.ok && answer.node === node.name);
  const target = plan.nodes.find((node) => answers(node) && node.name !== view.primary)?.name;
  // A dead node's router is dead too.
  const alive = plan.nodes.filter(answers);
  const [first, ...others] = [...alive, ...plan.nodes.filter((node) => !answers(node))]
    .map((node) => node.routerPort);
  return [
    "Commits wait for standbys, as durability says (quorum, the default).",
    heading("Try it, through any node's router:"),
    `  PGPASSWORD=${plan.secrets.application} psql -h ${LOOPBACK} -p ${first}` +
    ` -U ${DEMO_ROLE} -d ${DEMO_DATABASE}   (or -p ${others.join(", -p ")})`,
    heading("Look at it in a browser:"),
    `  http://${LOOPBACK}:${(alive[0] ?? plan.nodes[0]!).apiPort}/dashboard` +
    `   (to switch over there, cluster_secret stands in ${config})`,
    heading("See it move: kill the primary's agent and postmaster:"),
    ...kills,
    ...(target === undefined ? [] : [
      heading("Or change the primary on purpose:"),
      `  ${program} failover --to ${target} --config ${config}`,
    ]),
    "",
    state.keys
      ? "r and Enter starts killed nodes again. Ctrl-C stops everything."
      : `To start a killed node again: ${program} run --config ${plan.folder}/NODE/config.yaml\n` +
        "SIGINT or SIGTERM stops everything.",
  ];
}

/** What is worth a new block in piped output. */
function news(view: ClusterView, cluster: DemoCluster, ready: boolean): string {
  const nodes = view.nodes.map((answer) =>
    answer.ok
      ? [answer.node, answer.status.role, answer.status.state, answer.status.streaming]
      : [answer.node]
  );
  const processes = listProcesses();
  const pids = cluster.plan.nodes.map((node) => agentOf(node.configFile, processes));
  return JSON.stringify([ready, view.primary, view.term, nodes, pids]);
}

/** Reads lines from standard input; an "r" starts what is dead. */
async function listenForRestart(cluster: DemoCluster, signal: AbortSignal): Promise<void> {
  const reader = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
  signal.addEventListener("abort", () => void reader.cancel().catch(() => {}), { once: true });
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (value.trim().toLowerCase() !== "r") continue;
    const processes = listProcesses();
    for (const node of cluster.plan.nodes) {
      // Somebody may have started it by hand.
      if (agentOf(node.configFile, processes) === null) cluster.start(node);
    }
  }
}
