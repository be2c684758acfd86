/** The router checks real clients' passwords itself, and opens real servers in their name. */
import assert from "node:assert/strict";
import type { Roles } from "../../src/router/options.ts";
import { parseNegotiateProtocolVersion } from "../../src/wire/messages.ts";
import { startupBytes } from "../../src/wire/startup.ts";
import { Peer, withRouter } from "../router/harness.ts";
import { noPostgres, psql, run, startDatabase, verifying } from "./router_postgres.ts";

const SELECT = ["-c", "SELECT current_user"];

Deno.test({
  name: "startRouter() authenticates real clients with the servers' verifiers",
  ignore: noPostgres,
  async fn(t) {
    const database = await startDatabase();
    const primary = { node: "a", host: "127.0.0.1", port: database.port };
    const roles = verifying(database);
    const ports = { roles };
    const where = (port: number, user = "app") =>
      `host=127.0.0.1 port=${port} user=${user} dbname=postgres`;
    await database.sql(
      "SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'secret'; " +
        "CREATE ROLE bare LOGIN",
    );
    try {
      await t.step(
        "the right password opens a session, parameters included",
        () =>
          withRouter({ view: { primary }, ports }, async ({ port }) => {
            const args = ["-X", "-qAt", where(port), "-c", "SHOW work_mem"];
            const env = { PGOPTIONS: "-c work_mem=5MB" };
            const { stdout, stderr } = await run("psql", args, { env });
            assert.equal(stdout, "5MB\n", stderr);
          }),
      );

      await t.step(
        "wrong passwords, unknown roles and roles without one read the same",
        () =>
          withRouter({ view: { primary }, ports }, async ({ port }) => {
            for (
              const [user, password] of [["app", "no"], ["nobody", "secret"], ["bare", "secret"]]
            ) {
              const env = { PGPASSWORD: password! };
              const { code, stderr } = await run("psql", ["-X", where(port, user)], { env });
              assert.equal(code, 2);
              assert.match(
                stderr,
                new RegExp(`FATAL: {2}password authentication failed for user "${user}"`),
              );
              assert.ok(roles.forgotten.includes(user!));
            }
          }),
      );

      await t.step(
        "no server hears of a client with a wrong password",
        () =>
          withRouter({ view: { primary: null }, ports }, async ({ port }) => {
            const env = { PGPASSWORD: "wrong" };
            const { stderr } = await run("psql", ["-X", where(port)], { env });
            assert.match(stderr, /password authentication failed/);
          }),
      );

      await t.step("passwords that SASLprep changes are the client's business", async () => {
        // PostgreSQL stores the verifier of "No 7 pässword", and so does libpq prove it.
        await database.sql("CREATE ROLE prepared LOGIN PASSWORD '№\u00a07 pässword'");
        await withRouter({ view: { primary }, ports }, async ({ port }) => {
          for (const password of ["№\u00a07 pässword", "No 7 pässword"]) {
            const args = ["-X", "-qAt", where(port, "prepared"), ...SELECT];
            const { stdout, stderr } = await run("psql", args, { env: { PGPASSWORD: password } });
            assert.equal(stdout, "prepared\n", stderr);
          }
        });
      });

      await t.step(
        "an unknown database is the server's to refuse",
        () =>
          withRouter({ view: { primary }, ports }, async ({ port }) => {
            const { stderr } = await psql({ port, database: "nowhere", args: SELECT });
            assert.match(stderr, /FATAL: {2}database "nowhere" does not exist/);
          }),
      );

      await t.step("a server that trusts the router is refused, unless it is allowed", async () => {
        await withRouter({ view: { primary }, ports }, async ({ port }) => {
          const { stderr } = await psql({ port, user: "trusted", args: SELECT });
          assert.match(stderr, /FATAL: .*without a password/);
        });
        const options = { allowTrustedBackend: true };
        await withRouter({ view: { primary }, ports, options }, async ({ port }) => {
          const { stdout } = await psql({ port, user: "trusted", args: SELECT });
          assert.equal(stdout, "trusted\n");
          const env = { PGPASSWORD: "wrong" };
          const { stderr } = await run("psql", ["-X", where(port, "trusted")], { env });
          assert.match(stderr, /password authentication failed/);
        });
      });

      await t.step(
        "what the credentials cannot open is refused with the remedy",
        () =>
          withRouter({ view: { primary }, ports }, async ({ port }) => {
            for (const user of ["plain", "old"]) {
              const { code, stderr } = await psql({ port, user, args: SELECT });
              assert.equal(code, 2);
              assert.match(stderr, /FATAL: .*a does not let the client in|password authentication/);
            }
            const { stderr } = await psql({ port, user: "plain", args: SELECT });
            assert.match(stderr, /HINT: .*router\.authentication: relay/);
          }),
      );

      await t.step("a password that changes behind the router's back is refused as stale", () => {
        const stale: Roles = { ...roles, find: () => Promise.resolve(before) };
        const before = { ok: true as const, privileged: false, stored: "" };
        return withRouter({ view: { primary }, ports: { roles: stale } }, async ({ port }) => {
          const find = "SELECT rolpassword FROM pg_authid WHERE rolname = 'app'";
          before.stored = await database.sql(find);
          await database.sql("ALTER ROLE app PASSWORD 'secret'");
          const { stderr } = await psql({ port, args: SELECT });
          assert.match(stderr, /has another verifier for the role/);
          before.stored = await database.sql(find);
          assert.equal((await psql({ port, args: SELECT })).stdout, "app\n");
        });
      });

      await t.step(
        "newer protocols are answered once, with all unknown options",
        () =>
          withRouter({ view: { primary }, ports }, async ({ port }) => {
            const client = await Peer.connect(port);
            await client.send(startupBytes({ user: "app", "_pq_.a": "1", "_pq_.b": "2" }, 9));
            const offer = await client.message();
            assert.equal(offer?.code, "v");
            assert.deepEqual(parseNegotiateProtocolVersion(offer!.payload), {
              minor: 2,
              unknownOptions: ["_pq_.a", "_pq_.b"],
            });
            assert.equal((await client.message())?.code, "R");
            client.close();
            const newest = await Peer.connect(port);
            await newest.send(startupBytes({ user: "app" }, 2));
            assert.equal((await newest.message())?.code, "R", "3.2 is spoken");
            newest.close();
            const odd = await Peer.connect(port);
            await odd.send(startupBytes({ user: "app" }, 1));
            const older = parseNegotiateProtocolVersion((await odd.message())!.payload);
            assert.deepEqual(older, { minor: 0, unknownOptions: [] });
            odd.close();
          }),
      );

      await t.step("no server can be asked: 57P03, and nobody comes in", () => {
        const silent: Roles = {
          ...roles,
          find: () => Promise.resolve({ ok: false, because: "nothing answers", remedy: null }),
        };
        const options = { writeTimeoutMs: 200 };
        const bench = { view: { primary }, ports: { roles: silent }, options };
        return withRouter(bench, async ({ port }) => {
          const { stderr } = await psql({ port, args: SELECT });
          assert.match(stderr, /FATAL: .*learnt of the role: nothing answers/);
        });
      });
    } finally {
      await database.stop();
    }
  },
});

Deno.test({
  name: "startRouter() authenticates clients whose stored password is md5",
  ignore: noPostgres,
  async fn() {
    const database = await startDatabase(["host all all 127.0.0.1/32 md5"]);
    const primary = { node: "a", host: "127.0.0.1", port: database.port };
    try {
      await database.sql(
        "SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'secret'",
      );
      const ports = { roles: verifying(database) };
      await withRouter({ view: { primary }, ports }, async ({ port }) => {
        for (const user of ["old", "app"]) {
          const { stdout, stderr } = await psql({ port, user, args: SELECT });
          assert.equal(stdout, `${user}\n`, stderr);
        }
        const where = `host=127.0.0.1 port=${port} user=old dbname=postgres`;
        const { stderr } = await run("psql", ["-X", where], { env: { PGPASSWORD: "wrong" } });
        assert.match(stderr, /password authentication failed for user "old"/);
      });
    } finally {
      await database.stop();
    }
  },
});
