import assert from "node:assert/strict";
import { formatProblem } from "../../src/config/mod.ts";
import { config, parse, problems, VALID, warnings } from "./support.ts";

/** [what is refused, how the file differs from VALID, the one problem's text] */
type Case = readonly [what: string, text: string, problem: RegExp];

const timing = (lines: string) => `${VALID}coordination:\n  cluster_mode:\n${lines}`;
const router = (lines: string) => `${VALID}router:\n${lines}`;
const member = (lines: string) =>
  VALID.replace("security:", `  - node_name: node4\n    api_host: host4\n${lines}security:`);

const REFUSED: readonly Case[] = [
  [
    "a lease shorter than three default heartbeats",
    timing("    failover_timeout: 1s\n    communication_timeout: 1s\n"),
    /^etc\/node.yaml:17:5: \S+failover_timeout must be ≥ 3 × heartbeat_interval \(500ms \(default\)\), is 1s\./,
  ],
  [
    "heartbeats too slow for the default lease",
    timing("    heartbeat_interval: 2s\n"),
    /^etc\/node.yaml:16:3: \S+failover_timeout must be ≥ 3 × heartbeat_interval \(2s\), is 3s \(default\)\./,
  ],
  [
    "a call that outlasts the lease",
    timing("    communication_timeout: 4s\n"),
    /:17:5: \S+communication_timeout must be ≤ failover_timeout \(3s \(default\)\), is 4s\./,
  ],
  [
    "patience with a silent agent that ends before the lease",
    timing("    agent_silence_timeout: 3400ms\n"),
    /:17:5: \S+agent_silence_timeout must be 0s, or ≥ failover_timeout \+ fence_margin \(3500ms\), is 3400ms\./,
  ],
  [
    "encryption demanded of clients without a certificate",
    router("  tls: require\n"),
    /router\.tls must be allow where security\.tls_enabled is false.*is require\./,
  ],
  [
    "a check that outlasts its interval",
    `${VALID}health_check:\n  timeout: 3s\n`,
    /health_check.timeout must be ≤ interval \(2s \(default\)\), is 3s\./,
  ],
  [
    "more voters needed than there are",
    timing("    min_consensus_nodes: 4\n"),
    /min_consensus_nodes must be at most the number of members \(3\), is 4\./,
  ],
  [
    "slots that hold next to nothing",
    `${VALID}replication:\n  slot_retention: 16MB\n`,
    /replication.slot_retention must be at least 64MB, is 16MB\. Raise it/,
  ],
  [
    "a watchdog that is required and not named",
    `${VALID}watchdog:\n  required: true\n`,
    /watchdog\.required must go with watchdog\.device, is true\. Name the device/,
  ],
  [
    "a missing name",
    VALID.replace("  node_name: node1\n", "  priority: 1\n"),
    /^etc\/node.yaml:1:1: identity.node_name must be set\./,
  ],
  [
    "a missing role",
    VALID.replace("  role: primary\n", ""),
    /^etc\/node.yaml:3:1: local_db.role must be set\./,
  ],
  [
    "a member without a role",
    member(""),
    /^etc\/node.yaml:13:5: cluster_members\[2\]\.role must be set\. Add role: "standby"/,
  ],
  [
    "a member without an address",
    VALID.replace("    api_host: host3\n", ""),
    /cluster_members\[1\]\.api_host must be set\./,
  ],
  [
    "a member that is this node",
    VALID.replace("node_name: node2", "node_name: node1"),
    /^etc\/node.yaml:7:5: \S+ must not be this node's own name, is node1\./,
  ],
  [
    "two members of one name",
    VALID.replace("node_name: node3", "node_name: node2"),
    /^etc\/node.yaml:10:5: \S+ must differ from node2 in more than case, is node2\./,
  ],
  [
    "two names that differ only in case",
    VALID.replace("node_name: node3", "node_name: NODE1"),
    /must differ from node1 in more than case, is NODE1\./,
  ],
  [
    "two members at one address",
    VALID.replace("api_host: host3", "api_host: host2"),
    /cluster_members\[1\]\.api_host must not have the address of node2, port 8080 included/,
  ],
  [
    "two primaries",
    VALID.replace("role: standby", "role: primary"),
    /cluster_members\[0\]\.role must be standby, since node1 is primary already, is primary\./,
  ],
  [
    "no primary",
    VALID.replace("role: primary", "role: standby"),
    /local_db.role must be primary on exactly one member, and none is\./,
  ],
  [
    "a witness that is primary",
    member("    role: primary\n    witness: true\n")
      .replace("role: primary", "role: standby"),
    /cluster_members\[2\]\.role must not be primary on a witness/,
  ],
  [
    "a name that is too long",
    VALID.replace("node_name: node3", `node_name: ${"n".repeat(41)}`),
    /cluster_members\[1\]\.node_name must be 1 to 40 letters/,
  ],
  [
    "TLS without a key",
    VALID + "  tls_enabled: true\n  cert_file: /c.pem\n",
    /security.key_file must be set where tls_enabled is true\./,
  ],
  [
    "a short cluster secret, without showing it",
    VALID.replace("correct-horse-battery", "hunter2"),
    /security.cluster_secret must have at least 16 characters, is \*{8}\./,
  ],
  [
    "more standbys to wait for than there are",
    `${VALID}replication:\n  synchronous_standbys: 3\n`,
    /^etc\/node.yaml:16:3: \S+synchronous_standbys must be at most the number of other members with PostgreSQL \(2\), is 3\. Lower it, or add members\./,
  ],
  [
    "a router on the agent's port",
    router("  port: 8080\n"),
    /router.port must differ from identity.api_port, is 8080\./,
  ],
  [
    "a router on the database's port",
    router("  port: 5432\n"),
    /router.port must differ from local_db.port, is 5432\./,
  ],
  [
    "one port for both listeners of the router",
    router("  read_only_port: 6432\n"),
    /router.read_only_port must differ from router.port, is 6432\./,
  ],
];

for (const [what, text, problem] of REFUSED) {
  Deno.test(`parseConfig() refuses ${what}`, () => {
    const found = problems(text);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0]!, problem);
  });
}

Deno.test("parseConfig() accepts one port on two addresses of a host", () => {
  const text = router("  host: 10.0.0.1\n  port: 5432\n");
  assert.equal(config(text).router.port, 5432);
});

Deno.test("parseConfig() refuses the thirty-second member", () => {
  const others = (count: number) =>
    Array.from(
      { length: count },
      (_, index) => `  - {node_name: m${index}, api_host: m${index}, role: standby}\n`,
    ).join("");
  const withOthers = (count: number) => VALID.replace("security:", `${others(count)}security:`);
  assert.equal(config(withOthers(28)).members.length, 31);
  assert.match(problems(withOthers(29))[0]!, /must make at most 31 members with this node, is 32/);
});

const alone = VALID.replace(/cluster_members:[^]*(?=security:)/, "");
const pair = VALID.replace(/ {2}- node_name: node3[^]*(?=security:)/, "");

const WARNED: readonly Case[] = [
  ["of a node alone", alone, /cluster_members names nobody, so this node is alone/],
  ["of an empty list of members", `${alone}cluster_members: []\n`, /:\d+:1: cluster_members names/],
  [
    "of two data members",
    pair,
    /cannot tell a dead peer from a cut link: .* Add a witness member,/,
  ],
  [
    "of two data members without pair mode",
    `${pair}coordination:\n  pair_mode:\n    enable: false\n`,
    /a majority of two is two: .*no automatic failover.* Add a witness or a third member,/,
  ],
  [
    "of pair mode with three members",
    `${VALID}coordination:\n  pair_mode:\n    enable: true\n`,
    /:17:5: \S+enable has no effect with 3 members: majority mode is used\./,
  ],
  [
    "of a minimum below the majority",
    timing("    min_consensus_nodes: 1\n"),
    /never lowers what is needed, which is a majority \(2 of 3\), is 1\./,
  ],
  [
    "of a cluster without a secret",
    VALID.replace(/security:[^]*/, ""),
    /security.cluster_secret is not set: members sign with a key derived/,
  ],
  [
    "of standbys that never take over",
    VALID.replaceAll("role: standby", "role: standby\n    nofailover: true"),
    /cluster_members\[0\]\.nofailover is set on every standby/,
  ],
  [
    "of a lag limit without effect",
    `${VALID}replication:\n  maximum_lag_on_failover: 16MB\n`,
    /maximum_lag_on_failover has no effect: every acknowledged .* it goes with durability: async\./,
  ],
  [
    "of standbys to wait for where no commit waits",
    `${VALID}replication:\n  durability: async\n  synchronous_standbys: 1\n`,
    /:17:3: \S+synchronous_standbys has no effect: with durability: async no commit waits/,
  ],
];

for (const [what, text, warning] of WARNED) {
  Deno.test(`parseConfig() warns ${what}`, () => {
    const result = parse(text);
    assert.ok(result.ok);
    assert.equal(result.warnings.length, 1);
    assert.match(formatProblem(result.warnings[0]!), warning);
    assert.equal(result.warnings[0]!.refusesRun, false);
  });
}

Deno.test("parseConfig() needs a majority even where the file asks for less", () => {
  assert.equal(
    config(timing("    min_consensus_nodes: 1\n")).coordination.minConsensusNodes,
    2,
  );
});

Deno.test("parseConfig() enables pair mode for exactly two data members", () => {
  const withWitness = VALID.replace(
    "node_name: node3\n    api_host: host3\n    role: standby",
    "node_name: node3\n    api_host: host3\n    witness: true",
  );
  const enabled = (text: string) => config(text).coordination.pair.enable;
  assert.deepEqual([alone, pair, VALID, withWitness].map(enabled), [false, true, false, false]);
});

Deno.test("parseConfig() lets commits wait for half of the members with PostgreSQL", () => {
  const five = member(
    "    role: standby\n  - node_name: node5\n    api_host: host5\n    role: standby\n",
  );
  const withWitness = member("    witness: true\n");
  const standbys = (text: string) => config(text).replication.synchronousStandbys;
  assert.deepEqual([alone, pair, VALID, withWitness, five].map(standbys), [0, 1, 1, 1, 2]);
  assert.equal(standbys(`${five}replication:\n  synchronous_standbys: 4\n`), 4);
});

Deno.test("parseConfig() takes a lag limit without a warning where commits wait for nobody", () => {
  const text = `${VALID}replication:\n  durability: async\n  maximum_lag_on_failover: 16MB\n`;
  assert.equal(config(text).replication.maximumLagOnFailoverBytes, 16_777_216);
  assert.deepEqual(warnings(text), []);
});

Deno.test("parseConfig() bears with a silent agent for half a minute, or for a longer lease", () => {
  const silence = (lines: string) => config(timing(lines)).coordination.agentSilenceMs;
  assert.equal(config(VALID).coordination.agentSilenceMs, 30_000);
  assert.equal(silence("    failover_timeout: 1m\n"), 60_500);
  assert.equal(silence("    agent_silence_timeout: 0s\n"), 0);
});

Deno.test("parseConfig() reads the witness addresses of a pair", () => {
  const text =
    `${pair}coordination:\n  pair_mode:\n    when_alone: fence\n    witness_addresses:\n` +
    '      - "10.0.0.1:53"\n      - "[fd00::1]:443"\n';
  const { witnessAddresses, whenAlone } = config(text).coordination.pair;
  assert.deepEqual(witnessAddresses, [{ host: "10.0.0.1", port: 53 }, {
    host: "fd00::1",
    port: 443,
  }]);
  assert.equal(whenAlone, "fence");
  for (const wrong of ["10.0.0.1", "10.0.0.1:0", "10.0.0.1:70000", "fd00::1:443", ":53"]) {
    assert.match(
      problems(text.replace("10.0.0.1:53", wrong))[0]!,
      /must be a list of host:port/,
      wrong,
    );
  }
});

Deno.test("parseConfig() warns of pair keys that have no effect", () => {
  const keys = (lines: string) => `coordination:\n  pair_mode:\n${lines}`;
  const addresses = '    witness_addresses: ["10.0.0.1:53"]\n';
  const told = (text: string) =>
    warnings(text).filter(({ path }) => /witness_addresses|when_alone/.test(path))
      .map(({ path, message }) => `${path} ${message}`);
  assert.deepEqual(told(pair + keys(addresses)), []);
  assert.deepEqual(told(pair + keys("    when_alone: fence\n")), []);
  assert.match(
    told(pair + keys(`${addresses}    when_alone: serve\n`)).join("|"),
    /^\S+when_alone has no effect besides witness_addresses, which decide [^|]*$/,
  );
  const outside =
    /^\S+witness_addresses has no effect outside .*\|\S+when_alone has no effect outside/;
  assert.match(told(VALID + keys(`${addresses}    when_alone: serve\n`)).join("|"), outside);
  assert.match(
    told(pair + keys(`    enable: false\n${addresses}    when_alone: serve\n`)).join("|"),
    outside,
  );
});

Deno.test("parseConfig() wants a pair's delay to outlast lease and margin", () => {
  const delayed = (text: string, delay: string) =>
    `${text}coordination:\n  pair_mode:\n    failover_delay: ${delay}\n`;
  assert.match(
    problems(delayed(pair, "3400ms"))[0]!,
    /failover_delay must be ≥ failover_timeout \+ fence_margin \(3500ms\), is 3400ms\./,
  );
  assert.ok(parse(delayed(pair, "3500ms")).ok);
  assert.ok(parse(delayed(VALID, "1s")).ok, "it has no effect with three members");
});

Deno.test("parseConfig() needs no database on a witness", () => {
  const text = VALID.replace("node_name: node1", "node_name: node1\n  witness: true")
    .replace(/local_db:[^]*(?=cluster_members:)/, "")
    .replace("role: standby", "role: primary");
  const witness = config(text);
  assert.equal(witness.localDb, null);
  assert.equal(witness.members[0]?.witness, true);
  assert.deepEqual(warnings(text), []);
  const withoutSecret = problems(text.replace(/security:[^]*/, ""));
  assert.equal(withoutSecret.length, 1);
  assert.match(withoutSecret[0]!, /cluster_secret must be set on a witness/);
  const withDatabase = `${text}local_db:\n  database: shop\n`;
  assert.match(formatProblem(warnings(withDatabase)[0]!), /local_db has no effect on a witness/);
  assert.equal(witness.witnessLogin, null);
  const withLogin = `${text}local_db:\n  username: asker\n  password: hidden\n`;
  assert.deepEqual(warnings(withLogin), []);
  assert.deepEqual(config(withLogin).witnessLogin, { username: "asker", password: "hidden" });
  const withMore = warnings(`${withLogin}  port: 5433\n`);
  assert.deepEqual(withMore.map(({ path }) => path), ["local_db.port"]);
});

Deno.test("parseConfig() demands something to check servers' certificates against", () => {
  const without = problems(`${VALID}router:\n  backend_tls: require\n`);
  assert.equal(without.length, 1);
  assert.match(without[0]!, /router\.backend_ca_file must be set .*Add it with the path/);
  const files = { files: { "/ca.pem": "…" } };
  const named = parse(
    `${VALID}router:\n  backend_tls: require\n  backend_ca_file: /ca.pem\n`,
    files,
  );
  assert.ok(named.ok && named.warnings.length === 0);
  assert.equal(named.config.router.backendTls, "verify-ca");
  const shared = parse(`${VALID}  ca_file: /ca.pem\nrouter:\n  backend_tls: verify-full\n`, files);
  assert.ok(shared.ok);
  assert.equal(shared.config.router.backendCaFile, "/ca.pem");
  const missing = parse(`${VALID}router:\n  backend_tls: prefer\n  backend_ca_file: /no.pem\n`);
  assert.ok(missing.ok);
  assert.deepEqual(missing.warnings.map(({ path, refusesRun }) => [path, refusesRun]), [
    ["router.backend_ca_file", true],
  ]);
  const relayed = parse(
    `${VALID}router:\n  backend_tls: prefer\n  backend_ca_file: /ca.pem\n  authentication: relay\n`,
    files,
  );
  assert.ok(relayed.ok);
  assert.match(formatProblem(relayed.warnings[0]!), /channel_binding=disable/);
});

Deno.test("parseConfig() lets a check pass, and a start not, where certificates are missing", () => {
  const text = VALID + "  tls_enabled: true\n  cert_file: /c.pem\n  key_file: k.pem\n";
  const missing = parse(text, { files: { "/c.pem": "…" } });
  assert.ok(missing.ok);
  assert.deepEqual(missing.warnings.map(({ path, refusesRun }) => [path, refusesRun]), [
    ["security.key_file", true],
  ]);
  const found = parse(text, { files: { "/c.pem": "…", "etc/k.pem": "…" } });
  assert.deepEqual(found.warnings, []);
});

Deno.test("parseConfig() warns of a private key that everybody can reach", () => {
  const text = VALID + "  tls_enabled: true\n  cert_file: /c.pem\n  key_file: k.pem\n";
  const files = { "/c.pem": "…", "etc/k.pem": "…" };
  for (const [mode, warned] of [[0o600, false], [0o640, false], [0o644, true], [0o602, true]]) {
    const found = parse(text, { files, modes: { "etc/k.pem": mode as number, "/c.pem": 0o644 } });
    const messages = found.warnings.map(({ path, remedy }) => `${path}: ${remedy}`);
    assert.deepEqual(messages, warned ? ["security.key_file: Run: chmod 600 etc/k.pem"] : []);
  }
});

Deno.test("parseConfig() does not look for certificates while TLS is off", () => {
  assert.deepEqual(warnings(VALID + "  cert_file: /c.pem\n"), []);
});
