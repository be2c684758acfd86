/**
 * A new cluster as `metako config init` is told of it, and the configuration file of each node.
 *
 * Pure: answers and secrets in, text out.
 *
 * @module
 */

/** A member, and the address at which the others reach its host. */
export interface InitMember {
  readonly name: string;
  readonly host: string;
  /** It votes and has no PostgreSQL. */
  readonly witness: boolean;
}

/** What the files are made of. */
export interface InitPlan {
  readonly cluster: string;
  /** The first one is the first primary. */
  readonly members: readonly InitMember[];
  /** The application's database. */
  readonly database: string;
  /** All members on one host: a folder for each in here, ports counted up, `dataDir` without use. */
  readonly oneHost: string | null;
  readonly dataDir: string;
  /** The first member's ports, and every other's where each has a host of its own. */
  readonly databasePort: number;
  readonly apiPort: number;
  readonly routerPort: number;
  readonly secrets: InitSecrets;
}

/** What depends on which hosts there are, for one member. */
interface Place {
  readonly listen: string;
  readonly databasePort: number;
  readonly apiPort: number;
  readonly routerPort: number;
  readonly dataDir: string;
  /** null: the default. */
  readonly stateDir: string | null;
}

/** Fresh secrets, the same on all members. */
export interface InitSecrets {
  readonly cluster: string;
  readonly superuser: string;
  readonly replication: string;
}

/**
 * Reads `NAME=HOST`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseMember("node1=10.0.0.1", false), {
 *   name: "node1",
 *   host: "10.0.0.1",
 *   witness: false,
 * });
 * assert.equal(parseMember("10.0.0.1", false), null);
 * ```
 *
 * @returns null where it has another form
 */
export function parseMember(text: string, witness: boolean): InitMember | null {
  const match = /^([^=\s]+)=([^=\s]+)$/.exec(text.trim());
  return match === null ? null : { name: match[1]!, host: match[2]!, witness };
}

/**
 * Why no cluster can be made of these members; null where one can.
 *
 * @param oneHost whether all of them run on one host
 */
export function planObjection(members: readonly InitMember[], oneHost = false): string | null {
  const data = members.filter(({ witness }) => !witness);
  if (data.length < 1) return "name at least one member with PostgreSQL: --node NAME=HOST";
  for (const key of oneHost ? ["name"] as const : ["name", "host"] as const) {
    const values = members.map((member) => member[key]);
    const twice = values.find((value, index) => values.indexOf(value) !== index);
    if (twice !== undefined) {
      const way = key === "host" ? ". To try a cluster on one host, add --one-host FOLDER" : "";
      return `two members have the ${key} ${twice}: each needs its own${way}`;
    }
  }
  return null;
}

/** What the operator should think about; null where nothing. */
export function planAdvice(members: readonly InitMember[]): string | null {
  const data = members.filter(({ witness }) => !witness).length;
  if (members.length === 1) return "One member alone: nobody takes over when it fails.";
  if (members.length === 2 && data === 2) {
    return "Two members cannot tell a dead peer from a cut cable. Add a witness on a third host: " +
      "--witness NAME=HOST.";
  }
  if (members.length % 2 === 0) {
    return `${members.length} members survive the loss of no more of them than ${
      members.length - 1
    } do. Add a witness, or leave one out.`;
  }
  return null;
}

function placeOf(plan: InitPlan, member: InitMember): Place {
  const { databasePort, apiPort, routerPort, dataDir, oneHost } = plan;
  if (oneHost === null) {
    return { listen: "0.0.0.0", databasePort, apiPort, routerPort, dataDir, stateDir: null };
  }
  const nth = plan.members.indexOf(member);
  return {
    listen: member.host,
    databasePort: databasePort + nth,
    apiPort: apiPort + nth,
    routerPort: routerPort + nth,
    dataDir: `${oneHost}/${member.name}/data`,
    stateDir: `${oneHost}/${member.name}/state`,
  };
}

/** The configuration file of one member, with comments. */
export function renderConfig(plan: InitPlan, self: InitMember): string {
  const { cluster, members, secrets } = plan;
  const first = members.find(({ witness }) => !witness);
  const others = members.filter((member) => member !== self);
  const role = (member: InitMember) => member === first ? "primary" : "standby";
  const own = placeOf(plan, self);
  return [
    `# ${self.name} of the cluster ${cluster}. Keep it readable by the agent's user alone: it holds secrets.`,
    "# Every setting and its default: metako config check FILE, and the operations manual.",
    `cluster_name: ${quote(cluster)}`,
    "",
    "identity:",
    `  node_name: ${quote(self.name)}`,
    ...(self.witness ? ["  witness: true                  # it votes, and has no PostgreSQL"] : [
      `  local_db_host: ${quote(self.host)}   # where the other members reach this PostgreSQL`,
      `  local_db_port: ${own.databasePort}`,
    ]),
    `  api_host: ${
      quote(own.listen)
    }            # where this agent listens for members and operators`,
    `  api_port: ${own.apiPort}`,
    "",
    ...(self.witness ? [] : database(plan, own, role(self))),
    "# The other members; this one is not listed.",
    `cluster_members:${others.length === 0 ? " []" : ""}`,
    ...others.flatMap((member) => [
      `  - node_name: ${quote(member.name)}`,
      `    api_host: ${quote(member.host)}`,
      `    api_port: ${placeOf(plan, member).apiPort}`,
      member.witness ? "    witness: true" : `    role: ${quote(role(member))}`,
    ]),
    "",
    "security:",
    "  # Signs what members say to each other; the same on every member.",
    `  cluster_secret: ${quote(secrets.cluster)}`,
    "",
    ...(self.witness ? [] : [
      "replication:",
      '  durability: "quorum"           # commits wait for standbys while there are any; or strict, async',
      `  password: ${quote(secrets.replication)} # of the role that standbys stream with`,
      "",
    ]),
    "# Clients connect to this port on any member, and reach the present primary.",
    "router:",
    `  host: ${quote(own.listen)}`,
    `  port: ${own.routerPort}`,
    ...(self.witness ? [] : [
      "  local_socket: true             # this host's PostgreSQL is reached by its Unix socket",
    ]),
    "",
    ...(own.stateDir === null ? [] : [
      "# The agent's own files.",
      `state_dir: ${quote(own.stateDir)}`,
      "",
    ]),
  ].join("\n");
}

function database(plan: InitPlan, { databasePort, dataDir }: Place, role: string): string[] {
  return [
    "local_db:",
    '  host: "localhost"              # where this agent reaches its PostgreSQL',
    `  port: ${databasePort}`,
    `  role: ${quote(role)}                # the first primary is named; later ones are elected`,
    '  username: "postgres"',
    `  password: ${quote(plan.secrets.superuser)}`,
    `  database: ${quote(plan.database)}   # made at the first start`,
    `  data_dir: ${quote(dataDir)} # metako creates, starts, stops and clones it`,
    '  os_user: "postgres"            # who PostgreSQL runs as where the agent is root',
    "",
  ];
}

/** A text in double quotes, which YAML reads as JSON does. */
function quote(text: string): string {
  return JSON.stringify(text);
}
