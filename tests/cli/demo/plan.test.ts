import assert from "node:assert/strict";
import { parse } from "yaml";
import { parseConfig } from "../../../src/config/mod.ts";
import { planDemo, renderNodeConfig } from "../../../src/cli/demo/plan.ts";

const plan = (nodeCount: number, osUser: string | null = null) =>
  planDemo({
    folder: "/tmp/demo",
    nodeCount,
    witnessCount: 0,
    settings: {},
    ports: Array.from({ length: nodeCount * 3 }, (_, index) => 20_000 + index),
    binDir: "/usr/lib/postgresql/15/bin",
    osUser,
    secrets: { superuser: "s1", replication: "s2", application: "s3", cluster: "s4".repeat(16) },
  });

Deno.test("planDemo() gives each node ports and paths of its own", () => {
  const { nodes } = plan(5);
  const ports = nodes.flatMap((node) => [node.databasePort, node.apiPort, node.routerPort]);
  assert.equal(new Set(ports).size, 15);
  assert.equal(new Set(nodes.map((node) => node.dataDir)).size, 5);
  assert.equal(nodes[4]!.configFile, "/tmp/demo/node5/config.yaml");
});

Deno.test("planDemo() throws where there are too few ports", () => {
  const { nodes: _, ...rest } = plan(3);
  assert.throws(
    () => planDemo({ ...rest, nodeCount: 3, witnessCount: 0, ports: [1, 2] }),
    RangeError,
  );
});

Deno.test("renderNodeConfig() is accepted by the configuration room, without a warning", () => {
  for (const count of [3, 4, 5, 9]) {
    for (const node of plan(count, "postgres").nodes) {
      const parsed = parseConfig(renderNodeConfig(plan(count, "postgres"), node), {
        file: node.configFile,
        env: () => undefined,
        readFile: () => assert.fail("the file names no other file"),
      });
      assert.deepEqual(parsed.ok ? parsed.warnings : parsed.problems, []);
      assert.ok(parsed.ok);
      assert.equal(parsed.config.members.length, count);
      assert.equal(parsed.config.localDb?.dataDir, node.dataDir);
      assert.equal(parsed.config.router.port, node.routerPort);
    }
  }
});

Deno.test("planDemo() makes the last nodes witnesses, which the files say and nothing more", () => {
  const { nodes, ...rest } = plan(3);
  const laid = planDemo({
    ...rest,
    nodeCount: 3,
    witnessCount: 1,
    settings: { log: { level: "debug" } },
    ports: nodes.flatMap((node) => [node.databasePort, node.apiPort, node.routerPort]),
  });
  const read = laid.nodes.map((node) => {
    const parsed = parseConfig(renderNodeConfig(laid, node), {
      file: node.configFile,
      env: () => undefined,
      readFile: () => assert.fail("the file names no other file"),
    });
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.warnings, []);
    return parsed.config;
  });
  assert.deepEqual(read.map(({ identity }) => identity.witness), [false, false, true]);
  assert.deepEqual(
    read.map(({ members }) => members.find(({ witness }) => witness)?.nodeName),
    ["node3", "node3", "node3"],
  );
  assert.equal(read[2]!.localDb, null);
  assert.equal(read[0]!.log.level, "debug");
});

Deno.test("renderNodeConfig() sets no timing, so that the demo shows the defaults", () => {
  const three = plan(3);
  const config = parse(renderNodeConfig(three, three.nodes[1]!));
  assert.equal(config.coordination, undefined);
  assert.equal(config.health_check, undefined);
  assert.equal(config.local_db.role, "standby");
  assert.equal("os_user" in config.local_db, false);
});
