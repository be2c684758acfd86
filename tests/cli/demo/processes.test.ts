import assert from "node:assert/strict";
import { planDemo } from "../../../src/cli/demo/plan.ts";
import {
  agentOf,
  agentProcesses,
  clusterProcesses,
  listProcesses,
  postmasterOf,
  type ProcessInfo,
} from "../../../src/cli/demo/processes.ts";

const plan = planDemo({
  folder: "/tmp/demo",
  nodeCount: 1,
  witnessCount: 0,
  settings: {},
  ports: [20_000, 20_001, 20_002],
  binDir: "/usr/bin",
  osUser: null,
  secrets: { superuser: "", replication: "", application: "", cluster: "" },
});

const process = (pid: number, parent: number, args: string[], cwd: string | null = "/") =>
  ({ pid, parent, args, cwd }) satisfies ProcessInfo;

Deno.test("clusterProcesses() finds agents, guardians, postmasters and backends, and nobody else", () => {
  const table = [
    process(10, 1, ["metako", "run", "--config", "/tmp/demo/node1/config.yaml"]),
    process(11, 1, ["/usr/bin/postgres", "-D", "/tmp/demo/node1/data"]),
    process(12, 11, ["postgres: walwriter"], "/tmp/demo/node1/data"),
    process(13, 1, ["postgres: walwriter"], "/tmp/demo/node1/data (deleted)"),
    process(14, 10, ["metako", "guardian", "--data-dir", "/tmp/demo/node1/data"]),
    process(20, 1, ["postgres: walwriter"], "/var/lib/postgresql/15/main"),
    process(21, 1, ["bash"], "/tmp/demo/node1/data"),
    process(22, 1, ["tail", "-f", "/tmp/demo/node1/agent.log"]),
    process(23, 1, ["metako", "run", "--config", "/tmp/demo/node10/config.yaml"]),
  ];
  const pids = clusterProcesses(plan, table, 99).map((found) => found.pid);
  assert.deepEqual(pids, [10, 11, 12, 13, 14]);
});

Deno.test("agentProcesses() finds agents of the folder, whoever started them, and no server", () => {
  const table = [
    process(10, 1, ["metako", "run", "--config", "/tmp/demo/node1/config.yaml"]),
    process(11, 1, ["/usr/bin/postgres", "-D", "/tmp/demo/node1/data"]),
    process(12, 9, ["deno", "run", "main.ts", "run", "--config", "/tmp/demo/node1/config.yaml"]),
    process(13, 1, ["metako", "run", "--config", "/etc/metako/config.yaml"]),
  ];
  assert.deepEqual(agentProcesses(plan, table).map((found) => found.pid), [10, 12]);
});

Deno.test("agentOf() finds the agent of one node, and no command about it", () => {
  const file = "/tmp/demo/node1/config.yaml";
  const table = [
    process(10, 1, ["deno", "run", "main.ts", "status", "--config", file]),
    process(11, 1, ["deno", "run", "main.ts", "run", "--config", file]),
    process(12, 1, ["metako", "run", "--config", "/tmp/demo/node10/config.yaml"]),
  ];
  assert.equal(agentOf(file, table), 11);
  assert.equal(agentOf(file, table.slice(0, 1)), null);
  assert.equal(agentOf("run", table), null);
});

Deno.test("clusterProcesses() leaves out this process and its ancestors", () => {
  const mention = "/tmp/demo/node1/config.yaml";
  const table = [
    process(5, 1, ["sh", "-c", "demo", mention]),
    process(6, 5, ["metako", "demo", mention]),
    process(7, 6, ["metako", "run", mention]),
  ];
  assert.deepEqual(clusterProcesses(plan, table, 6).map((found) => found.pid), [7]);
});

Deno.test("listProcesses() sees this process and its parent", () => {
  const table = listProcesses();
  const own = table.find((found) => found.pid === Deno.pid);
  assert.equal(own?.parent, Deno.ppid);
  assert.ok((own?.args.length ?? 0) > 0);
});

Deno.test("listProcesses() does not count a zombie", async () => {
  const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  assert.ok(listProcesses().some((found) => found.pid === child.pid));
  child.kill("SIGKILL");
  await child.status;
  assert.ok(!listProcesses().some((found) => found.pid === child.pid));
});

Deno.test("postmasterOf() finds the postmaster of one data directory by its command line", () => {
  const args = ["/usr/lib/postgresql/15/bin/postgres", "-D", "/tmp/demo/node1/data"];
  const table = [
    process(30, 1, ["pg_basebackup", "-D", "/tmp/demo/node1/data"]),
    process(31, 32, args, "/tmp/demo/node1/data"),
    process(32, 1, args, "/tmp/demo/node1/data"),
    process(33, 32, ["postgres: checkpointer"], "/tmp/demo/node1/data"),
    process(34, 1, ["postgres", "-D", "/tmp/demo/node10/data"]),
  ];
  assert.equal(postmasterOf("/tmp/demo/node1/data", table), 32);
  assert.equal(postmasterOf("/tmp/demo/node2/data", table), null);
});
