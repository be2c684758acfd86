/** Real clients that cancel through another router than their session's. */
import assert from "node:assert/strict";
import postgres from "postgres";
import { mayBeFrom } from "../../src/router/cancel_key.ts";
import { HASHES } from "../../src/router/hashes.ts";
import type { Router } from "../../src/router/options.ts";
import { messageBytes } from "../../src/wire/bytes.ts";
import { parseErrorFields } from "../../src/wire/errors.ts";
import { md5Answer } from "../../src/wire/md5.ts";
import { parseBackendKeyData, queryBytes } from "../../src/wire/messages.ts";
import { passwordBytes } from "../../src/wire/sasl.ts";
import { cancelRequestBytes, startupBytes } from "../../src/wire/startup.ts";
import { Peer, withRouter } from "../router/harness.ts";
import { type Database, noPostgres, startDatabase, verifying } from "./router_postgres.ts";
import { openJunction } from "./junction.ts";

/** Runs `body` with the routers of the members "one" and "two", each knowing the other. */
async function withTwo(
  database: Database,
  body: (one: Router, two: Router) => Promise<void>,
): Promise<void> {
  const view = { primary: { node: "a", host: "127.0.0.1", port: database.port } };
  const routers = new Map<string, Router>();
  const bench = (node: string) => ({
    view,
    options: { node },
    ports: {
      roles: verifying(database),
      cancelElsewhere: async (key: Parameters<Router["cancel"]>[0]) => {
        const other = [...routers].find(([name]) => name !== node && mayBeFrom(key, name));
        return await other?.[1].cancel(key) ?? false;
      },
    },
  });
  await withRouter(bench("one"), async ({ router: one }) => {
    routers.set("one", one);
    await withRouter(bench("two"), async ({ router: two }) => {
      routers.set("two", two);
      await body(one, two);
    });
  });
}

const SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'select pg_sleep%'";

Deno.test({
  name: "startRouter() gives out cancel keys that are good at every router",
  ignore: noPostgres,
  async fn(t) {
    const database = await startDatabase(["host all all 127.0.0.1/32 md5"]);
    await database.sql("SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'secret'");
    try {
      await t.step(
        "a client library cancels through another router",
        () =>
          withTwo(database, async (one, two) => {
            const junction = openJunction(one.address.port, two.address.port);
            const sql = postgres({
              host: "127.0.0.1",
              port: junction.port,
              username: "app",
              password: "secret",
              database: "postgres",
              max: 1,
            });
            const query = sql`select pg_sleep(60)`;
            const ended = query.then(() => null, (error) => error.code);
            await database.becomes("1", SLEEPING);
            query.cancel();
            assert.equal(await ended, "57014");
            const [row] = await sql`select 'alive' as state`;
            assert.equal(row!["state"], "alive");
            await sql.end();
            assert.deepEqual([one.statistics().cancelled, two.statistics().cancelled], [1, 0]);
            await junction.close();
          }),
      );

      await t.step(
        "protocol 3.2 gets a key of 32 bytes, which is no server's",
        () =>
          withTwo(database, async (one, two) => {
            const client = await Peer.connect(one.address.port);
            await client.send(startupBytes({ user: "old", database: "postgres" }, 2));
            const challenge = await client.until("R");
            const digest = (await database.sql(
              "SELECT rolpassword FROM pg_authid WHERE rolname = 'old'",
            )).slice(3);
            const salt = challenge!.payload.subarray(4, 8);
            await client.send(passwordBytes(md5Answer(HASHES, digest, salt)));
            const key = parseBackendKeyData((await client.until("K"))!.payload)!;
            assert.equal(key.secretKey.length, 32);
            assert.notEqual(await client.until("Z"), null);
            const known = `SELECT count(*) FROM pg_stat_activity WHERE pid = ${key.processId}`;
            assert.equal(await database.sql(known), "0");

            await client.send(queryBytes("select pg_sleep(61)"));
            await database.becomes("1", SLEEPING);
            const canceller = await Peer.connect(two.address.port);
            await canceller.send(cancelRequestBytes(key));
            assert.equal((await canceller.bytes(1)).length, 0);
            canceller.close();
            const error = parseErrorFields((await client.until("E"))!.payload);
            assert.equal(error.sqlstate, "57014");
            await client.send(messageBytes("X"));
            client.close();
          }),
      );
    } finally {
      await database.stop();
    }
  },
});
