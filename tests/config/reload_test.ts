import assert from "node:assert/strict";
import { settingTree } from "../../src/config/effective.ts";
import { changedSettings, RELOAD_RULES, reloadRule, withLive } from "../../src/config/reload.ts";
import { config, VALID } from "./support.ts";

const PAGE = new URL("../../docs/operations/reload.md", import.meta.url);

/** Everything that a file may say, each thing other than in {@linkcode VALID}. */
const OTHER = `cluster_name: other
identity:
  node_name: node1
  priority: 7
local_db:
  role: primary
  password: changed
cluster_members:
  - node_name: node2
    api_host: host2
    role: standby
  - node_name: node4
    api_host: host4
    role: standby
coordination:
  cluster_mode:
    failover_timeout: 9s
    local_node_preference: 0.1
health_check:
  interval: 9s
load_balancer:
  algorithm: least_connected
  read_timeout: 1s
  write_timeout: 2s
security:
  cluster_secret: another-horse-battery
replication:
  durability: strict
router:
  port: 7000
  maximum_connections: 7
  maximum_pending_per_address: 3
  allow_trusted_backend: true
state_dir: /elsewhere
log:
  level: debug
`;

Deno.test("every setting has a row of its own or of its section", () => {
  const sections = Object.keys(settingTree(config(VALID)));
  assert.deepEqual(sections.filter((section) => reloadRule(section) === null), []);
  const names = RELOAD_RULES.map(({ setting }) => setting);
  assert.equal(new Set(names).size, names.length);
});

Deno.test("reloadRule() takes the longest row that fits, by whole keys", () => {
  assert.equal(reloadRule("router.port")?.setting, "router");
  assert.equal(reloadRule("router.maximum_connections")?.takes, "live");
  assert.equal(reloadRule("load_balancer.read_timeout")?.takes, "live");
  assert.equal(reloadRule("logbook"), null);
});

Deno.test("changedSettings() finds nothing between two readings of the same file", () => {
  assert.deepEqual(changedSettings(config(VALID), config(VALID)), []);
});

Deno.test("changedSettings() names what differs, secrets included, and shows none", () => {
  const changed = changedSettings(config(VALID), config(OTHER));
  const names = changed.map(({ setting }) => setting);
  for (
    const setting of [
      "cluster_name",
      "identity.priority",
      "local_db.password",
      "cluster_members",
      "coordination.cluster_mode.failover_timeout",
      "security.cluster_secret",
      "router.port",
      "log.level",
    ]
  ) assert.ok(names.includes(setting), setting);
  assert.doesNotMatch(JSON.stringify(changed), /hunter2|changed"|horse/);
  const level = changed.find(({ setting }) => setting === "log.level");
  assert.deepEqual([level?.from, level?.to, level?.takes], ["info", "debug", "live"]);
});

Deno.test("withLive() takes what the table calls live, and nothing else", () => {
  const [running, next] = [config(VALID), config(OTHER)];
  const mixed = withLive(running, next);
  const differs = changedSettings(running, next);
  assert.ok(differs.some(({ takes }) => takes === "live"));
  const isLive = ({ takes }: { takes: string }) => takes === "live";
  const taken = changedSettings(running, mixed);
  assert.deepEqual(taken, differs.filter(isLive));
  assert.deepEqual(
    changedSettings(mixed, next).map(({ setting }) => setting),
    differs.filter((change) => !isLive(change)).map(({ setting }) => setting),
  );
});

Deno.test("withLive() changes durability but from async and to it", () => {
  const of = (policy: string) => config(`${VALID}replication: { durability: ${policy} }\n`);
  const takes = (from: string, to: string) => {
    const [running, next] = [of(from), of(to)];
    const change = changedSettings(running, next)
      .find(({ setting }) => setting === "replication.durability");
    return [change?.takes, withLive(running, next).replication.durability];
  };
  assert.deepEqual(takes("quorum", "strict"), ["live", "strict"]);
  assert.deepEqual(takes("strict", "quorum"), ["live", "quorum"]);
  assert.deepEqual(takes("quorum", "async"), ["restart", "quorum"]);
  assert.deepEqual(takes("async", "strict"), ["restart", "async"]);
});

Deno.test("docs/operations/reload.md has the table as it is", async () => {
  const text = await Deno.readTextFile(PAGE);
  const rows = text.split("\n").filter((line) => line.startsWith("| `")).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  );
  assert.deepEqual(
    rows,
    RELOAD_RULES.map(({ setting, takes, because }) => [`\`${setting}\``, takes, because]),
  );
});
