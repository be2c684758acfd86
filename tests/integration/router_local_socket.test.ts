/** Sessions that reach the server on the router's host by its Unix socket, and those that cannot. */
import assert from "node:assert/strict";
import { withRouter } from "../router/harness.ts";
import { loadParser } from "../../src/sql/parser.ts";
import {
  connect,
  noPostgres,
  psql,
  startDatabase,
  startStandby,
  verifying,
  viewOf,
} from "./router_postgres.ts";

/** How the server sees its client. */
const HOW = "SELECT coalesce(host(inet_client_addr()), 'socket')";

Deno.test({
  name: "startRouter() goes by the local socket, and by TCP where that does not ask for proof",
  ignore: noPostgres,
  async fn(t) {
    const hba = [
      "local all legacy peer",
      "local all closed reject",
      "local shut app reject",
      "host shut app 127.0.0.1/32 reject",
    ];
    const database = await startDatabase(hba);
    const view = { primary: { node: "a", host: "127.0.0.1", port: database.port } };
    const socket = `${database.folder}/.s.PGSQL.${database.port}`;
    const roles = verifying(database);
    const how = async (port: number, user: string) => {
      const { stdout, stderr } = await psql({ port, user, args: ["-c", HOW] });
      return stdout.trim() || stderr;
    };
    await database.sql("CREATE ROLE closed LOGIN PASSWORD 'secret'");
    const ports = { roles, socketOf: () => socket };
    try {
      await t.step(
        "where it asks for SCRAM",
        () =>
          withRouter({ view, ports }, async ({ port, logged }) => {
            assert.equal(await how(port, "app"), "socket");
            assert.deepEqual(logged.filter((line) => /local_socket/.test(line)), []);
          }),
      );

      await t.step(
        "not where it lets in without a password, asks who is there, or lets nobody in",
        () =>
          withRouter({ view, ports }, async ({ port, logged }) => {
            await database.sql("CREATE ROLE other LOGIN PASSWORD 'secret'");
            for (const user of ["other", "legacy", "closed"]) {
              for (let i = 0; i < 2; i++) assert.equal(await how(port, user), "127.0.0.1", user);
            }
            assert.equal(await how(port, "app"), "socket");
            const said = logged.filter((line) => /local_socket_not_used/.test(line));
            assert.equal(said.length, 3, "once for each of them");
            assert.match(said[0]!, /lets in without a password/);
            assert.match(said[1]!, /is closed by pg_hba\.conf/);
            assert.match(said[2]!, /is closed by pg_hba\.conf/);
          }),
      );

      await t.step(
        "a refusal that has nothing to do with the way reads as it is",
        () =>
          withRouter({ view, ports }, async ({ port, logged }) => {
            const { stderr } = await psql({ port, database: "missing" });
            assert.match(stderr, /database "missing" does not exist/);
            assert.equal(logged.filter((line) => /local_socket_not_used/.test(line)).length, 0);
          }),
      );

      await t.step(
        "both ways closed: the client reads what TCP says",
        () =>
          withRouter({ view, ports }, async ({ port }) => {
            await database.sql("CREATE DATABASE shut");
            const { stderr } = await psql({ port, database: "shut" });
            assert.match(stderr, /pg_hba\.conf rejects connection for host "127\.0\.0\.1"/);
          }),
      );

      await t.step(
        "a socket that cannot be reached, and one that is in use again a minute later",
        async () => {
          let path = `${database.folder}/missing`;
          let lateMs = 0;
          const now = () => performance.now() + lateMs;
          await withRouter(
            { view, ports: { roles, now, socketOf: () => path } },
            async ({ port, logged }) => {
              assert.equal(await how(port, "app"), "127.0.0.1");
              path = socket;
              assert.equal(await how(port, "app"), "127.0.0.1");
              lateMs = 61_000;
              assert.equal(await how(port, "app"), "socket");
              const said = logged.filter((line) => /local_socket_not_used/.test(line));
              assert.equal(said.length, 1);
              assert.match(said[0]!, /cannot be reached/);
            },
          );
        },
      );
    } finally {
      await database.stop();
    }
  },
});

Deno.test({
  name: "sessions by the local sockets split, stream, are cancelled and see their server end",
  ignore: noPostgres,
  async fn(t) {
    const primary = await startDatabase();
    const standby = await startStandby(primary);
    const parser = await loadParser();
    let stopped = false;
    const folders: Record<string, string> = { a: primary.folder, b: standby.folder };
    const stored = await primary.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'");
    const ports = {
      // Once, since its server is stopped in the end.
      roles: {
        ...verifying(primary),
        find: () => Promise.resolve({ ok: true, privileged: false, stored } as const),
      },
      parser,
      socketOf: ({ node, port }: { node: string; port: number }) =>
        `${folders[node]}/.s.PGSQL.${port}`,
    };
    try {
      await withRouter({
        view: viewOf(primary, standby),
        options: { splitting: true },
        ports,
      }, async ({ port }) => {
        const sql = connect(port);
        try {
          await t.step("writes to one, reads from the other", async () => {
            await sql`CREATE TABLE numbers AS SELECT generate_series(1, 200000) AS n`;
            const [wrote] = await sql`INSERT INTO numbers VALUES (0)
              RETURNING inet_client_addr() IS NULL AS socket, pg_is_in_recovery() AS standby`;
            assert.deepEqual({ ...wrote }, { socket: true, standby: false });
            await standby.becomes("200001", "SELECT count(*) FROM numbers");
            let onStandby = 0;
            for (let i = 0; i < 20; i++) {
              const [read] = await sql`/* metako: standby */ SELECT count(*)::int AS n,
                inet_client_addr() IS NULL AS socket, pg_is_in_recovery() AS standby FROM numbers`;
              assert.equal(read?.n, 200_001);
              assert.equal(read?.socket, true);
              if (read?.standby === true) onStandby++;
            }
            // The first makes a statement, which the primary does.
            assert.equal(onStandby, 19);
          });

          await t.step("what is larger than any buffer comes whole", async () => {
            const args = [
              "-c",
              "SELECT repeat('x', 1000) || n FROM numbers ORDER BY n LIMIT 40000",
            ];
            const { stdout } = await psql({ port, args });
            const lines = stdout.trimEnd().split("\n");
            assert.equal(lines.length, 40_000);
            assert.ok(lines.every((line, i) => line === "x".repeat(1000) + i));
          });

          await t.step("a cancel request finds its session", async () => {
            const sleep = sql`SELECT pg_sleep(30)`;
            setTimeout(() => sleep.cancel(), 300);
            await assert.rejects(sleep.execute(), { code: "57014" });
          });

          await t.step("the server's last word arrives", async () => {
            const query = "SELECT pg_sleep(30) FROM numbers WHERE n = 1 FOR UPDATE";
            const ended = psql({ port, args: ["-c", query] });
            await primary.becomes(
              "t",
              "SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity " +
                "WHERE query LIKE '%FOR UPDATE' AND wait_event = 'PgSleep'",
            );
            assert.match((await ended).stderr, /terminating connection due to administrator/);
          });
        } finally {
          await sql.end({ timeout: 5 });
        }
      });

      await t.step("a server that is gone is no news of its socket", async () => {
        await primary.stop();
        stopped = true;
        await withRouter({
          view: { primary: viewOf(primary, standby).primary },
          options: { writeTimeoutMs: 500 },
          ports,
        }, async ({ port, logged }) => {
          const { stderr } = await psql({ port });
          assert.match(stderr, /no primary was found within 500 ms/);
          assert.equal(logged.filter((line) => /local_socket_not_used/.test(line)).length, 0);
        });
      });
    } finally {
      await standby.stop();
      if (!stopped) await primary.stop();
    }
  },
});
