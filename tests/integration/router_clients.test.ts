/** Clients as they come, with splitting on: each does the same as on a direct connection. */
import assert from "node:assert/strict";
import { loadParser } from "../../src/sql/parser.ts";
import { type Bench, withRouter } from "../router/harness.ts";
import {
  type Database,
  noPostgres,
  psql,
  run,
  startDatabase,
  startStandby,
  verifying,
} from "./router_postgres.ts";

const JAR = "/usr/share/java/postgresql.jar";
const CLIENTS = new URL("./clients/", import.meta.url).pathname;

async function works(program: string, ...args: readonly string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: [...args], stdout: "null", stderr: "null" })
      .output()).success;
  } catch {
    return false;
  }
}

async function output(program: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(code, 0, text(stderr) + text(stdout));
  return text(stdout);
}

Deno.test({
  name: "clients do through the router what they do on a direct connection",
  ignore: noPostgres,
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
    const step = (name: string, ignore: boolean, body: (bench: Bench) => Promise<void>) =>
      t.step({
        name,
        ignore,
        // A virtual machine takes its time to load what a password needs.
        fn: () =>
          withRouter(
            { view, options: { startupTimeoutMs: 30_000 }, ports: { parser, roles } },
            body,
          ),
      });
    const reads = ({ router }: Bench) => router.statistics().queries.b?.reads ?? 0;
    try {
      await primary.sql(
        "GRANT CREATE ON DATABASE postgres TO app; SET ROLE app; CREATE SCHEMA shop; " +
          "CREATE TABLE shop.item (id serial PRIMARY KEY, name text UNIQUE, at timestamptz); " +
          "INSERT INTO shop.item (name, at) SELECT 'item ' || i, '2024-01-01'::timestamptz + i * " +
          "interval '1 h' FROM generate_series(1, 500) i; " +
          "CREATE VIEW shop.recent AS SELECT * FROM shop.item WHERE id > 400; " +
          "CREATE FUNCTION shop.twice(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * i'; " +
          "COMMENT ON TABLE shop.item IS 'for sale'",
      );
      await standby.becomes("500", "SELECT count(*) FROM shop.item");

      for (const text of ["\\d", "\\d+ shop.item", "\\df shop.*", "\\l", "\\dn+", "\\du"]) {
        await step(`psql ${text}`, false, async (bench) => {
          const direct = await psql({ port: primary.port, stdin: `${text}\n` });
          const routed = await psql({
            port: bench.port,
            stdin: `SELECT 1 \\g /dev/null\n${text}\n`,
          });
          assert.equal(routed.stderr, direct.stderr);
          assert.equal(routed.stdout, direct.stdout);
        });
      }

      await step("pg_dump and pg_restore", false, async (bench) => {
        const where = (port: number) => ["-h", "127.0.0.1", "-p", String(port), "-U", "app"];
        const folder = await Deno.makeTempDir({ prefix: "metako-dump-" });
        try {
          const dump = async (port: number) => {
            const { code, stdout, stderr } = await run("pg_dump", [
              ...where(port),
              "-n",
              "shop",
              "postgres",
            ]);
            assert.equal(code, 0, stderr);
            // Newer versions put a random word into the file.
            return stdout.replaceAll(/^\\(un)?restrict .*$/gm, "");
          };
          const direct = await dump(primary.port);
          assert.equal(await dump(bench.port), direct);
          const file = `${folder}/shop.dump`;
          const kept = await run("pg_dump", [
            ...where(bench.port),
            "-n",
            "shop",
            "-Fc",
            "-f",
            file,
            "postgres",
          ]);
          assert.equal(kept.code, 0, kept.stderr);
          const restored = await run("pg_restore", [
            ...where(bench.port),
            "--clean",
            "-d",
            "postgres",
            file,
          ]);
          assert.equal(restored.code, 0, restored.stderr);
          assert.equal(await dump(bench.port), direct);
        } finally {
          await Deno.remove(folder, { recursive: true });
        }
      });

      for (const generation of ["2", "3"]) {
        const module = generation === "2" ? "psycopg2" : "psycopg";
        const missing = !await works("/usr/bin/python3", "-c", `import ${module}`);
        await step(`psycopg ${generation}`, missing, async (bench) => {
          const script = `${CLIENTS}application.py`;
          const args = [script, String(bench.port), generation];
          assert.equal(await output("/usr/bin/python3", args), "done\n");
          assert.ok(reads(bench) > 0, "none of its reads went to the standby");
        });
      }

      const missing = !await works("java", "-version") || !await works("test", "-e", JAR);
      await step("JDBC", missing, async (bench) => {
        const args = ["-cp", JAR, `${CLIENTS}Driver.java`, String(bench.port)];
        assert.equal(await output("java", args), "done\n");
        assert.ok(reads(bench) > 0, "none of its reads went to the standby");
      });
    } finally {
      await standby.stop();
      await primary.stop();
    }
  },
});
