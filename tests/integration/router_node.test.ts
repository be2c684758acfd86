/** The two clients of Node.js with splitting on, and psql's own commands. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
// @ts-types="npm:@types/pg-copy-streams@^1"
import { from as copyFrom } from "pg-copy-streams";
// @ts-types="npm:@types/pg-cursor@^2"
import Cursor from "pg-cursor";
import { loadParser } from "../../src/sql/parser.ts";
import { type Bench, withRouter } from "../router/harness.ts";
import {
  connect,
  type Database,
  noPostgres,
  psql,
  run,
  startDatabase,
  startStandby,
  verifying,
} from "./router_postgres.ts";

const SESSIONS = "SELECT sessions FROM pg_stat_database WHERE datname = 'postgres'";

Deno.test({
  name: "clients of Node.js do through the router what they do on a direct connection",
  ignore: noPostgres,
  // The clients keep timers of their own for a moment after their end.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    const primary = await startDatabase();
    const standby = await startStandby(primary);
    const parser = await loadParser();
    const at = ({ port }: Database, node: string) => ({ node, host: "127.0.0.1", port });
    const view = {
      primary: at(primary, "a"),
      standbys: [{ ...at(standby, "b"), local: false, healthy: true, lagBytes: 0 }],
    };
    const roles = verifying(primary);
    const options = { startupTimeoutMs: 30_000 };
    const step = (name: string, body: (bench: Bench) => Promise<void>) =>
      t.step(name, () => withRouter({ view, options, ports: { parser, roles } }, body));
    try {
      await primary.sql(
        "CREATE TABLE item (id int PRIMARY KEY, name text); GRANT ALL ON item TO app",
      );
      await primary.sql("INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 5000) i");
      await standby.becomes("5000", "SELECT count(*) FROM item");

      await step("pg: parameters, named statements, transactions, errors", async ({ port }) => {
        const client = await open(port);
        for (let i = 1; i <= 20; i++) {
          const { rows } = await client.query("SELECT name FROM item WHERE id = $1", [i]);
          assert.deepEqual(rows, [{ name: `item ${i}` }]);
          const named = { name: "by id", text: "SELECT id FROM item WHERE id = $1", values: [i] };
          assert.deepEqual((await client.query(named)).rows, [{ id: i }]);
        }
        await client.query("BEGIN");
        await client.query("UPDATE item SET name = $1 WHERE id = 1", ["other"]);
        const inside = await client.query("SELECT name FROM item WHERE id = 1");
        assert.deepEqual(inside.rows, [{ name: "other" }]);
        await client.query("ROLLBACK");
        await assert.rejects(client.query("SELECT nothing FROM item"), /"nothing" does not exist/);
        const after = await client.query("SELECT name FROM item WHERE id = 1");
        assert.deepEqual(after.rows, [{ name: "item 1" }]);
        await client.end();
      });

      await step("pg-cursor: inside of transactions and outside", async ({ port }) => {
        const client = await open(port);
        for (const begin of [null, "BEGIN", "BEGIN READ ONLY"]) {
          if (begin !== null) await client.query(begin);
          const cursor = client.query(new Cursor("SELECT id FROM item ORDER BY id"));
          let seen = 0;
          for (;;) {
            const rows = await cursor.read(700);
            if (rows.length === 0) break;
            assert.equal(rows[0].id, seen + 1);
            seen += rows.length;
          }
          assert.equal(seen, 5000);
          await cursor.close();
          // Left half-way.
          const left = client.query(new Cursor("SELECT id FROM item"));
          assert.equal((await left.read(3)).length, 3);
          await left.close();
          if (begin !== null) await client.query("COMMIT");
          assert.equal((await client.query("SELECT 1 AS one")).rows[0].one, 1);
        }
        await client.end();
      });

      await step("pg-copy-streams: three thousand rows in", async ({ port }) => {
        const client = await open(port);
        const lines = Array.from({ length: 3000 }, (_, i) => `${10_000 + i}\tcopied\n`);
        await pipeline(Readable.from(lines), client.query(copyFrom("COPY item FROM STDIN")));
        const { rows } = await client.query("DELETE FROM item WHERE id >= 10000 RETURNING id");
        assert.equal(rows.length, 3000);
        await client.end();
      });

      await step("postgres: cursors and copies", async ({ port }) => {
        const sql = connect(port);
        let seen = 0;
        for await (const rows of sql`SELECT id FROM item ORDER BY id`.cursor(900)) {
          seen += rows.length;
        }
        assert.equal(seen, 5000);
        const input = await sql`COPY item FROM STDIN`.writable();
        await pipeline(Readable.from(["20000\tcopied\n", "20001\tcopied\n"]), input);
        const output = await sql`COPY (SELECT id FROM item WHERE id >= 20000) TO STDOUT`.readable();
        let text = "";
        for await (const chunk of output) text += chunk;
        assert.equal(text, "20000\n20001\n");
        await sql`DELETE FROM item WHERE id >= 20000`;
        await sql.end();
      });

      await step("psql: \\copy, \\watch, \\gexec, \\gset", async ({ port }) => {
        const file = await Deno.makeTempFile({ prefix: "metako-copy-" });
        try {
          const stdin = `\\copy (SELECT id FROM item WHERE id <= 3 ORDER BY id) TO '${file}'\n` +
            "CREATE TEMP TABLE part (id int);\n" +
            `\\copy part FROM '${file}'\nSELECT sum(id) FROM part;\n` +
            "SELECT 'SELECT ' || i FROM generate_series(1, 2) i \\gexec\n" +
            "SELECT max(id) AS most FROM item \\gset\n\\echo :most\n";
          assert.deepEqual((await psql({ port, stdin })).stdout.trim().split("\n"), [
            "6",
            "1",
            "2",
            "5000",
          ]);
          // Until its standard input is read to the end it repeats; an error ends it too.
          const watched = await psql({
            port,
            stdin: "CREATE TEMP SEQUENCE s;\nSELECT 1 / (3 - nextval('s')) \\watch 0.1\n",
          });
          assert.match(watched.stderr, /division by zero/);
          assert.match(watched.stdout, /0\n[^]*1\n/);
        } finally {
          await Deno.remove(file);
        }
      });

      await step("a connection per read costs one connection to a server", async ({ port }) => {
        const before = [await primary.sql(SESSIONS), await standby.sql(SESSIONS)].map(Number);
        const { code, stderr } = await run("pgbench", [
          ...["-n", "-C", "-c", "2", "-t", "20", "-f", "/dev/stdin"],
          ...["-h", "127.0.0.1", "-p", String(port), "-U", "app", "postgres"],
        ], { stdin: "SELECT name FROM item WHERE id = 7;\n" });
        assert.equal(code, 0, stderr);
        // Counts appear once a session has ended; the questions themselves are sessions, too.
        let opened = [0, 0];
        for (let i = 0; i < 50 && opened[0]! < 40; i++) {
          const now = [await primary.sql(SESSIONS), await standby.sql(SESSIONS)].map(Number);
          opened = now.map((count, index) => count - before[index]! - i - 1);
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        assert.ok(opened[0]! >= 40, `${opened}`);
        assert.ok(opened[1]! < 5, `${opened}`);
      });
    } finally {
      await standby.stop();
      await primary.stop();
    }
  },
});

async function open(port: number): Promise<pg.Client> {
  const where = { host: "127.0.0.1", port, user: "app", database: "postgres" };
  const client = new pg.Client({ ...where, password: "secret" });
  await client.connect();
  return client;
}
