/**
 * A pair that streamed before metako came: taken over without a restart of its primary, with what
 * its operator had set.
 */
import assert from "node:assert/strict";
import { openSession } from "../../src/postgres/connection.ts";
import {
  configOf,
  eventually,
  inFolder,
  look,
  type Member,
  members,
  metako,
  PASSWORD,
  postgresProgram,
  serverFolder,
  settled,
  startAgent,
  statusOf,
  writeConfig,
} from "./agent_world.ts";

const REPLICATOR = "made_by_hand";

/** A primary and a standby as the manual has one make them, pg_basebackup -R included. */
async function pairByHand(folder: string, [a, b]: readonly Member[]): Promise<void> {
  await serverFolder(`${folder}/logs`);
  const secret = `${folder}/logs/password`;
  await Deno.writeTextFile(secret, PASSWORD);
  await Deno.chmod(secret, 0o644);
  const dataDir = (member: Member) => `${folder}/${member.name}-data`;
  const start = (member: Member) =>
    postgresProgram(
      "pg_ctl",
      ...["start", "-w", "-s", "-D", dataDir(member), "-l", `${folder}/logs/${member.name}`],
    );
  await serverFolder(dataDir(a!));
  await postgresProgram(
    "initdb",
    ...["-D", dataDir(a!), "-U", "postgres", "--auth=scram-sha-256", `--pwfile=${secret}`, "-k"],
  );
  const conf = `${dataDir(a!)}/postgresql.conf`;
  await Deno.writeTextFile(
    conf,
    `port = ${a!.databasePort}
listen_addresses = '127.0.0.1'
unix_socket_directories = '${folder}/logs'
wal_level = logical
max_wal_senders = 15
max_replication_slots = 21
max_connections = 60
`,
    { append: true },
  );
  await start(a!);
  await query(a!, `create role ${REPLICATOR} login replication password '${PASSWORD}'`);
  await query(a!, "create table public.kept (n int)");
  await query(a!, "insert into public.kept select generate_series(1, 1000)");
  await query(a!, "select pg_create_logical_replication_slot('theirs', 'pgoutput')");
  await serverFolder(dataDir(b!));
  await Deno.chmod(dataDir(b!), 0o700);
  await postgresProgram(
    "pg_basebackup",
    "-R",
    ...["-D", dataDir(b!), "--checkpoint=fast", "-d"],
    `host=127.0.0.1 port=${a!.databasePort} user=${REPLICATOR} password='${PASSWORD}'`,
  );
  const copied = `${dataDir(b!)}/postgresql.conf`;
  const text = await Deno.readTextFile(copied);
  await Deno.writeTextFile(copied, text.replaceAll(`${a!.databasePort}`, `${b!.databasePort}`));
  await start(b!);
  await eventually("the standby to stream", async () => {
    const rows = await query(a!, "select 1 from pg_stat_replication where state = 'streaming'");
    return rows.length === 1;
  });
}

async function query(member: Member, statement: string) {
  const { databasePort: port } = member;
  const target = { host: "127.0.0.1", port, user: "postgres", password: PASSWORD };
  const opened = await openSession({ ...target, database: "postgres" }, 5_000);
  assert.ok(opened.ok, opened.ok ? "" : opened.because);
  const outcome = await opened.session.query(statement, 15_000);
  opened.session.close();
  assert.ok(outcome.ok, outcome.ok ? "" : `${statement}: ${outcome.because}`);
  return outcome.rows;
}

async function value(member: Member, expression: string): Promise<string | null> {
  return (await query(member, `select (${expression})::text as value`))[0]!.value!;
}

Deno.test("metako run takes a running pair over without a restart, and keeps its settings", async () => {
  await inFolder(async (folder) => {
    const all = members("node1", "node2", "witness");
    const [a, b] = all;
    await pairByHand(folder, all);
    const startOf = (member: Member) => value(member, "pg_postmaster_start_time()");
    const before = [await startOf(a!), await startOf(b!)];
    const files = await Promise.all(
      all.map((member) => writeConfig(folder, configOf(member, all, folder))),
    );
    await Promise.all(files.map(startAgent));
    assert.equal(await settled(files[0]!, 3), "node1");
    assert.match((await statusOf(a!)).durability, /^ANY 1 \(node2-[0-9a-f]{8}\)$/);
    assert.deepEqual([await startOf(a!), await startOf(b!)], before, "a server was restarted");
    assert.equal(await value(a!, "select count(*) from public.kept"), "1000");

    // What pg_basebackup -R wrote into postgresql.auto.conf is gone, the operator's own is not.
    const conninfo = "current_setting('primary_conninfo')";
    assert.match(await value(b!, conninfo) ?? "", /user=metako_replicator .*passfile=/);
    assert.doesNotMatch(await value(b!, conninfo) ?? "", /password=/);
    for (const member of [a!, b!]) {
      const settings = await query(
        member,
        `select name, setting from pg_file_settings
        where name in ('wal_level', 'max_wal_senders', 'max_replication_slots') and applied`,
      );
      const found = Object.fromEntries(settings.map(({ name, setting }) => [name, setting]));
      assert.deepEqual(found, {
        wal_level: "logical",
        max_wal_senders: "15",
        max_replication_slots: "21",
      });
    }
    const pending = await query(a!, "select name from pg_settings where pending_restart");
    assert.deepEqual(pending.map(({ name }) => name).sort(), ["cluster_name", "wal_log_hints"]);
    assert.equal((await look(files[0]!)).code, 0);

    // Every server keeps a slot for the other; the logical one is named once it is lost.
    const slotNames = async (member: Member) =>
      ((await statusOf(member)).slots ?? []).map(({ name }: { name: string }) => name).sort();
    await eventually(
      "the care of both",
      async () =>
        (await slotNames(a!)).join() === "metako_node2,theirs" &&
        (await slotNames(b!)).join() === "metako_node1",
    );
    // The standby hears of the leader's slots with the health checks, every two seconds.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const ended = await metako("failover", "--to", "node2", "--config", files[0]!);
    assert.equal(ended.code, 0, ended.out + ended.err);
    await eventually("the lost slot to be named", async () => {
      const problems: string[] = (await statusOf(b!)).problems;
      return problems.some((text) => /^Logical slots that node1 had are lost: theirs\./.test(text));
    });
  });
});
