/**
 * The keys of a configuration file, by section, with the kind of each.
 *
 * Every key is optional here: which ones must be set depends on others (a witness has no
 * database), and rules.ts says so. Keys that are not listed are refused.
 *
 * @module
 */
import * as z from "zod";
import {
  absolutePath,
  choice,
  command,
  duration,
  flag,
  host,
  hostsAndPorts,
  identifier,
  identifiers,
  integer,
  name,
  origins,
  port,
  ratio,
  size,
  text,
  textLike,
} from "./fields.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** The older words of the field are accepted here, and appear nowhere else. */
const role = () =>
  choice({
    primary: "primary",
    standby: "standby",
    replica: "standby",
    master: "primary",
    slave: "standby",
  });

const priority = () => integer(0, 1000);

/** Short secrets are guessed; a previous one is taken as it was. */
const clusterSecret = () =>
  textLike(
    /^.{16,}$/u,
    "must have at least 16 characters",
    "Generate one with: openssl rand -hex 32",
  );

const section = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape).optional();

/** The whole file. */
export const fileSchema = z.strictObject({
  cluster_name: name(),
  identity: section({
    node_name: name(),
    local_db_host: host(),
    local_db_port: port(),
    api_host: host(),
    api_port: port(),
    priority: priority(),
    nofailover: flag(),
    witness: flag(),
  }),
  local_db: section({
    name: text(),
    host: host(),
    port: port(),
    role: role(),
    username: identifier(),
    password: text(),
    password_file: text(),
    database: identifier(),
    data_dir: absolutePath(),
    bin_dir: absolutePath(),
    os_user: textLike(
      /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/,
      "must be the name of an operating system user",
      "Write the user's name, not its number.",
    ),
  }),
  cluster_members: z.array(section({
    node_name: name(),
    api_host: host(),
    api_port: port(),
    role: role(),
    priority: priority(),
    nofailover: flag(),
    witness: flag(),
  })).optional(),
  coordination: section({
    cluster_mode: section({
      heartbeat_interval: duration(10, 5 * MINUTE_MS),
      communication_timeout: duration(10, HOUR_MS),
      failover_timeout: duration(30, 10 * MINUTE_MS),
      fence_margin: duration(0, 10 * MINUTE_MS),
      agent_silence_timeout: duration(0, HOUR_MS),
      min_consensus_nodes: integer(1, 31),
      local_node_preference: ratio(),
    }),
    pair_mode: section({
      enable: flag(),
      failover_delay: duration(0, HOUR_MS),
      failure_threshold: integer(1, 1000),
      witness_addresses: hostsAndPorts(),
      when_alone: choice({ serve: "serve", fence: "fence" }),
    }),
  }),
  health_check: section({
    interval: duration(100, HOUR_MS),
    timeout: duration(10, HOUR_MS),
    failure_threshold: integer(1, 1000),
  }),
  load_balancer: section({
    algorithm: choice({ round_robin: "round_robin", least_connected: "least_connected" }),
    read_timeout: duration(1, 24 * HOUR_MS),
    write_timeout: duration(1, 24 * HOUR_MS),
  }),
  security: section({
    tls_enabled: flag(),
    cert_file: text(),
    key_file: text(),
    ca_file: text(),
    cluster_secret: clusterSecret(),
    cluster_secret_file: text(),
    previous_cluster_secret: text(),
    previous_cluster_secret_file: text(),
    pages_open_to: choice({ nobody: "nobody", this_host: "this_host", everybody: "everybody" }),
    read_token: clusterSecret(),
    read_token_file: text(),
  }),
  replication: section({
    user: identifier(),
    password: text(),
    password_file: text(),
    durability: choice({ strict: "strict", quorum: "quorum", async: "async" }),
    synchronous_standbys: integer(1, 30),
    maximum_lag_on_failover: size(),
    rejoin: choice({ rewind: "rewind", clone: "clone", refuse: "refuse" }),
    slot_retention: size(),
  }),
  router: section({
    host: host(),
    port: port(),
    primary_port: port(),
    read_only_port: port(),
    maximum_connections: integer(1, 100_000),
    maximum_connections_per_user: integer(1, 100_000),
    maximum_pending_per_address: integer(1, 100_000),
    maximum_waiting: integer(0, 100_000),
    allow_trusted_backend: flag(),
    tls: choice({ allow: "allow", require: "require" }),
    authentication: choice({ verify: "verify", relay: "relay" }),
    backend_tls: choice({
      disable: "disable",
      prefer: "prefer",
      require: "verify-ca",
      "verify-ca": "verify-ca",
      "verify-full": "verify-full",
    }),
    backend_ca_file: text(),
    local_socket: flag(),
    allow: z.array(section({
      action: choice({ allow: "allow", reject: "reject" }),
      networks: origins(),
      databases: identifiers(),
      users: identifiers(),
      privileged: flag(),
    })).optional(),
    splitting: flag(),
    idle_timeout: duration(0, 24 * HOUR_MS),
    idle_in_transaction_timeout: duration(0, 24 * HOUR_MS),
    query_timeout: duration(0, 24 * HOUR_MS),
    read_consistency: choice({ session: "session", eventual: "eventual" }),
    maximum_read_lag: size(),
    opaque_sessions: choice({ pin: "pin", trust: "trust" }),
  }),
  hooks: section({
    before_promotion: command(),
    on_role_change: command(),
    after_failover: command(),
    on_lost_durability: command(),
    timeout: duration(100, MINUTE_MS),
    veto_limit: duration(0, HOUR_MS),
  }),
  watchdog: section({
    device: absolutePath(),
    required: flag(),
  }),
  state_dir: absolutePath(),
  log: section({
    level: choice({ debug: "debug", info: "info", warning: "warning", error: "error" }),
  }),
});

/** What a file sets, checked key by key; whatever it does not set is undefined. */
export type FileValues = z.infer<typeof fileSchema>;

/**
 * Every key that a file may have, as `section.key`; keys of list items as `cluster_members[].role`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.ok(knownKeys().includes("coordination.pair_mode.enable"));
 * assert.ok(knownKeys().includes("cluster_members[].role"));
 * ```
 */
export function knownKeys(): readonly string[] {
  return keysOf(fileSchema, "");
}

function keysOf(schema: unknown, path: string): string[] {
  if (schema instanceof z.ZodOptional) return keysOf(schema.unwrap(), path);
  if (schema instanceof z.ZodArray) return [path, ...keysOf(schema.element, `${path}[]`).slice(1)];
  if (!(schema instanceof z.ZodObject)) return [path];
  const inner = Object.entries(schema.shape).flatMap(([key, value]) =>
    keysOf(value, path === "" ? key : `${path}.${key}`)
  );
  return path === "" ? inner : [path, ...inner];
}
