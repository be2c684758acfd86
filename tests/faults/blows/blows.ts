/**
 * What can be done to a node of a demo cluster, by name.
 *
 * @module
 */
import type { DemoCluster } from "../../../src/cli/demo/cluster.ts";
import type { DemoNode } from "../../../src/cli/demo/plan.ts";
import {
  listProcesses,
  postmasterOf,
  sendSignal,
  worksIn,
} from "../../../src/cli/demo/processes.ts";

/** One way to hurt a node. */
export interface Blow {
  readonly name: string;
  /** Strikes. */
  strike(cluster: DemoCluster, node: DemoNode): void;
  /** How long the node is left like that once writes go on again. */
  readonly downMs: number;
  /** Undoes it: what a supervisor, an operator or a rebooted host would do. */
  mend(cluster: DemoCluster, node: DemoNode): void;
  /** False where the same node is meant to stay primary. */
  readonly changesPrimary: boolean;
}

const START = (cluster: DemoCluster, node: DemoNode) => cluster.start(node);

/** The primary's host crashes, and is rebooted once another node is primary. */
export const HOST: Blow = {
  name: "host",
  strike: (cluster, node) => cluster.killHosts(node),
  downMs: 0,
  mend: START,
  changesPrimary: true,
};

/** The hosts of the primary and of one standby crash in the same moment. */
export const TWO_HOSTS: Blow = {
  name: "two-hosts",
  strike: (cluster, node) => cluster.killHosts(node, neighbourOf(cluster, node)),
  downMs: 0,
  mend(cluster, node) {
    cluster.start(node);
    cluster.start(neighbourOf(cluster, node));
  },
  changesPrimary: true,
};

/** The next data node, round the circle. */
function neighbourOf(cluster: DemoCluster, node: DemoNode): DemoNode {
  const nodes = cluster.plan.nodes.filter(({ witness }) => !witness);
  return nodes[(nodes.indexOf(node) + 1) % nodes.length]!;
}

/** Blows to one host, in the order in which they are dealt. */
export const BLOWS: readonly Blow[] = [
  HOST,
  {
    name: "postmaster",
    strike(_, node) {
      const pid = postmasterOf(node.dataDir, listProcesses());
      if (pid !== null) sendSignal(pid, "SIGKILL");
    },
    downMs: 0,
    mend: () => {},
    changesPrimary: true,
  },
  {
    name: "agent",
    strike: (_, node) => signalAgent(node, "SIGKILL"),
    downMs: 500,
    mend: START,
    changesPrimary: false,
  },
  {
    name: "frozen-agent",
    strike: (_, node) => signalAgent(node, "SIGSTOP"),
    downMs: 4000,
    mend: (_, node) => signalAgent(node, "SIGCONT"),
    // The others bear with it for longer, and write to its PostgreSQL.
    changesPrimary: false,
  },
  {
    name: "frozen-host",
    strike(_, node) {
      signalAgent(node, "SIGSTOP");
      signalServer(node, "SIGSTOP");
    },
    downMs: 4000,
    mend(_, node) {
      signalServer(node, "SIGCONT");
      signalAgent(node, "SIGCONT");
    },
    changesPrimary: true,
  },
];

/** An agent is whatever was started with the node's configuration file. */
function signalAgent(node: DemoNode, signal: Deno.Signal): void {
  for (const process of listProcesses()) {
    if (process.args.includes(node.configFile)) sendSignal(process.pid, signal);
  }
}

function signalServer(node: DemoNode, signal: Deno.Signal): void {
  for (const process of listProcesses()) {
    if (worksIn(process, node.dataDir)) sendSignal(process.pid, signal);
  }
}
