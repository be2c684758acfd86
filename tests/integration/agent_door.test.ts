/**
 * Clients on other hosts: every member's router lets ordinary roles in and superusers not, whatever
 * the member knows by itself.
 */
import assert from "node:assert/strict";
import postgres from "postgres";
import { listProcesses, postmasterOf, sendSignal } from "../../src/cli/demo/processes.ts";
import {
  configOf,
  eventually,
  inFolder,
  type Member,
  members,
  PASSWORD,
  settled,
  startAgent,
  statusOf,
  writeConfig,
} from "./agent_world.ts";
import { openJunction } from "./junction.ts";

/** An address of this host that is not loopback; its own clients look like any other host's there. */
const OUTSIDE = Deno.networkInterfaces().find(({ family, address }) =>
  family === "IPv4" && !address.startsWith("127.")
)?.address;

function connect(host: string, port: number, username: string): postgres.Sql {
  return postgres({
    host,
    port,
    username,
    password: PASSWORD,
    database: "postgres",
    max: 1,
    connect_timeout: 10,
  });
}

/** Says who one is to the server, through a member's router; what went wrong where it does not. */
async function enter({ routerPort }: Member, username: string, host = OUTSIDE!): Promise<string> {
  const sql = connect(host, routerPort, username);
  try {
    const [row] = await sql<{ who: string }[]>`select current_user as who`;
    return row!.who;
  } catch (error) {
    return error instanceof postgres.PostgresError
      ? `${error.code} ${error.message} ${error.hint}`
      : String(error);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

Deno.test({
  name: "routers ask the primary who a client is where they cannot ask their own server",
  ignore: OUTSIDE === undefined,
  async fn(t) {
    await inFolder(async (folder) => {
      const all = members("node1", "node2", "witness");
      const [first, second, witness] = all as [Member, Member, Member];
      const reachable = (member: Member) => ({
        ...configOf(member, all, folder),
        router: { host: "0.0.0.0", port: member.routerPort },
      });
      const files = await Promise.all(all.map((member) => writeConfig(folder, reachable(member))));
      const agents = await Promise.all(files.map(startAgent));
      await settled(files[0]!, 3);
      const owner = connect("127.0.0.1", first.databasePort, "postgres");
      await owner.unsafe(`create role app login password '${PASSWORD}'`);
      await owner.end();

      await t.step("a witness without a login says so, and serves its own host", async () => {
        const refusal = await enter(witness, "app");
        assert.match(refusal, /^28000 .*witness without a database login/);
        assert.match(refusal, /local_db\.username and local_db\.password/);
        assert.equal(await enter(witness, "app", "127.0.0.1"), "app");
      });

      await t.step("a witness with a login lets in whom every other member does", async () => {
        await agents[2]!.stop();
        const login = { username: "postgres", password: PASSWORD };
        const file = await writeConfig(folder, { ...reachable(witness), local_db: login });
        agents[2] = await startAgent(file);
        await settled(file, 3);
        assert.equal(await enter(witness, "app"), "app");
        assert.match(await enter(witness, "postgres"), /^28000 .*from loopback only/);
        assert.equal(await enter(witness, "postgres", "127.0.0.1"), "postgres");
      });

      await t.step("a query is cancelled through another member's router", async () => {
        const junction = openJunction(first.routerPort, witness.routerPort);
        const sql = connect("127.0.0.1", junction.port, "app");
        const query = sql`select pg_sleep(600)`;
        const ended = query.then(() => "done", (error) => error.code);
        const looking = connect("127.0.0.1", first.databasePort, "postgres");
        await eventually("the query to run", async () => {
          const [row] = await looking`
            select 1 from pg_stat_activity where usename = 'app' and state = 'active'`;
          return row !== undefined;
        });
        await looking.end();
        query.cancel();
        assert.equal(await ended, "57014");
        await sql.end();
        await junction.close();
        assert.equal((await statusOf(first)).router.cancelled, 1);
      });

      await t.step("a member whose own server does not answer asks the primary", async () => {
        const postmaster = postmasterOf(`${folder}/node2-data`, listProcesses())!;
        sendSignal(postmaster, "SIGSTOP");
        try {
          // The agent's own connection goes on without its postmaster, so it is ended too.
          for (const { pid, parent, args } of listProcesses()) {
            if (parent === postmaster && args.join(" ").includes(" postgres 127.0.0.1")) {
              sendSignal(pid, "SIGTERM");
            }
          }
          await eventually(
            "the server to be unresponsive",
            async () => (await statusOf(second)).state === "unresponsive",
          );
          assert.equal(await enter(second, "app"), "app");
          assert.match(await enter(second, "postgres"), /^28000 .*from loopback only/);
        } finally {
          sendSignal(postmaster, "SIGCONT");
        }
      });
      for (const agent of agents) assert.equal(await agent.stop(), 0);
    });
  },
});
