/** Real clients and a real server on both sides of the router: everything gets through unharmed. */
import assert from "node:assert/strict";
import { type Bench, eventually, pause, Peer, withRouter } from "../router/harness.ts";
import { queryBytes } from "../../src/wire/messages.ts";
import {
  BIN,
  connect,
  type Database,
  noPostgres,
  psql,
  run,
  startDatabase,
} from "./router_postgres.ts";

function targetOf({ port }: Database) {
  return { node: "a", host: "127.0.0.1", port };
}

async function rejection(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    return error as { code: string; message: string };
  }
  return assert.fail("it was expected to be rejected");
}

const SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' " +
  "AND state = 'active'";

Deno.test({
  name: "startRouter() carries real traffic",
  ignore: noPostgres,
  // The client library keeps timers of its own for a moment after its end.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    const database = await startDatabase();
    const view = { primary: targetOf(database) };
    const step = (name: string, body: (bench: Bench) => Promise<void>, options = {}) =>
      t.step(name, () => withRouter({ view, options }, body));
    try {
      await step("queries, prepared statements, transactions and errors", async ({ port }) => {
        const sql = connect(port);
        await sql`CREATE TABLE account (id int PRIMARY KEY, balance int)`;
        await sql.begin(async (inner) => {
          for (let id = 0; id < 50; id++) {
            await inner`INSERT INTO account VALUES (${id}, ${id * 2})`;
          }
        });
        const [row] = await sql`SELECT count(*)::int AS n, sum(balance)::int AS sum FROM account`;
        assert.deepEqual({ ...row }, { n: 50, sum: 2450 });
        assert.equal((await rejection(sql`INSERT INTO account VALUES (1, 1)`)).code, "23505");
        assert.equal((await sql`SELECT 1 AS one`)[0]!.one, 1);
        await sql.end();
      });

      await step("COPY of some megabytes in and out, byte for byte", async ({ port }) => {
        const rows = Array.from(
          { length: 60_000 },
          (_, i) => `${i}\t${"é".repeat(i % 50)}-${i * 7}`,
        );
        const stdin = "CREATE TABLE load (id int, t text);\n\\copy load FROM STDIN\n" +
          rows.join("\n") + "\n\\.\n";
        const loaded = await psql({ port, stdin });
        assert.deepEqual({ code: loaded.code, stderr: loaded.stderr }, { code: 0, stderr: "" });
        const out = await psql({ port, args: ["-c", "COPY (TABLE load ORDER BY id) TO STDOUT"] });
        assert.ok(out.stdout.length > 2 << 20);
        assert.ok(out.stdout === rows.join("\n") + "\n");
      });

      await step("a row of 50 MB", async ({ port }) => {
        const sql = connect(port);
        const size = 50 * 1024 * 1024;
        const [row] = await sql`SELECT repeat('metako', ${size / 6 | 0}) AS big`;
        assert.equal(row!.big.length, (size / 6 | 0) * 6);
        assert.equal(row!.big.slice(-9), "akometako");
        await sql.end();
      });

      await step(
        "a cancel by the client library and by psql's Ctrl-C",
        async ({ port, router }) => {
          const sql = connect(port);
          const query = sql`SELECT pg_sleep(60)`;
          const cancelled = rejection(query);
          while (await database.sql(SLEEPING) === "0") await pause(50);
          query.cancel();
          assert.equal((await cancelled).code, "57014");
          await sql.end();
          const child = new Deno.Command(`${BIN}/psql`, {
            args: [
              "-X",
              `host=127.0.0.1 port=${port} user=app dbname=postgres`,
              "-c",
              "SELECT pg_sleep(59)",
            ],
            env: { PGPASSWORD: "secret", LC_ALL: "C" },
            stdout: "piped",
            stderr: "piped",
          }).spawn();
          const running =
            "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(59)'";
          while (await database.sql(running) === "0") await pause(50);
          child.kill("SIGINT");
          const { stderr } = await child.output();
          assert.match(new TextDecoder().decode(stderr), /canceling statement due to user request/);
          assert.equal(router.statistics().cancelled, 2);
        },
      );

      await step("LISTEN and NOTIFY while idle", async ({ port }) => {
        const [listener, sender] = [connect(port), connect(port)];
        const heard = Promise.withResolvers<string>();
        await listener.listen("news", heard.resolve);
        await sender.notify("news", "good");
        assert.equal(await heard.promise, "good");
        await Promise.all([listener.end(), sender.end()]);
      });

      await step("a replication connection from loopback", async ({ port }) => {
        const where =
          `host=127.0.0.1 port=${port} user=postgres dbname=postgres replication=database`;
        const { code, stdout, stderr } = await run("psql", [
          "-XAt",
          where,
          "-c",
          "IDENTIFY_SYSTEM",
        ]);
        assert.equal(code, 0, stderr);
        assert.match(stdout, /^\d+\|1\|0\/[0-9A-F]+\|postgres/);
      });

      await step("200 clients at once, of which as many as fit are served", async (bench) => {
        const attempts = Array.from({ length: 200 }, async () => {
          const sql = connect(bench.port);
          try {
            await sql`SELECT pg_sleep(1)`;
            return "served";
          } catch (error) {
            return (error as { code: string }).code;
          } finally {
            await sql.end({ timeout: 1 });
          }
        });
        const outcomes = await Promise.all(attempts);
        const served = outcomes.filter((outcome) => outcome === "served").length;
        const refused = outcomes.filter((outcome) => outcome === "53300").length;
        assert.equal(served + refused, 200, [...new Set(outcomes)].join());
        assert.ok(served >= 40 && refused > 0, `${served} served, ${refused} refused`);
        await eventually("all left", () => bench.router.statistics().sessions === 0);
      }, { maximumConnections: 40, maximumPendingPerAddress: 200 });

      await step("twenty clients that do not read cost bounded memory", async (bench) => {
        const before = Deno.memoryUsage().rss;
        const clients = await Promise.all(Array.from({ length: 20 }, async () => {
          const client = await Peer.connect(bench.port);
          await client.login({ user: "plain", database: "postgres" });
          await client.send(
            queryBytes("SELECT repeat('x', 1000) FROM generate_series(1, 3000000)"),
          );
          return client;
        }));
        let moved = -1;
        while (moved !== bench.router.statistics().bytesToClient) {
          moved = bench.router.statistics().bytesToClient;
          await pause(300);
        }
        const grownMb = (Deno.memoryUsage().rss - before) / 2 ** 20;
        assert.ok(grownMb < 100, `grew by ${grownMb} MB`);
        for (const client of clients) client.close();
        await eventually("all left", () => bench.router.statistics().sessions === 0);
        const busy = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'plain'";
        await database.becomes("0", busy);
      });

      await step("a client that vanishes leaves no query behind", async (bench) => {
        const client = await Peer.connect(bench.port);
        await client.login({ user: "plain", database: "postgres" });
        await client.send(queryBytes("SELECT pg_sleep(61)"));
        const running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(61)' " +
          "AND state = 'active' AND pid <> pg_backend_pid()";
        await database.becomes("1", running);
        client.close();
        await database.becomes("0", running);
      });
    } finally {
      await database.stop();
    }
  },
});
