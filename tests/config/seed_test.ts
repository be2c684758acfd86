/**
 * The sample configuration that the project began with: it loads as it is, and each of its keys
 * changes the configuration.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { parse as yaml } from "yaml";
import { type Config, parseConfig } from "../../src/config/mod.ts";
import { config } from "./support.ts";

const FILE = "configs/config.yaml";
const SEED = Deno.readTextFileSync(new URL(`../../${FILE}`, import.meta.url));

function load(text: string): Config {
  return config(text);
}

Deno.test("the sample configuration is byte for byte the one that the project began with", () => {
  assert.equal(
    createHash("sha256").update(SEED).digest("hex"),
    "2342d68fae4d4038cde2c2271de1c7f7cb5ff6cfc88ed702642ecc8c0121f314",
  );
});

Deno.test("parseConfig() loads the sample configuration with four warnings", () => {
  const result = parseConfig(SEED, {
    file: FILE,
    env: () => undefined,
    readFile: () => {
      throw new Deno.errors.NotFound();
    },
  });
  assert.ok(result.ok);
  assert.deepEqual(result.warnings.map(({ path, refusesRun }) => [path, refusesRun]), [
    ["coordination.pair_mode.enable", false],
    ["security.cluster_secret", false],
    ["security.cert_file", true],
    ["security.key_file", true],
  ]);
});

/** [key, the line as it stands, the line in its place, what is read of it, what that becomes] */
type Row = readonly [
  key: string,
  from: string,
  to: string,
  read: (config: Config) => unknown,
  before: unknown,
  after: unknown,
];

const ROWS: readonly Row[] = [
  [
    "identity.node_name",
    '"pg-metako-node1"',
    '"other"',
    (c) => [c.identity.nodeName, c.members[0]!.nodeName, c.stateDir],
    ["pg-metako-node1", "pg-metako-node1", "/var/lib/metako/pg-metako-node1"],
    ["other", "other", "/var/lib/metako/other"],
  ],
  [
    "identity.local_db_host",
    'local_db_host: "localhost"',
    'local_db_host: "db1"',
    (c) => c.identity.localDbHost,
    "localhost",
    "db1",
  ],
  [
    "identity.local_db_port",
    "local_db_port: 5432",
    "local_db_port: 5433",
    (c) => c.identity.localDbPort,
    5432,
    5433,
  ],
  [
    "identity.api_host",
    'api_host: "0.0.0.0"',
    'api_host: "10.0.0.1"',
    (c) => [c.identity.apiHost, c.members[0]!.apiHost],
    ["0.0.0.0", "0.0.0.0"],
    ["10.0.0.1", "10.0.0.1"],
  ],
  [
    "identity.api_port",
    "api_port: 8080",
    "api_port: 8081",
    (c) => [c.identity.apiPort, c.members[0]!.apiPort],
    [8080, 8080],
    [8081, 8081],
  ],
  ["local_db.name", '"postgres-node1"', '"n"', (c) => c.localDb!.name, "postgres-node1", "n"],
  [
    "local_db.host",
    '  host: "localhost"',
    '  host: "db1"',
    (c) => c.localDb!.host,
    "localhost",
    "db1",
  ],
  ["local_db.port", "  port: 5432", "  port: 5433", (c) => c.localDb!.port, 5432, 5433],
  [
    "local_db.role",
    '"master"',
    '"slave"',
    (c) => [c.localDb!.role, c.members[0]!.role],
    ["primary", "primary"],
    ["standby", "standby"],
  ],
  ["local_db.username", '"postgres"', '"app"', (c) => c.localDb!.username, "postgres", "app"],
  ["local_db.password", '"password"', '"other"', (c) => c.localDb!.password, "password", "other"],
  ["local_db.database", '"myapp"', '"shop"', (c) => c.localDb!.database, "myapp", "shop"],
  [
    "cluster_members[].node_name",
    '"pg-metako-node2"',
    '"two"',
    (c) => c.members[1]!.nodeName,
    "pg-metako-node2",
    "two",
  ],
  [
    "cluster_members[].api_host",
    '"192.168.1.103"',
    '"three"',
    (c) => c.members[2]!.apiHost,
    "192.168.1.103",
    "three",
  ],
  [
    "cluster_members[].api_port",
    '"192.168.1.102"\n    api_port: 8080',
    '"192.168.1.102"\n    api_port: 9090',
    (c) => c.members[1]!.apiPort,
    8080,
    9090,
  ],
  [
    "cluster_members[].role",
    '    role: "slave"',
    '    role: "master"',
    (c) => c.members[1]!.role,
    "standby",
    "primary",
  ],
  [
    "coordination.cluster_mode.heartbeat_interval",
    '"10s"',
    '"2s"',
    (c) => c.coordination.heartbeatIntervalMs,
    10_000,
    2000,
  ],
  [
    "coordination.cluster_mode.communication_timeout",
    'communication_timeout: "5s"',
    'communication_timeout: "4s"',
    (c) => c.coordination.communicationTimeoutMs,
    5000,
    4000,
  ],
  [
    "coordination.cluster_mode.failover_timeout",
    'failover_timeout: "30s"',
    'failover_timeout: "1m"',
    (c) => c.coordination.failoverTimeoutMs,
    30_000,
    60_000,
  ],
  [
    "coordination.cluster_mode.min_consensus_nodes",
    "min_consensus_nodes: 2",
    "min_consensus_nodes: 3",
    (c) => c.coordination.minConsensusNodes,
    2,
    3,
  ],
  [
    "coordination.cluster_mode.local_node_preference",
    "local_node_preference: 0.8",
    "local_node_preference: 0.1",
    (c) => c.coordination.localNodePreference,
    0.8,
    0.1,
  ],
  [
    "coordination.pair_mode.enable",
    "enable: true",
    "enable: false",
    (c) => c.coordination.pair.enable,
    true,
    false,
  ],
  [
    "coordination.pair_mode.failover_delay",
    'failover_delay: "10s"',
    'failover_delay: "500ms"',
    (c) => c.coordination.pair.failoverDelayMs,
    10_000,
    500,
  ],
  [
    "coordination.pair_mode.failure_threshold",
    "    failure_threshold: 3",
    "    failure_threshold: 5",
    (c) => c.coordination.pair.failureThreshold,
    3,
    5,
  ],
  [
    "health_check.interval",
    '  interval: "30s"',
    '  interval: "10s"',
    (c) => c.healthCheck.intervalMs,
    30_000,
    10_000,
  ],
  [
    "health_check.timeout",
    '  timeout: "5s"',
    '  timeout: "1s"',
    (c) => c.healthCheck.timeoutMs,
    5000,
    1000,
  ],
  [
    "health_check.failure_threshold",
    "  failure_threshold: 3     #",
    "  failure_threshold: 4     #",
    (c) => c.healthCheck.failureThreshold,
    3,
    4,
  ],
  [
    "load_balancer.algorithm",
    '"round_robin"',
    '"least_connected"',
    (c) => c.loadBalancer.algorithm,
    "round_robin",
    "least_connected",
  ],
  [
    "load_balancer.read_timeout",
    'read_timeout: "10s"',
    'read_timeout: "3s"',
    (c) => c.loadBalancer.readTimeoutMs,
    10_000,
    3000,
  ],
  [
    "load_balancer.write_timeout",
    'write_timeout: "10s"',
    'write_timeout: "4s"',
    (c) => c.loadBalancer.writeTimeoutMs,
    10_000,
    4000,
  ],
  [
    "security.tls_enabled",
    "tls_enabled: true",
    "tls_enabled: false",
    (c) => c.security.tlsEnabled,
    true,
    false,
  ],
  [
    "security.cert_file",
    '"/path/to/cert.pem"',
    '"c.pem"',
    (c) => c.security.certFile,
    "/path/to/cert.pem",
    "etc/c.pem",
  ],
  [
    "security.key_file",
    '"/path/to/key.pem"',
    '"/k.pem"',
    (c) => c.security.keyFile,
    "/path/to/key.pem",
    "/k.pem",
  ],
];

/** Exactly one primary has to be left where a role changes. */
const WITH: Readonly<Record<string, readonly [string, string]>> = {
  "local_db.role": ['    role: "slave"', '    role: "master"'],
  "cluster_members[].role": ['  role: "master" ', '  role: "slave" '],
};

for (const [key, from, to, read, before, after] of ROWS) {
  Deno.test(`${key} of the sample configuration has an effect`, () => {
    assert.ok(SEED.includes(from), `the sample does not hold ${from}`);
    const [alsoFrom, alsoTo] = WITH[key] ?? ["", ""];
    const changed = SEED.replace(alsoFrom, alsoTo).replace(from, to);
    assert.deepEqual(read(load(SEED)), before);
    assert.deepEqual(read(load(changed)), after);
  });
}

function leaves(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => leaves(item, `${path}[]`));
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) =>
    leaves(inner, path === "" ? key : `${path}.${key}`)
  );
}

Deno.test("every key of the sample configuration has exactly one row above", () => {
  assert.deepEqual(ROWS.map(([key]) => key).sort(), [...new Set(leaves(yaml(SEED), ""))].sort());
});
