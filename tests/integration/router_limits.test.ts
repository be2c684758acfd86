/** Limits on time with splitting, on a real primary and a real standby. */
import assert from "node:assert/strict";
import type { RouterOptions } from "../../src/router/options.ts";
import { queryBytes, terminateBytes } from "../../src/wire/messages.ts";
import { parseDataRow } from "../../src/wire/requests.ts";
import { loadParser } from "../../src/sql/parser.ts";
import { type Bench, eventually, pause, withRouter } from "../router/harness.ts";
import {
  connect,
  logIn,
  noPostgres,
  psql,
  startDatabase,
  startStandby,
  verifying,
  viewOf,
} from "./router_postgres.ts";

/** The SQLSTATE and text that a promise fails with. */
async function failure(promise: PromiseLike<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return { code, message };
  }
  assert.fail("it did not fail");
}

Deno.test({
  name: "keepLimits() with splitting",
  ignore: noPostgres,
  // The client library keeps timers of its own for a moment after its end.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    const primary = await startDatabase();
    const standby = await startStandby(primary);
    const parser = await loadParser();
    const view = viewOf(primary, standby);
    const step = (
      name: string,
      options: Partial<RouterOptions>,
      body: (bench: Bench) => Promise<void>,
    ) =>
      t.step(
        name,
        () => withRouter({ view, options, ports: { parser, roles: verifying(primary) } }, body),
      );
    try {
      await step("queries on either server", { queryTimeoutMs: 500 }, async ({ port }) => {
        const sql = connect(port);
        for (const hint of ["primary", "standby"]) {
          const { code, message } = await failure(
            sql.unsafe(`/* metako: ${hint} */ SELECT pg_sleep(30)`),
          );
          assert.equal(code, "57014");
          assert.match(message, /canceling statement.*router\.query_timeout \(500 ms\)/);
          assert.equal((await sql`SELECT 1 AS one`)[0]!.one, 1);
        }
        // Short ones one after another are no long one.
        for (let i = 0; i < 4; i++) await sql`SELECT pg_sleep(0.3)`;
        await sql.end();
        await primary.becomes(
          "0",
          "SELECT count(*) FROM pg_stat_activity WHERE query ~ '[s]leep.30'",
        );
      });

      await step("transactions", { idleInTransactionTimeoutMs: 500 }, async ({ port }) => {
        for (const begin of ["BEGIN", "BEGIN READ ONLY"]) {
          const script = `\\set VERBOSITY verbose\n${begin};\nSELECT pg_sleep(0.8);\n` +
            "\\! sleep 1.5\nSELECT 1;\n";
          const { code, stderr } = await psql({ port, stdin: script });
          assert.notEqual(code, 0);
          assert.match(stderr, /FATAL: +25P03: .*router\.idle_in_transaction_timeout \(500 ms\)/);
        }
        for (const database of [primary, standby]) {
          await database.becomes(
            "0",
            "SELECT count(*) FROM pg_stat_activity WHERE state ~ '^idle in'",
          );
        }
      });

      await step("idle sessions", { idleTimeoutMs: 500 }, async ({ port, router, logged }) => {
        const sql = connect(port);
        for (let i = 0; i < 4; i++) {
          await sql`SELECT 1`;
          await pause(300);
        }
        assert.equal(router.statistics().sessions, 1);
        await pause(900);
        assert.equal(router.statistics().sessions, 0);
        assert.ok(logged.some((line) => /session_timed_out.*idle_timeout/.test(line)));
        await sql.end({ timeout: 1 });
      });

      await step(
        "waiting for a primary is not resting",
        { idleTimeoutMs: 300, queryTimeoutMs: 300, writeTimeoutMs: 10_000 },
        async ({ port, setView, router }) => {
          const sql = connect(port);
          await sql`SELECT 1`;
          setView({ primary: null });
          const waiting = sql`SELECT pg_backend_pid() AS pid`.execute();
          await pause(1000);
          assert.equal(router.statistics().waiting, 1);
          setView({ primary: view.primary });
          assert.equal((await waiting).length, 1);
          await sql.end();
        },
      );
      await step(
        "a client that leaves while it waits for a primary is noticed",
        { writeTimeoutMs: 60_000 },
        async ({ port, setView, router }) => {
          const login = () => logIn(primary, port);
          const clients = [await login(), await login(), await login()];
          setView({ primary: null });
          for (const client of clients) await client.send(queryBytes("SELECT 1"));
          await eventually("they wait", () => router.statistics().waiting === 3);
          clients[0]!.close();
          await eventually("one less waits", () => router.statistics().waiting === 2);
          // A polite one, and one that says more than it is asked.
          await clients[1]!.send(terminateBytes());
          clients[1]!.close();
          await eventually("one waits", () => router.statistics().waiting === 1);
          await clients[2]!.send(queryBytes("SELECT 2"));
          setView({ primary: view.primary });
          for (const answer of ["1", "2"]) {
            const row = await clients[2]!.until("D");
            assert.equal(parseDataRow(row!.payload)?.[0], answer);
            assert.notEqual(await clients[2]!.until("Z"), null);
          }
          clients[2]!.close();
          await eventually("all are gone", () => router.statistics().sessions === 0);
        },
      );
    } finally {
      await standby.stop();
      await primary.stop();
    }
  },
});
