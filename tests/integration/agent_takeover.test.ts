/**
 * Agents without data_dir beside servers that were running before, as in the sample of pg-metako:
 * they ask the servers where they live, take them over without stopping them, and keep them
 * available from then on.
 */
import assert from "node:assert/strict";
import postgres from "postgres";
import { listProcesses, postmasterOf, sendSignal } from "../../src/cli/demo/processes.ts";
import {
  assertNoStackTrace,
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
  writeConfig,
} from "./agent_world.ts";

/** Makes and starts servers as an administrator does by hand: a primary and its standbys. */
async function handmade(all: readonly Member[], folder: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/pw`, PASSWORD);
  const [first, ...others] = all;
  await serverFolder(`${folder}/servers`);
  const data = (member: Member) => `${folder}/servers/${member.name}`;
  const auth = ["-A", "scram-sha-256", "-U", "postgres", "--pwfile", `${folder}/pw`];
  await postgresProgram("initdb", "-D", data(first!), "-N", "-k", ...auth);
  await startByHand(first!, folder);
  for (const member of others) {
    const from = `host=127.0.0.1 port=${first!.databasePort} user=postgres password='${PASSWORD}'`;
    await postgresProgram(
      "pg_basebackup",
      ...["-D", data(member), "-d", from, "-R", "-c", "fast", "-X", "stream"],
    );
    await startByHand(member, folder);
  }
}

async function startByHand(member: Member, folder: string): Promise<void> {
  const data = `${folder}/servers/${member.name}`;
  const settings = `-c port=${member.databasePort} -c listen_addresses=127.0.0.1` +
    ` -c unix_socket_directories=${folder}/servers`;
  await postgresProgram(
    "pg_ctl",
    ...["start", "-w", "-D", data, "-l", `${folder}/servers/${member.name}.log`, "-o", settings],
  );
}

function connect(port: number) {
  return postgres({
    host: "127.0.0.1",
    port,
    username: "postgres",
    password: PASSWORD,
    database: "postgres",
    max: 1,
    connect_timeout: 20,
  });
}

Deno.test("agents without data_dir take over running servers, and survive their primary", async () => {
  await inFolder(async (folder) => {
    const all = members("node1", "node2", "node3");
    await handmade(all, folder);
    const files = await Promise.all(all.map((member) => {
      const config = configOf(member, all, folder);
      const { data_dir: _, ...localDb } = config.local_db!;
      return writeConfig(folder, { ...config, local_db: localDb });
    }));
    const pidBefore = postmasterOf(`${folder}/servers/node1`, listProcesses());
    const agents = await Promise.all(files.map(startAgent));
    // What pg_basebackup -R left in postgresql.auto.conf is taken back without hands.
    assert.equal(await settled(files[1]!, 3), "node1");
    assert.equal(postmasterOf(`${folder}/servers/node1`, listProcesses()), pidBefore);
    const sql = connect(all[1]!.routerPort);
    await sql`create table kept (number int)`;
    await sql`insert into kept values (1)`;
    await sql.end({ timeout: 1 });

    const postmaster = postmasterOf(`${folder}/servers/node1`, listProcesses());
    assert.ok(postmaster !== null);
    for (const pid of [postmaster, agents[0]!.pid]) sendSignal(pid, "SIGKILL");
    await agents[0]!.stop();
    let second = "";
    await eventually("another primary", async () => {
      const { view } = await look(files[1]!);
      second = view.primary;
      return second !== null && second !== "node1";
    });

    // Its server is down, and without data_dir the agent cannot know where it lies.
    const refused = await metako("run", "--config", files[0]!);
    assert.equal(refused.code, 1);
    assert.match(refused.out, /Start the server, or set local_db\.data_dir so that metako can/);
    assertNoStackTrace(refused.out + refused.err);

    // The administrator starts it as it was: as a second primary. The agent brings it into line.
    // Where nobody reaps the dead, its lock files still seem to be held by a living process.
    const locks = ["node1/postmaster.pid", `.s.PGSQL.${all[0]!.databasePort}.lock`];
    for (const lock of locks) await Deno.remove(`${folder}/servers/${lock}`).catch(() => {});
    await startByHand(all[0]!, folder);
    agents[0] = await startAgent(files[0]!);
    assert.equal(await settled(files[1]!, 3), second);
    const direct = connect(all[0]!.databasePort);
    const [row] = await direct`select pg_is_in_recovery() as standby, count(*)::int from kept`;
    assert.deepEqual({ ...row }, { standby: true, count: 1 });
    await direct.end({ timeout: 1 });
    for (const agent of agents) {
      await agent.stop();
      assertNoStackTrace(agent.out() + agent.err());
    }
  });
});
