/** Read/write splitting on a real primary with a real standby: what runs where, and what clients see. */
import assert from "node:assert/strict";
import type { RouterOptions, RouteView } from "../../src/router/options.ts";
import { loadParser } from "../../src/sql/parser.ts";
import { type Bench, eventually, pause, withRouter } from "../router/harness.ts";
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

const WHERE = "/* metako: standby */ SELECT inet_server_port() AS port";

/** Runs psql through the router; the lines that it prints. */
async function through(port: number, stdin: string): Promise<readonly string[]> {
  const { code, stdout, stderr } = await psql({ port, stdin });
  assert.equal(code, 0, stderr);
  return stdout.trimEnd().split("\n");
}

Deno.test({
  name: "startRouter() leads reads to standbys",
  ignore: noPostgres,
  // The client library keeps timers of its own for a moment after its end.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    const primary = await startDatabase();
    const standby = await startStandby(primary);
    const parser = await loadParser();
    const at = (database: Database, node: string) => (
      { node, host: "127.0.0.1", port: database.port }
    );
    const view: Partial<RouteView> = {
      primary: at(primary, "a"),
      standbys: [{ ...at(standby, "b"), local: false, healthy: true, lagBytes: 0 }],
    };
    const roles = verifying(primary);
    const step = (
      name: string,
      body: (bench: Bench) => Promise<void>,
      options: Partial<RouterOptions> = {},
    ) => t.step(name, () => withRouter({ view, options, ports: { parser, roles } }, body));
    const reads = ({ router }: Bench) => router.statistics().queries.b?.reads ?? 0;
    try {
      await primary.sql(
        "CREATE TABLE item (id int PRIMARY KEY, name text); GRANT ALL ON item TO app",
      );
      await primary.sql("INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 100) i");
      await standby.becomes("100", "SELECT count(*) FROM item");

      await step("plain reads, from the second one on", async (bench) => {
        const lines = await through(
          bench.port,
          "SELECT count(*) FROM item;\nSELECT count(*) FROM item;\nSELECT max(id) FROM item;\n",
        );
        assert.deepEqual(lines, ["100", "100", "100"]);
        assert.equal(reads(bench), 2);
      });

      await step("a hint leads there at once, and names the standby", async (bench) => {
        assert.deepEqual(await through(bench.port, `${WHERE};`), [String(standby.port)]);
      });

      await step("writes and everything in their transaction on the primary", async (bench) => {
        const script = `${WHERE};\nBEGIN;\n${WHERE};\nUPDATE item SET name = 'x' WHERE id = 1;\n` +
          "SELECT name FROM item WHERE id = 1;\nROLLBACK;\nSELECT name FROM item WHERE id = 1;\n";
        assert.deepEqual(await through(bench.port, script), [
          String(standby.port),
          String(primary.port),
          "x",
          "item 1",
        ]);
      });

      await step("a transaction that is read only on one standby", async (bench) => {
        const script = `BEGIN READ ONLY;\n${WHERE};\nSELECT count(*) FROM item;\nCOMMIT;\n`;
        assert.deepEqual(await through(bench.port, script), [String(standby.port), "100"]);
      });

      await step("a session reads what it wrote", async ({ port }) => {
        const sql = connect(port);
        for (let i = 0; i < 50; i++) {
          await sql`UPDATE item SET name = ${`round ${i}`} WHERE id = 2`;
          const [row] = await sql`SELECT name FROM item WHERE id = 2`;
          assert.equal(row!.name, `round ${i}`);
        }
        await sql.end();
      });

      await step("settings are the same on both", async (bench) => {
        const script =
          "SELECT 1;\nSELECT 1;\nSET search_path = pg_catalog;\nSET app.tenant = 'it''s';\n" +
          "SET TIME ZONE 'Asia/Seoul';\nSELECT current_setting('app.tenant');\nSHOW search_path;\n" +
          "SHOW timezone;\nRESET search_path;\nSHOW search_path;\n";
        assert.deepEqual(await through(bench.port, script), [
          "1",
          "1",
          "it's",
          "pg_catalog",
          "Asia/Seoul",
          '"$user", public',
        ]);
        assert.equal(reads(bench), 5);
      });

      await step("SET metako.route goes back with its transaction", async (bench) => {
        const where = "SELECT inet_server_port();\n";
        const script = "SET metako.route = 'primary';\n" + where +
          "BEGIN;\nSET metako.route = 'standby';\nROLLBACK;\n" + where +
          "BEGIN;\nSET LOCAL metako.route = 'standby';\nCOMMIT;\n" + where +
          "BEGIN;\nSAVEPOINT s;\nSET metako.route = 'standby';\nROLLBACK TO s;\nCOMMIT;\n" + where +
          "BEGIN;\nSET metako.route = 'standby';\nCOMMIT;\n" + where +
          "BEGIN READ ONLY;\nSET metako.route = 'primary';\nROLLBACK;\n" + where +
          "RESET ALL;\n" + where +
          "SET metako.route = 'standby';\n" + where;
        const [a, b] = [String(primary.port), String(standby.port)];
        assert.deepEqual(await through(bench.port, script), [a, a, a, a, b, b, a, b]);
      });

      await step("what is set in a transaction on the standby is set everywhere", async (bench) => {
        const script = "BEGIN READ ONLY;\nSET app.tenant = 'both';\nCOMMIT;\n" +
          "/* metako: primary */ SELECT current_setting('app.tenant');\n" +
          "/* metako: standby */ SELECT current_setting('app.tenant');\n" +
          "BEGIN READ ONLY;\nSET app.tenant = 'gone';\nROLLBACK;\n" +
          "/* metako: primary */ SELECT current_setting('app.tenant');\n";
        assert.deepEqual(await through(bench.port, script), ["both", "both", "both"]);
      });

      await step("what cannot be mirrored keeps reads on the primary", async (bench) => {
        const sql = "SELECT 1;\nSELECT 1;\nSET client_encoding = LATIN1;\n" +
          "SET app.tenant = E'\\303\\251';\nSELECT octet_length(current_setting('app.tenant'));\n" +
          `${WHERE};\n`;
        const lines = await through(bench.port, sql);
        assert.equal(lines.at(-1), String(primary.port));
      });

      await step("what a rolled back transaction set is not", async ({ port }) => {
        const script = "SELECT 1;\nSELECT 1;\nBEGIN;\nSET app.tenant = 'other';\nROLLBACK;\n" +
          "SELECT coalesce(nullif(current_setting('app.tenant', true), ''), 'none');\n";
        assert.deepEqual(await through(port, script), ["1", "1", "none"]);
      });

      await step("prepared statements are where they are needed", async (bench) => {
        const sql = connect(bench.port);
        for (let id = 1; id <= 20; id++) {
          const [row] = await sql`SELECT id FROM item WHERE id = ${id}`;
          assert.equal(row!.id, id);
          await sql`UPDATE item SET name = 'p' WHERE id = ${id}`;
        }
        assert.ok(reads(bench) > 5, `${reads(bench)} reads on the standby`);
        await sql.end();
      });

      await step("unnamed statements, described before they run", async (bench) => {
        const sql = connect(bench.port, { prepare: false });
        for (let id = 1; id <= 20; id++) {
          const [row] = await sql`SELECT id FROM item WHERE id = ${id}`;
          assert.equal(row!.id, id);
        }
        assert.ok(reads(bench) >= 15, `${reads(bench)} reads on the standby`);
        await sql.end();
      });

      await step("an error is the primary's own", async (bench) => {
        const { code, stderr } = await psql({
          port: bench.port,
          stdin: "SELECT 1;\nSELECT 1;\nSELECT 1/(id - 1) FROM item WHERE id = 1;\n",
        });
        assert.equal(code, 3);
        assert.match(stderr, /division by zero/);
      });

      await step("what only the primary knows yet", async (bench) => {
        const [first] = await through(bench.port, `${WHERE};\n`);
        assert.equal(first, String(standby.port));
        const sql = connect(bench.port);
        await sql.unsafe("SELECT 1");
        await sql.unsafe("SELECT 1");
        await standby.sql("SELECT pg_wal_replay_pause()");
        try {
          await primary.sql("CREATE TABLE fresh AS SELECT 7 AS n; GRANT ALL ON fresh TO app");
          assert.equal((await sql.unsafe("SELECT n FROM fresh"))[0]!.n, 7);
          await sql`UPDATE item SET name = 'paused' WHERE id = 3`;
          assert.equal((await sql`SELECT name FROM item WHERE id = 3`)[0]!.name, "paused");
        } finally {
          await standby.sql("SELECT pg_wal_replay_resume()");
        }
        await sql.end();
        await primary.sql("DROP TABLE fresh");
      });

      await step("a write in disguise is repeated on the primary", async (bench) => {
        await primary.sql(
          "CREATE FUNCTION sly() RETURNS int LANGUAGE plpgsql STABLE AS " +
            "$$ BEGIN RETURN 1; END $$; ",
        );
        const sql = connect(bench.port);
        await sql.unsafe("SELECT 1");
        assert.equal((await sql.unsafe("SELECT sly() AS n"))[0]!.n, 1);
        await sql.end();
        await primary.sql("DROP FUNCTION sly()");
      });

      await step("DO and temporary tables keep a session on its primary", async (bench) => {
        const script = "SELECT 1;\nSELECT 1;\nCREATE TEMP TABLE item (id int);\n" +
          `SELECT count(*) FROM item;\n${WHERE};\nDISCARD ALL;\nSELECT count(*) FROM item;\n`;
        assert.deepEqual(await through(bench.port, script), [
          "1",
          "1",
          "0",
          String(primary.port),
          "100",
        ]);
      });

      await step("COPY in and out", async (bench) => {
        const rows = Array.from({ length: 5000 }, (_, i) => `${i + 1000}\tcopied ${i}`).join("\n");
        const stdin = `SELECT 1;\nSELECT 1;\n\\copy item FROM STDIN\n${rows}\n\\.\n` +
          "SELECT count(*) FROM item WHERE id >= 1000;\nDELETE FROM item WHERE id >= 1000;\n";
        assert.deepEqual(await through(bench.port, stdin), ["1", "1", "5000"]);
      });

      await step("pgbench in its three modes", async ({ port }) => {
        await runBench(["-i", "-s", "1", "-q"], port);
        for (const mode of ["simple", "extended", "prepared"]) {
          await runBench(["-n", "-c", "4", "-t", "50", "-M", mode], port);
          await runBench(["-n", "-S", "-c", "4", "-t", "100", "-M", mode], port);
        }
        const sums = "SELECT (SELECT sum(abalance) FROM pgbench_accounts) = " +
          "(SELECT sum(delta) FROM pgbench_history)";
        assert.deepEqual(await through(port, `${sums};`), ["t"]);
      });

      await step("a standby that leaves is not missed", async (bench) => {
        const sql = connect(bench.port);
        await sql.unsafe("SELECT 1");
        assert.equal((await sql.unsafe(WHERE))[0]!.port, standby.port);
        await standby.sql(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'",
        );
        for (let i = 0; i < 5; i++) {
          assert.equal((await sql.unsafe("SELECT count(*)::int AS n FROM item"))[0]!.n, 100);
        }
        bench.setView({ standbys: [] });
        assert.equal((await sql.unsafe(WHERE))[0]!.port, primary.port);
        await sql.end();
      });

      await step("an idle session outlives its primary", async (bench) => {
        const sql = connect(bench.port);
        await sql.unsafe("SET app.tenant = 'kept'");
        await sql`SELECT name FROM item WHERE id = ${1}`;
        bench.setView({ primary: null, because: "an election is under way" });
        const waiting =
          sql`SELECT current_setting('app.tenant') AS tenant, txid_current() > 0 AS is`;
        const answered = waiting.execute();
        await eventually("the session waits", () => bench.router.statistics().waiting === 1);
        bench.setView({ term: 2, primary: at(primary, "a") });
        assert.deepEqual({ ...(await answered)[0] }, { tenant: "kept", is: true });
        assert.equal((await sql`SELECT id FROM item WHERE id = ${1}`)[0]!.id, 1);
        assert.equal(bench.router.statistics().moved, 1);
        await sql.end();
      });

      await step("reads go on while there is no primary", async (bench) => {
        const sql = connect(bench.port);
        await sql.unsafe("SELECT 1");
        await sql.unsafe("SELECT 1");
        bench.setView({ primary: null, because: "an election is under way" });
        assert.equal((await sql.unsafe("SELECT count(*)::int AS n FROM item"))[0]!.n, 100);
        await sql.end();
      });

      await step("a session that cannot move is closed, and told why", async (bench) => {
        const script = "LISTEN something;\n\\! sleep 1\nSELECT 1;\n";
        const told = psql({ port: bench.port, stdin: script });
        await eventually("it listens", () => bench.router.statistics().queries.a?.writes === 1);
        await pause(100);
        bench.setView({ primary: null, because: "an election is under way" });
        const { stderr } = await told;
        assert.match(stderr, /an election is under way.*it listens for notifications/);
      });
    } finally {
      await standby.stop();
      await primary.stop();
    }
  },
});

async function runBench(args: readonly string[], port: number): Promise<void> {
  const where = ["-h", "127.0.0.1", "-p", String(port), "-U", "app"];
  const { code, stderr } = await run("pgbench", [...where, ...args, "postgres"]);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /aborted|ERROR/);
}
