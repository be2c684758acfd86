/**
 * HAProxy with checks as they are written for Patroni, in front of a metako cluster: it follows a
 * switchover and the death of a primary. What the cluster tells of it is looked at as well.
 */
import assert from "node:assert/strict";
import postgres from "postgres";
import { createParser } from "../../src/dashboard/page/stream.js";
import { listProcesses, postmasterOf, sendSignal } from "../../src/cli/demo/processes.ts";
import { readExposition } from "../operations/exposition.ts";
import {
  type Agent,
  configOf,
  eventually,
  inFolder,
  type Member,
  members,
  metako,
  PASSWORD,
  settled,
  startAgent,
  writeConfig,
} from "./agent_world.ts";
import { freePort } from "./postgres_world.ts";

const haproxy = await findHaproxy();

Deno.test({
  name: "haproxy follows a switchover and a crash by the health paths",
  ignore: haproxy === null,
  async fn() {
    await inFolder(async (folder) => {
      const all = members("node1", "node2", "node3");
      const files = await Promise.all(
        all.map((member) => writeConfig(folder, configOf(member, all, folder))),
      );
      const agents = await Promise.all(files.map(startAgent));
      assert.equal(await settled(files[0]!, 3), "node1");
      const ports = { writes: freePort(), reads: freePort() };
      const proxy = await startHaproxy(folder, all, ports);
      try {
        await leadsTo(all, ports, "node1");

        const ended = await metako("failover", "--to", "node2", "--config", files[0]!);
        assert.equal(ended.code, 0, ended.err);
        await leadsTo(all, ports, "node2");
        await tellsOfIt(all[1]!, files[0]!);

        await crash(folder, all[1]!, agents[1]!);
        const next = await eventuallyPrimary(all);
        await leadsTo(all, ports, next);
      } finally {
        sendSignal(proxy.pid, "SIGTERM");
        await proxy.status;
      }
      await Promise.all(agents.map((agent) => agent.stop()));
    });
  },
});

/** Waits until writes arrive at `primary`, and reads at others only. */
async function leadsTo(
  all: readonly Member[],
  ports: { writes: number; reads: number },
  primary: string,
): Promise<void> {
  const wanted = all.find(({ name }) => name === primary)!.databasePort;
  await eventually(`haproxy to lead writes to ${primary}`, async () => {
    const [row] = await ask(
      ports.writes,
      "select current_setting('port')::int as port, pg_is_in_recovery() as standby",
    );
    return row?.port === wanted && row.standby === false;
  });
  await eventually("haproxy to lead reads to standbys", async () => {
    const [row] = await ask(ports.reads, "select current_setting('port')::int as port");
    return row !== undefined && row.port !== wanted;
  });
  const rows = await Promise.all(
    Array.from({ length: 6 }, () => ask(ports.reads, "select pg_is_in_recovery() as standby")),
  );
  assert.deepEqual(new Set(rows.flat().map(({ standby }) => standby)), new Set([true]));
}

/** One statement through a connection of its own; nothing where it fails. */
async function ask(port: number, statement: string) {
  const sql = postgres({
    host: "127.0.0.1",
    port,
    username: "postgres",
    password: PASSWORD,
    database: "postgres",
    max: 1,
    connect_timeout: 5,
  });
  try {
    return await sql.unsafe(statement);
  } catch {
    return [];
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** What the new primary and `metako history` say after a switchover that was asked for. */
async function tellsOfIt(primary: Member, configFile: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${primary.apiPort}/metrics`);
  const metrics = readExposition(await response.text());
  const value = (name: string, labels: Record<string, string> = {}) =>
    metrics.get(name)?.samples.find((sample) =>
      Object.entries(labels).every(([label, is]) => sample.labels[label] === is)
    )?.value;
  assert.equal(value("metako_primary"), 1);
  assert.equal(value("metako_postgres_up"), 1);
  assert.equal(value("metako_term"), 2);
  assert.equal(value("metako_primary_changes_total", { kind: "planned" }), 1);
  assert.equal(value("metako_elections_won_total"), 1);
  assert.notEqual(value("metako_slot_retained_wal_bytes"), undefined);

  const { code, out } = await metako("history", "--json", "--config", configFile);
  assert.equal(code, 0);
  const { entries, missing } = JSON.parse(out);
  assert.deepEqual(missing, []);
  const change = entries.find((entry: { type: string; term: number }) =>
    entry.type === "primary" && entry.term === 2
  );
  const { from, to, kind, loss, asked_by, seen_by } = change;
  assert.deepEqual({ from, to, kind, loss, asked_by, seen_by }, {
    from: "node1",
    to: "node2",
    kind: "planned",
    loss: "none",
    asked_by: "127.0.0.1",
    seen_by: ["node1", "node2", "node3"],
  });
  assert.equal(change.outage_ms > 0, true);
  await dashboardTells(primary, change);
}

/** The stream behind the dashboard puts the same accounts together, and shows the primary. */
async function dashboardTells(primary: Member, change: unknown): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${primary.apiPort}/dashboard/events`, {
    signal: AbortSignal.timeout(30_000),
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  // deno-lint-ignore no-explicit-any
  const told = new Map<string, any>();
  const parse = createParser((type: string, data: unknown) => void told.set(type, data));
  while (!told.has("cluster") || !told.has("history")) parse((await reader.read()).value!);
  await reader.cancel();
  assert.equal(told.get("hello").node, primary.name);
  assert.equal(told.get("cluster").primary, primary.name);
  assert.equal(told.get("cluster").reachable, 3);
  const entry = told.get("history").find(({ type, term }: { type: string; term: number }) =>
    type === "primary" && term === 2
  );
  assert.deepEqual(entry, change);
}

/** Kills the agent and the server of a member, as a crash of its host does. */
async function crash(folder: string, member: Member, agent: Agent): Promise<void> {
  const postmaster = postmasterOf(`${folder}/${member.name}-data`, listProcesses());
  assert.notEqual(postmaster, null);
  sendSignal(agent.pid, "SIGKILL");
  sendSignal(postmaster!, "SIGKILL");
  await agent.stop();
}

/** The member that answers 200 on /primary. */
async function eventuallyPrimary(all: readonly Member[]): Promise<string> {
  let found: string | null = null;
  await eventually("another member to be primary", async () => {
    for (const { name, apiPort } of all) {
      const response = await fetch(`http://127.0.0.1:${apiPort}/primary`).catch(() => null);
      await response?.body?.cancel();
      if (response?.status === 200) found = name;
    }
    return found !== null;
  });
  return found!;
}

async function startHaproxy(
  folder: string,
  all: readonly Member[],
  ports: { writes: number; reads: number },
): Promise<Deno.ChildProcess> {
  const servers = all.map(({ name, databasePort, apiPort }) =>
    `    server ${name} 127.0.0.1:${databasePort} check port ${apiPort}`
  ).join("\n");
  const listen = (name: string, port: number, path: string) =>
    `listen ${name}
    bind 127.0.0.1:${port}
    option httpchk OPTIONS ${path}
    http-check expect status 200
    default-server inter 300ms fastinter 100ms fall 2 rise 1 on-marked-down shutdown-sessions
${servers}
`;
  const file = `${folder}/haproxy.cfg`;
  await Deno.writeTextFile(
    file,
    `global
    maxconn 100
defaults
    mode tcp
    timeout connect 2s
    timeout client 1m
    timeout server 1m
    timeout check 2s
${listen("writes", ports.writes, "/primary")}${listen("reads", ports.reads, "/replica?lag=16MB")}`,
  );
  return new Deno.Command(haproxy!, {
    args: ["-db", "-f", file],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

async function findHaproxy(): Promise<string | null> {
  for (const program of ["haproxy", "/usr/sbin/haproxy"]) {
    try {
      if ((await new Deno.Command(program, { args: ["-v"] }).output()).success) return program;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return null;
}
