/**
 * The plan of a demo cluster: which node lives in which folder on which ports, and the configuration
 * file that each agent is given.
 *
 * The files name no coordination setting, so the demo shows what the defaults do. Everything listens
 * on loopback; the passwords are random and belong to this one cluster.
 *
 * Pure: ports and secrets in, plan and text out.
 *
 * @module
 */
import { stringify } from "yaml";

/** What a node runs on. */
export interface DemoHost {
  /** Its address, as every node sees it. */
  readonly address: string;
  /** What a command starts with that is to run there; empty on this host. */
  readonly enter: readonly string[];
}

/** Where one node of the demo lives. */
export interface DemoNode {
  /** Its name in the cluster. */
  readonly name: string;
  /** Where its host is; loopback in the demo, whose nodes share one. */
  readonly host: DemoHost;
  /** It votes and routes, and has no PostgreSQL. */
  readonly witness: boolean;
  /** Absolute. */
  readonly folder: string;
  /** Its agent's configuration. */
  readonly configFile: string;
  /** Its agent's log. */
  readonly logFile: string;
  /** PostgreSQL's data directory. */
  readonly dataDir: string;
  /** The agent's own files. */
  readonly stateDir: string;
  /** Where PostgreSQL listens. */
  readonly databasePort: number;
  /** Where its agent listens. */
  readonly apiPort: number;
  /** Where clients connect. */
  readonly routerPort: number;
}

/** Passwords of one demo cluster. */
export interface DemoSecrets {
  /** Of the role that owns the servers. */
  readonly superuser: string;
  /** Of the role that standbys use. */
  readonly replication: string;
  /** Of the demo's clients. */
  readonly application: string;
  /** What the agents sign with. */
  readonly cluster: string;
}

/** A whole demo cluster. */
export interface DemoPlan {
  /** Absolute. */
  readonly folder: string;
  /** The first one is the first primary. */
  readonly nodes: readonly DemoNode[];
  /** Its passwords. */
  readonly secrets: DemoSecrets;
  /** PostgreSQL's programs. */
  readonly binDir: string;
  /** Who PostgreSQL runs as, where that is not who the agents run as. */
  readonly osUser: string | null;
  /** Sections that each node's file has besides, as `coordination`; empty in the demo. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** How many ports a node needs. */
export const PORTS_PER_NODE = 3;

/** The database and the role that the demo's clients use; the role is no superuser. */
export const DEMO_DATABASE = "demo";
/** See {@linkcode DEMO_DATABASE}. */
export const DEMO_ROLE = "demo_app";
/** The role that owns the servers. */
export const DEMO_SUPERUSER = "postgres";

/**
 * Lays out a cluster.
 *
 * @param options.nodeCount how many nodes, witnesses included
 * @param options.witnessCount how many of them, the last ones, are witnesses
 * @param options.hosts one per node; by default all are on loopback
 * @param options.ports at least {@linkcode PORTS_PER_NODE} free ports for each node
 * @throws RangeError where there are too few ports
 */
export function planDemo(
  options: Omit<DemoPlan, "nodes"> & {
    readonly nodeCount: number;
    readonly witnessCount: number;
    readonly hosts?: readonly DemoHost[];
    readonly ports: readonly number[];
  },
): DemoPlan {
  const { nodeCount, witnessCount, hosts = [], ports, ...rest } = options;
  if (ports.length < nodeCount * PORTS_PER_NODE) {
    throw new RangeError(
      `Cannot plan ${nodeCount} nodes: ${nodeCount * PORTS_PER_NODE} ports are needed,` +
        ` ${ports.length} given.`,
    );
  }
  const nodes = Array.from({ length: nodeCount }, (_, index): DemoNode => {
    const folder = `${options.folder}/node${index + 1}`;
    const [databasePort, apiPort, routerPort] = ports.slice(index * PORTS_PER_NODE);
    return {
      name: `node${index + 1}`,
      host: hosts[index] ?? THIS_HOST,
      witness: index >= nodeCount - witnessCount,
      folder,
      configFile: `${folder}/config.yaml`,
      logFile: `${folder}/agent.log`,
      dataDir: `${folder}/data`,
      stateDir: `${folder}/state`,
      databasePort: databasePort!,
      apiPort: apiPort!,
      routerPort: routerPort!,
    };
  });
  return { ...rest, nodes };
}

/** The configuration file of one node, as YAML. It holds passwords. */
export function renderNodeConfig(plan: DemoPlan, node: DemoNode): string {
  const role = (of: DemoNode) => of.name === plan.nodes[0]?.name ? "primary" : "standby";
  return stringify({
    cluster_name: "metako-demo",
    identity: {
      node_name: node.name,
      local_db_host: node.host.address,
      local_db_port: node.databasePort,
      api_host: node.host.address,
      api_port: node.apiPort,
      ...(node.witness ? { witness: true } : {}),
    },
    local_db: {
      username: DEMO_SUPERUSER,
      password: plan.secrets.superuser,
      // A witness has a login alone, so that its router can check passwords.
      ...(node.witness ? {} : {
        name: node.name,
        host: LOOPBACK,
        port: node.databasePort,
        role: role(node),
        database: DEMO_DATABASE,
        data_dir: node.dataDir,
        bin_dir: plan.binDir,
        ...(plan.osUser === null ? {} : { os_user: plan.osUser }),
      }),
    },
    cluster_members: plan.nodes.filter((other) => other.name !== node.name).map((other) => ({
      node_name: other.name,
      api_host: other.host.address,
      api_port: other.apiPort,
      ...(other.witness ? { witness: true } : { role: role(other) }),
    })),
    replication: { user: "metako_replicator", password: plan.secrets.replication },
    router: { host: node.host.address, port: node.routerPort, local_socket: true },
    security: { cluster_secret: plan.secrets.cluster },
    state_dir: node.stateDir,
    ...plan.settings,
  });
}

/** Where everything of the demo listens. */
export const LOOPBACK = "127.0.0.1";

const THIS_HOST: DemoHost = { address: LOOPBACK, enter: [] };
