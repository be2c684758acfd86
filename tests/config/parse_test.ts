import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/mod.ts";
import { config, parse, problems, VALID, warnings } from "./support.ts";

Deno.test("parseConfig() fills in every default of a small file", () => {
  assert.deepEqual(config(VALID), {
    clusterName: "metako",
    identity: {
      nodeName: "node1",
      localDbHost: "localhost",
      localDbPort: 5432,
      apiHost: "0.0.0.0",
      apiPort: 8080,
      priority: 100,
      nofailover: false,
      witness: false,
    },
    localDb: {
      name: "node1",
      host: "localhost",
      port: 5432,
      role: "primary",
      username: "postgres",
      password: "hunter2",
      database: "postgres",
      dataDir: null,
      binDir: null,
      osUser: null,
    },
    members: [
      ["node1", "0.0.0.0", "primary"] as const,
      ["node2", "host2", "standby"] as const,
      ["node3", "host3", "standby"] as const,
    ].map(([nodeName, apiHost, role]) => ({
      nodeName,
      apiHost,
      apiPort: 8080,
      role,
      witness: false,
      priority: 100,
      nofailover: false,
      self: nodeName === "node1",
    })),
    coordination: {
      heartbeatIntervalMs: 500,
      communicationTimeoutMs: 2000,
      failoverTimeoutMs: 3000,
      fenceMarginMs: 500,
      agentSilenceMs: 30_000,
      minConsensusNodes: 2,
      localNodePreference: 0.8,
      pair: {
        enable: false,
        failoverDelayMs: 10_000,
        failureThreshold: 3,
        witnessAddresses: [],
        whenAlone: "serve",
      },
    },
    healthCheck: { intervalMs: 2000, timeoutMs: 1000, failureThreshold: 3 },
    loadBalancer: { algorithm: "round_robin", readTimeoutMs: 10_000, writeTimeoutMs: 10_000 },
    security: {
      tlsEnabled: false,
      certFile: null,
      keyFile: null,
      caFile: null,
      clusterSecret: "correct-horse-battery",
      previousClusterSecret: null,
      pagesOpenTo: "this_host",
      readToken: null,
    },
    replication: {
      user: "metako_replicator",
      password: null,
      durability: "quorum",
      synchronousStandbys: 1,
      maximumLagOnFailoverBytes: null,
      rejoin: "rewind",
      slotRetentionBytes: 8 * 1024 ** 3,
    },
    router: {
      host: "0.0.0.0",
      port: 6432,
      primaryPort: null,
      readOnlyPort: null,
      maximumConnections: 1000,
      maximumConnectionsPerUser: null,
      maximumPendingPerAddress: 250,
      maximumWaiting: 500,
      allowTrustedBackend: false,
      tls: "allow",
      authentication: "verify",
      backendTls: "disable",
      backendCaFile: null,
      localSocket: false,
      allow: [
        { action: "allow", networks: ["loopback"], databases: null, users: null, privileged: true },
        { action: "allow", networks: null, databases: null, users: null, privileged: false },
      ],
      splitting: true,
      idleTimeoutMs: 0,
      idleInTransactionTimeoutMs: 0,
      queryTimeoutMs: 0,
      readConsistency: "session",
      maximumReadLagBytes: null,
      opaqueSessions: "pin",
    },
    hooks: {
      beforePromotion: null,
      onRoleChange: null,
      afterFailover: null,
      onLostDurability: null,
      timeoutMs: 5000,
      vetoLimitMs: 60_000,
    },
    watchdog: null,
    stateDir: "/var/lib/metako/node1",
    witnessLogin: null,
    log: { level: "info" },
  });
  assert.deepEqual(warnings(VALID), []);
});

Deno.test("parseConfig() takes the database's address from either section", () => {
  const advertised = config(VALID.replace("identity:", "identity:\n  local_db_host: db1"));
  assert.equal(advertised.localDb?.host, "db1");
  const connected = config(VALID.replace("local_db:", "local_db:\n  host: db2\n  port: 5433"));
  assert.equal(connected.identity.localDbHost, "db2");
  assert.equal(connected.identity.localDbPort, 5433);
  const both = config(
    VALID.replace("identity:", "identity:\n  local_db_host: db1")
      .replace("local_db:", "local_db:\n  host: localhost"),
  );
  assert.equal(both.identity.localDbHost, "db1");
  assert.equal(both.localDb?.host, "localhost");
});

Deno.test("parseConfig() accepts the older words for roles", () => {
  const text = VALID.replace("role: primary", "role: master")
    .replace("role: standby", "role: slave").replace("role: standby", "role: replica");
  assert.deepEqual(config(text), config(VALID));
});

Deno.test("parseConfig() reports every problem at once, in the order of the file", () => {
  const text = `identity:
  node_name: "a b"
  priority: 2000
local_db:
  role: slav
  pasword: hunter2
cluster_members:
  - node_name: node2
    api_host: 0.0.0.0
    role: standby
  - hello
coordination:
  heartbeat_interval: 5s
  cluster_mode:
    heartbeat_interval: 5s
    failover_timeout: 2s
    min_consensus_nodes: 9
router:
  port: 6432
  port: 6433
log: hunter2
`;
  assert.deepEqual(problems(text), [
    'etc/node.yaml:2:3: identity.node_name must be 1 to 40 letters, digits, underscores or hyphens, is "a b". Choose a name like node1.',
    "etc/node.yaml:3:3: identity.priority must be a whole number from 0 to 1000, is 2000. Write it as digits, without unit.",
    "etc/node.yaml:4:1: local_db.password must be set. Add password: ${PGPASSWORD}, or password_file with the path of a file.",
    "etc/node.yaml:5:3: local_db.role must be one of primary, standby, replica, master, slave, is slav. Did you mean slave?",
    "etc/node.yaml:6:3: local_db.pasword is not a known key. Did you mean password?",
    "etc/node.yaml:9:5: cluster_members[0].api_host must be an address that this node can connect to, is 0.0.0.0. Write the member's own address.",
    "etc/node.yaml:11:5: cluster_members[1] must be a mapping of keys. Put its keys below it, indented.",
    "etc/node.yaml:13:3: coordination.heartbeat_interval is not a known key. Move it to coordination.cluster_mode.heartbeat_interval.",
    "etc/node.yaml:16:5: coordination.cluster_mode.failover_timeout must be ≥ 3 × heartbeat_interval (5s), is 2s. Raise it or lower heartbeat_interval.",
    "etc/node.yaml:17:5: coordination.cluster_mode.min_consensus_nodes must be at most the number of members (3), is 9. Lower it, or add members.",
    "etc/node.yaml:20:3: router.port stands here twice. Remove one of the two.",
    "etc/node.yaml:21:1: log must be a mapping of keys. Put its keys below it, indented.",
  ]);
});

Deno.test("parseConfig() asks no rule about a key that it refused", () => {
  const text = VALID +
    "coordination:\n  cluster_mode:\n    heartbeat_interval: 5\n    failover_timeout: 1s\n" +
    "    communication_timeout: 1s\n";
  assert.deepEqual(problems(text), [
    "etc/node.yaml:17:5: coordination.cluster_mode.heartbeat_interval must be a duration with " +
    'its unit, is 5. Write "5s" or "5ms".',
  ]);
});

Deno.test("parseConfig() treats a key without a value as not set", () => {
  const text = VALID + "router:\nhealth_check:\n  interval:\n";
  assert.deepEqual(config(text), config(VALID));
  assert.deepEqual(problems(VALID.replace("password: hunter2", "password:")), [
    "etc/node.yaml:5:3: local_db.password must be set. Add password: ${PGPASSWORD}, or " +
    "password_file with the path of a file.",
  ]);
});

Deno.test("parseConfig() follows anchors and aliases", () => {
  const text = VALID.replace("host2", "&there host2").replace("host3", "*there")
    .replace("node_name: node3", "node_name: node3\n    api_port: 8081");
  assert.deepEqual(config(text).members.map(({ apiHost }) => apiHost), [
    "0.0.0.0",
    "host2",
    "host2",
  ]);
});

const REFUSED_WHOLE: readonly (readonly [what: string, text: string, problem: RegExp])[] = [
  ["an empty file", "", /:1:1: the file is empty\. /],
  ["a file of comments", "# nothing\n", /:1:1: the file is empty\. /],
  ["an empty document", "---\n...\n", /the file is empty\. /],
  ["a list", "- a\n", /:1:1: the file must be a mapping of keys\. /],
  ["a text", "hello", /the file must be a mapping of keys\. /],
  ["several documents", "a: 1\n---\nb: 2\n", /:2:1: the file holds several documents/],
  ["a tab as indentation", "a:\n\tb: 1\n", /:2:1: a tab cannot indent\. Use spaces\./],
  ["an open quote", 'a: "b\n', /a character is missing/],
  ["two keys on a line", "a: b: c\n", /two keys stand on one line|mapping/],
  ["an unknown alias", "a: *b\n", /:1:4: a names an anchor that is not above it\. /],
  ["an unknown tag", "a: !shell rm\n", /:1:4: this tag is not known/],
  ["a key that is a list", "[a, b]: 1\n", /has a key that is not a name/],
  ["a key that is a number", "1: 2\n", /has a key that is not a name/],
  ["a prototype", "__proto__:\n  a: 1\n", /has a key that is not a name/],
  ["an alias that holds itself", "a: &a [*a]\n", /goes beyond 10000 values or 32 levels/],
  ["open brackets without end", "[".repeat(100_000), /nests too deeply|a character is missing/],
  ["a file too large", `a: ${"b".repeat(131_072)}`, /has 131075 characters and may have 131072/],
];

for (const [what, text, problem] of REFUSED_WHOLE) {
  Deno.test(`parseConfig() refuses ${what}`, () => {
    assert.match(problems(text).join("\n"), problem);
  });
}

Deno.test("parseConfig() refuses a small file that describes a huge tree", () => {
  // 9 to the 25th values: whoever unfolds them before counting never comes back.
  const bomb = Array.from(
    { length: 26 },
    (_, level) => `k${level}: &k${level} [${`*k${level - 1},`.repeat(level === 0 ? 0 : 9)}]`,
  ).join("\n");
  assert.match(problems(bomb).join("\n"), /goes beyond 10000 values or 32 levels/);
});

Deno.test("parseConfig() never shows a syntax error's text, which may hold a secret", () => {
  for (const text of ['a: 1\n"hunter2" "hunter2\n', "local_db:\n  password: @hunter2\n hunter2"]) {
    assert.ok(!problems(text).join("\n").includes("hunter2"));
  }
});

Deno.test("parseConfig() names the file's beginning where a key's whole section is missing", () => {
  const result = parse("router:\n  port: 6432\n");
  assert.ok(!result.ok);
  const missing = result.problems.find(({ path }) => path === "identity.node_name");
  assert.deepEqual([missing?.line, missing?.column, missing?.value], [1, 1, null]);
});

Deno.test("parseConfig() reads paths from the configuration file's folder", () => {
  const asked: string[] = [];
  const readFrom = (file: string) => {
    asked.length = 0;
    parseConfig(VALID.replace("password: hunter2", "password_file: secret"), {
      file,
      env: () => undefined,
      readFile: (path) => {
        asked.push(path);
        return "x";
      },
    });
    return asked[0];
  };
  assert.equal(readFrom("/etc/metako/node1.yaml"), "/etc/metako/secret");
  assert.equal(readFrom("configs/node1.yaml"), "configs/secret");
  assert.equal(readFrom("node1.yaml"), "secret");
});
