/**
 * A demo cluster at work: agents as child processes, started, killed, started again, and stopped.
 *
 * An agent writes its log straight into its file, through a shell that replaces itself by the agent,
 * so that nothing depends on this process reading a pipe. The agents start PostgreSQL detached from
 * themselves; stopping therefore means agents first, so that none of them reacts, then the servers.
 * Agents that somebody started by hand in the cluster's folder are stopped like the demo's own.
 *
 * @module
 */
import { type ClusterView, createOperatorClient } from "../../agent/mod.ts";
import type { Config } from "../../config/mod.ts";
import { clusterAsker } from "../status.ts";
import type { DemoNode, DemoPlan } from "./plan.ts";
import {
  agentProcesses,
  clusterProcesses,
  describeProcess,
  listProcesses,
  postmasterOf,
  sendSignal,
  waitUntilGone,
} from "./processes.ts";

const AGENT_STOP_LIMIT_MS = 15_000;
const SERVER_STOP_LIMIT_MS = 15_000;
const KILL_LIMIT_MS = 5_000;

/** See the module. */
export interface DemoCluster {
  /** Where its nodes live. */
  readonly plan: DemoPlan;
  /** Starts a node's agent; does nothing where it is running. */
  readonly start: (node: DemoNode) => void;
  /** Ends a node's postmaster and agent, SIGKILL to both at once; its backends find out by themselves. */
  readonly killHost: (node: DemoNode) => void;
  /** Ends every process of these nodes as a host crash would: SIGKILL, all at once. */
  readonly killHosts: (...nodes: readonly DemoNode[]) => void;
  /** The exit code of an agent that ended; null where it runs or never ran. */
  readonly agentExit: (node: DemoNode) => number | null;
  /** Asks every node. */
  readonly look: () => Promise<ClusterView>;
  /**
   * Stops agents and servers in good order, then kills what is left, so that nothing remains.
   * Asked again, it gives the same answer.
   *
   * @returns a line for each process that had to be killed; a stop that works leaves none
   */
  readonly stop: () => Promise<readonly string[]>;
}

interface Agent {
  readonly pid: number;
  readonly ended: Promise<unknown>;
  exitCode: number | null;
}

/**
 * Takes charge of a cluster whose files are written; starts nothing yet.
 *
 * @param self the command that starts metako, see self.ts
 * @param config any node's configuration: how to ask the members
 */
export function openCluster(
  plan: DemoPlan,
  config: Config,
  self: readonly string[],
): DemoCluster {
  const agents = new Map<string, Agent>();
  const client = createOperatorClient(config, "metako demo");
  const running = (node: DemoNode) => {
    const agent = agents.get(node.name);
    return agent !== undefined && agent.exitCode === null ? agent : null;
  };
  const ours = () => clusterProcesses(plan, listProcesses(), Deno.pid);
  // Whatever ends this process in the middle must not leave a cluster behind that nobody watches.
  const emergency = () => {
    for (const process of ours()) sendSignal(process.pid, "SIGKILL");
  };
  globalThis.addEventListener("unload", emergency);
  const stop = async () => {
    for (const { pid } of agentProcesses(plan, ours())) askToEnd(pid, "SIGTERM");
    const unmoved = await waitUntilGone(
      () => agentProcesses(plan, ours()),
      AGENT_STOP_LIMIT_MS,
    );
    for (const { pid } of unmoved) sendSignal(pid, "SIGKILL");
    const processes = listProcesses();
    const postmasters = plan.nodes.flatMap((node) => postmasterOf(node.dataDir, processes) ?? []);
    for (const pid of postmasters) askToEnd(pid, "SIGINT");
    const remaining = await waitUntilGone(ours, SERVER_STOP_LIMIT_MS);
    for (const process of remaining) sendSignal(process.pid, "SIGKILL");
    await waitUntilGone(ours, KILL_LIMIT_MS);
    await Promise.all([...agents.values()].map((agent) => agent.ended));
    globalThis.removeEventListener("unload", emergency);
    client.close();
    return [...unmoved, ...remaining].map(describeProcess);
  };
  let stopped: Promise<readonly string[]> | null = null;

  return {
    plan,
    start: (node) => {
      if (running(node) === null) agents.set(node.name, spawnAgent(node, self));
    },
    killHost: (node) => {
      const postmaster = postmasterOf(node.dataDir, listProcesses());
      const agent = running(node);
      if (postmaster !== null) sendSignal(postmaster, "SIGKILL");
      if (agent !== null) sendSignal(agent.pid, "SIGKILL");
    },
    killHosts: (...nodes) => {
      for (const { pid } of clusterProcesses({ nodes }, listProcesses(), Deno.pid)) {
        sendSignal(pid, "SIGKILL");
      }
    },
    agentExit: (node) => agents.get(node.name)?.exitCode ?? null,
    look: clusterAsker(client, plan.nodes.map((node) => node.name)),
    stop: () => stopped ??= stop(),
  };
}

/** Asks a process to end; one that was stopped by a signal goes on, since it could not hear. */
function askToEnd(pid: number, signal: Deno.Signal): void {
  sendSignal(pid, signal);
  sendSignal(pid, "SIGCONT");
}

function spawnAgent(node: DemoNode, self: readonly string[]): Agent {
  const child = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      'log=$1; shift; exec "$@" >>"$log" 2>&1',
      "sh",
      node.logFile,
      ...node.host.enter,
      ...self,
      "run",
      "--config",
      node.configFile,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const agent: Agent = {
    pid: child.pid,
    exitCode: null,
    ended: child.status.then((status) => agent.exitCode = status.code),
  };
  return agent;
}
