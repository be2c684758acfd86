/** The router encrypts its way to real servers, and lets nobody fool it on that way. */
import assert from "node:assert/strict";
import postgres from "postgres";
import type { BackendTls } from "../../src/router/server_conn.ts";
import { cancelRequestBytes } from "../../src/wire/startup.ts";
import { fakeServer, keyOf, Peer, withRouter } from "../router/harness.ts";
import { TLS } from "../coordination/socket_support.ts";
import { type Database, noPostgres, psql, startDatabase, verifying } from "./router_postgres.ts";

const ENCRYPTED = ["-c", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"];

/** Another certificate than the one that {@linkcode TLS} is. */
const STRANGER = await Deno.readTextFile(
  new URL("../coordination/fixtures/test_only_authority_cert.pem", import.meta.url),
);

/** Has a running server speak TLS. */
async function encrypt(database: Database): Promise<void> {
  const folder = await database.sql("SHOW data_directory");
  const { uid, gid } = await Deno.stat(folder);
  for (const [name, text] of [["server.crt", TLS.cert], ["server.key", TLS.key]] as const) {
    await Deno.writeTextFile(`${folder}/${name}`, text, { mode: 0o600 });
    if (Deno.uid() === 0) await Deno.chown(`${folder}/${name}`, uid, gid);
  }
  await database.sql("ALTER SYSTEM SET ssl = on");
  await database.sql("SELECT pg_reload_conf()");
  await database.becomes("on", "SHOW ssl");
}

Deno.test({
  name: "startRouter() speaks TLS with real servers",
  ignore: noPostgres,
  async fn(t) {
    const database = await startDatabase();
    const roles = verifying(database);
    const through = async (
      tls: Partial<BackendTls> | null,
      host = "127.0.0.1",
      args: readonly string[] = ENCRYPTED,
    ): Promise<string> => {
      const backendTls: BackendTls | null = tls && {
        mode: "verify-full",
        authority: TLS.cert,
        own: { node: "here", name: "localhost" },
        ...tls,
      };
      const view = { primary: { node: "a", host, port: database.port } };
      const options = { backendTls };
      let said = "";
      await withRouter({ view, options, ports: { roles } }, async ({ port }) => {
        const { stdout, stderr } = await psql({ port, args });
        said = stdout.trim() || stderr;
      });
      return said;
    };
    try {
      await t.step("a server without TLS is refused, except by prefer", async () => {
        assert.match(
          await through({}),
          /does not speak TLS.*set ssl = on there.*\n.*HINT:.*ssl settings/,
        );
        assert.match(await through({ mode: "verify-ca" }), /does not speak TLS/);
        assert.equal(await through({ mode: "prefer" }, "0.0.0.0"), "f");
        assert.equal(await through(null), "f");
      });

      await encrypt(database);

      await t.step("one with TLS is spoken to in it; on loopback only where demanded", async () => {
        assert.equal(await through({}), "t");
        assert.equal(await through({ mode: "verify-ca" }), "t");
        assert.equal(await through({ mode: "prefer" }, "0.0.0.0"), "t");
        assert.equal(await through({ mode: "prefer" }), "f");
        assert.equal(await through(null), "f");
      });

      await t.step("large answers and requests come through whole", async () => {
        const args = ["-c", "SELECT length(repeat('x', 40000000)), repeat('y', 3000000)"];
        const [length, text] = (await through({}, "127.0.0.1", args)).split("|");
        assert.equal(length, "40000000");
        assert.equal(text, "y".repeat(3_000_000));
      });

      await t.step("a stranger's certificate is refused, by prefer too", async () => {
        for (const mode of ["prefer", "verify-ca", "verify-full"] as const) {
          const said = await through({ mode, authority: STRANGER }, "0.0.0.0");
          assert.match(
            said,
            /TLS is not accepted \(router\.backend_tls\): invalid peer certificate/,
          );
        }
      });

      await t.step("verify-full goes by the name, also of the member's own server", async () => {
        assert.match(await through({}, "0.0.0.0"), /not valid for name "0\.0\.0\.0"/);
        assert.match(
          await through({ own: { node: "a", name: "elsewhere" } }),
          /not valid for name "elsewhere"/,
        );
        assert.equal(await through({ own: { node: "a", name: "localhost" } }), "t");
        assert.equal(await through({ mode: "verify-ca" }, "0.0.0.0"), "t");
      });

      await t.step("a client that cancels reaches the server inside TLS", async () => {
        const view = { primary: { node: "a", host: "127.0.0.1", port: database.port } };
        const backendTls: BackendTls = {
          mode: "verify-full",
          authority: TLS.cert,
          own: { node: "here", name: "localhost" },
        };
        await withRouter({ view, options: { backendTls }, ports: { roles } }, async (bench) => {
          const sql = postgres({
            host: "127.0.0.1",
            port: bench.port,
            username: "app",
            password: "secret",
            database: "postgres",
            max: 1,
          });
          const query = sql`select pg_sleep(63)`;
          const ended = query.then(() => "done", (error) => error.code);
          await database.becomes(
            "1",
            "SELECT count(*) FROM pg_stat_activity WHERE query = 'select pg_sleep(63)'",
          );
          query.cancel();
          assert.equal(await ended, "57014");
          await sql.end();
          assert.equal(bench.router.statistics().cancelled, 1);
        });
      });
    } finally {
      await database.stop();
    }
  },
});

Deno.test("startRouter() sends no cancel key in clear where servers must be encrypted", async () => {
  const server = fakeServer("a");
  const backendTls: BackendTls = {
    mode: "verify-ca",
    authority: TLS.cert,
    own: { node: "here", name: "localhost" },
  };
  await withRouter({ servers: [server], options: { backendTls } }, async ({ port, router }) => {
    const client = await Peer.connect(port);
    await client.send(cancelRequestBytes(keyOf("a", 1)));
    assert.equal((await client.bytes(1)).length, 0);
    client.close();
    assert.deepEqual(server.cancels, []);
    assert.equal(router.statistics().cancelled, 0);
  });
});
