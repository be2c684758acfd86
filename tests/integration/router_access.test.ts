/** What real clients read when they may not come in, have to wait, or are sent away. */
import assert from "node:assert/strict";
import { eventually, withRouter } from "../router/harness.ts";
import { noPostgres, psql, run, startDatabase } from "./router_postgres.ts";

Deno.test({
  name: "startRouter() tells real clients why",
  ignore: noPostgres,
  async fn(t) {
    const database = await startDatabase();
    const primary = { node: "a", host: "127.0.0.1", port: database.port };
    const SELECT = ["-c", "SELECT 'got through'"];
    try {
      await t.step(
        "a wrong password gets the server's own words",
        () =>
          withRouter({ view: { primary } }, async ({ port }) => {
            const where = `host=127.0.0.1 port=${port} user=app dbname=postgres`;
            const env = { PGPASSWORD: "wrong" };
            const { code, stderr } = await run("psql", ["-X", where, ...SELECT], { env });
            assert.equal(code, 2);
            assert.match(stderr, /FATAL: {2}password authentication failed for user "app"/);
          }),
      );

      await t.step(
        "an unknown role goes through the same exchange to the same words",
        () =>
          withRouter({ view: { primary } }, async ({ port }) => {
            const { stderr } = await psql({ port, user: "nobody", args: SELECT });
            assert.match(stderr, /FATAL: {2}password authentication failed for user "nobody"/);
          }),
      );

      await t.step(
        "an unknown database is the server's to refuse",
        () =>
          withRouter({ view: { primary } }, async ({ port }) => {
            const { stderr } = await psql({ port, database: "nowhere", args: SELECT });
            assert.match(stderr, /FATAL: {2}database "nowhere" does not exist/);
          }),
      );

      await t.step("a server that trusts the router is refused, unless it is allowed", async () => {
        await withRouter({ view: { primary } }, async ({ port }) => {
          const { code, stderr } = await psql({ port, user: "trusted", args: SELECT });
          assert.equal(code, 2);
          assert.match(stderr, /FATAL: .*without a password/);
          assert.match(stderr, /HINT: .*scram-sha-256/);
        });
        const options = { allowTrustedBackend: true };
        await withRouter({ view: { primary }, options }, async ({ port }) => {
          const { stdout } = await psql({ port, user: "trusted", args: SELECT });
          assert.equal(stdout, "got through\n");
        });
      });

      await t.step("a superuser comes in from loopback and from nowhere else", async () => {
        await withRouter({ view: { primary } }, async ({ port }) => {
          assert.equal((await psql({ port, user: "postgres", args: SELECT })).code, 0);
        });
        const ports = { isLoopback: () => false };
        await withRouter({ view: { primary }, ports }, async ({ port }) => {
          const { code, stderr } = await psql({ port, user: "postgres", args: SELECT });
          assert.equal(code, 2);
          assert.match(stderr, /FATAL: .*loopback only/);
          assert.equal((await psql({ port, args: SELECT })).code, 0);
        });
      });

      await t.step(
        "no primary: 57P03 after write_timeout, success if one appears before",
        async () => {
          const options = { writeTimeoutMs: 200 };
          await withRouter({ view: { primary: null }, options }, async ({ port }) => {
            const { code, stderr } = await psql({ port, args: SELECT });
            assert.equal(code, 2);
            assert.match(stderr, /FATAL: .*no primary was found within 200 ms: no leader is known/);
          });
          const patient = { writeTimeoutMs: 10_000 };
          await withRouter({ view: { primary: null }, options: patient }, async (bench) => {
            const waiting = psql({ port: bench.port, args: SELECT });
            await eventually("it waits", () => bench.router.statistics().waiting === 1);
            bench.setView({ primary });
            assert.equal((await waiting).stdout, "got through\n");
          });
        },
      );

      await t.step(
        "a change of primary: 57P01 with the reason, then a new session",
        () =>
          withRouter({ view: { primary } }, async (bench) => {
            const script = "SELECT 'first';\n\\! sleep 1\nSELECT 'second';\n";
            const running = psql({ port: bench.port, stdin: script });
            await eventually("it runs", () => bench.router.statistics().sessions === 1);
            await new Promise((resolve) => setTimeout(resolve, 300));
            bench.setView({ term: 2 });
            const { stdout, stderr } = await running;
            assert.equal(stdout, "first\n");
            assert.match(stderr, /FATAL: .*term 2 began on a/);
            assert.equal((await psql({ port: bench.port, args: SELECT })).code, 0);
          }),
      );

      await t.step(
        "a killed backend: the server's own words",
        () =>
          withRouter({ view: { primary } }, async (bench) => {
            const running = psql({ port: bench.port, args: ["-c", "SELECT pg_sleep(62)"] });
            const find = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity " +
              "WHERE usename = 'app' AND state = 'active'";
            await database.becomes("1", find);
            assert.match(
              (await running).stderr,
              /terminating connection due to administrator command/,
            );
          }),
      );
    } finally {
      await database.stop();
    }
  },
});
