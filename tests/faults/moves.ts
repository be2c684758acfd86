/**
 * What scenarios do to hosts: signals to their processes, and cuts in their network.
 *
 * @module
 */
import { agentOf, listProcesses, postmasterOf, sendSignal } from "../../src/cli/demo/processes.ts";
import type { DemoNode } from "../../src/cli/demo/plan.ts";
import type { Drop } from "./network.ts";
import type { Stage } from "./scenario.ts";
import type { World } from "./world.ts";

/** A signal to a node's agent alone. */
export function signalAgent(node: DemoNode, signal: Deno.Signal): void {
  const pid = agentOf(node.configFile, listProcesses());
  if (pid === null) throw new Error(`No agent runs on ${node.name}`);
  sendSignal(pid, signal);
}

/** A signal to a node's postmaster alone. */
export function signalPostmaster(node: DemoNode, signal: Deno.Signal): void {
  const pid = postmasterOf(node.dataDir, listProcesses());
  if (pid === null) throw new Error(`No postmaster runs on ${node.name}`);
  sendSignal(pid, signal);
}

/** A signal to everything that runs on these hosts, in one go. */
export async function signalHosts(
  world: World,
  nodes: readonly DemoNode[],
  signal: Deno.Signal,
): Promise<void> {
  const pids = await Promise.all(nodes.map((node) => world.network.pids(world.hostOf(node))));
  for (const pid of pids.flat()) sendSignal(pid, signal);
}

/** Starts agents that were killed just now: they have to be gone before they start again. */
export async function startAgain({ cluster }: World, nodes: readonly DemoNode[]): Promise<void> {
  for (const node of nodes) {
    while (cluster.agentExit(node) === null) await new Promise((go) => setTimeout(go, 2));
    cluster.start(node);
  }
}

/** Kills the primary's host, and starts it again once another node is primary. */
export async function killTheHost({ world, primary, untilPrimary }: Stage): Promise<void> {
  await signalHosts(world, [primary], "SIGKILL");
  await untilPrimary(primary);
  world.cluster.start(primary);
}

/** Nothing from or to the host gets through any more; it does not see its cable pulled. */
export async function isolate(world: World, node: DemoNode): Promise<void> {
  await world.network.drop(world.hostOf(node), [
    everything("arriving", null),
    everything("leaving", null),
  ]);
}

/** What `from` sends to these nodes is lost; what they send to it arrives. */
export async function cutOneWay(
  world: World,
  from: DemoNode,
  to: readonly DemoNode[],
): Promise<void> {
  for (const node of to) {
    await world.network.drop(world.hostOf(node), [everything("arriving", from.host.address)]);
  }
}

/** One port between a node and the others is cut: of agents, or of PostgreSQL. */
export async function cutPort(
  world: World,
  node: DemoNode,
  port: "apiPort" | "databasePort",
): Promise<void> {
  const others = world.plan.nodes.filter((other) => other !== node);
  await world.network.drop(
    world.hostOf(node),
    others.flatMap((other): Drop[] =>
      (["arriving", "leaving"] as const).map((way) => ({
        way,
        peer: other.host.address,
        port: node[port],
        percent: 100,
      }))
    ),
  );
}

/** So many packets of a hundred that arrive at any host are lost. */
export async function losePackets(world: World, percent: number): Promise<void> {
  for (const host of world.network.hosts) {
    await world.network.drop(host, [{ way: "arriving", peer: null, port: null, percent }]);
  }
}

/** Connects what was cut. */
export async function heal(world: World): Promise<void> {
  await world.network.heal();
}

function everything(way: Drop["way"], peer: string | null): Drop {
  return { way, peer, port: null, percent: 100 };
}
