/**
 * PgBouncer, pooling by transaction, in front of a member's router: its few sessions outlive a
 * switchover, and its many clients notice a pause.
 */
import assert from "node:assert/strict";
import {
  configOf,
  eventually,
  inFolder,
  members,
  metako,
  PASSWORD,
  settled,
  startAgent,
  writeConfig,
} from "./agent_world.ts";
import { PGBOUNCER, setUpPgbouncer } from "./pgbouncer_setup.ts";
import { freePort } from "./postgres_world.ts";
import { run } from "./router_postgres.ts";

const CLIENTS = 12;
const SESSIONS = 4;
/** A read and a write, each for itself. */
const SCRIPT = `\\set n :n + 1
SELECT count(*) FROM done WHERE client = :client_id;
INSERT INTO done VALUES (:client_id, :n);
`;

Deno.test({
  name: "pgbouncer in front of a router outlives a switchover",
  ignore: await Deno.stat(PGBOUNCER).then(() => false, () => true),
  async fn() {
    await inFolder(async (folder) => {
      const all = members("node1", "node2", "node3");
      const files = await Promise.all(
        all.map((member) =>
          writeConfig(folder, {
            ...configOf(member, all, folder),
            load_balancer: { write_timeout: "10s" },
          })
        ),
      );
      const agents = await Promise.all(files.map(startAgent));
      assert.equal(await settled(files[0]!, 3), "node1");
      const port = freePort();
      const pool = await startPool(folder, port, all[2]!.routerPort);
      const psql = (text: string) => client("psql", port, ["-v", "ON_ERROR_STOP=1", "-qAtc", text]);
      try {
        await eventually("the pool to answer", async () => (await psql("SELECT 1")).code === 0);
        const made = await psql("CREATE TABLE done (client int, n int)");
        assert.equal(made.code, 0, made.stderr);

        const script = `${folder}/work.sql`;
        await Deno.writeTextFile(script, SCRIPT);
        const load = ["-n", "-c", String(CLIENTS), "-j", "2", "-T", "8", "-f", script, "-D", "n=0"];
        const working = client("pgbench", port, load);
        await new Promise((resolve) => setTimeout(resolve, 3000));
        const moved = await metako("failover", "--to", "node2", "--config", files[0]!);
        assert.equal(moved.code, 0, moved.err);

        const { code, stdout, stderr } = await working;
        assert.equal(code, 0, stderr);
        const done = Number(/actually processed: (\d+)/.exec(stdout)?.[1]);
        // Another session of the pool may read from a standby that is not there yet.
        const counted = await psql("/* metako: primary */ SELECT count(*) FROM done");
        const rows = Number(counted.stdout);
        assert.ok(done > CLIENTS && rows === done, `${done} acknowledged, ${rows} rows`);
      } finally {
        pool.kill("SIGINT");
        await pool.status;
      }
      await Promise.all(agents.map((agent) => agent.stop()));
    });
  },
});

async function startPool(folder: string, port: number, to: number): Promise<Deno.ChildProcess> {
  const args = await setUpPgbouncer(folder, {
    port,
    to,
    login: { user: "postgres", password: PASSWORD },
    settings: ["pool_mode = transaction", `default_pool_size = ${SESSIONS}`],
  });
  return new Deno.Command(PGBOUNCER, { args, stdin: "null", stdout: "null", stderr: "null" })
    .spawn();
}

function client(program: string, port: number, args: readonly string[]) {
  const where = ["-h", "127.0.0.1", "-p", String(port), "-U", "postgres", "postgres"];
  return run(program, [...args, ...where], { env: { PGPASSWORD: PASSWORD } });
}
