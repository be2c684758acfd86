/** Real clients and raw sockets, encrypted. */
import assert from "node:assert/strict";
import { concatBytes } from "../../src/wire/bytes.ts";
import { sslRequestBytes, startupBytes } from "../../src/wire/startup.ts";
import { eventually, Peer, withRouter } from "../router/harness.ts";
import { noPostgres, run, startDatabase, verifying } from "./router_postgres.ts";

const S = Uint8Array.of(0x53);

async function certificate(folder: string, name: string) {
  const [cert, key] = [`${folder}/${name}.crt`, `${folder}/${name}.key`];
  const { code, stderr } = await new Deno.Command("openssl", {
    args: ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"].concat(
      ["-sha384", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
      ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
      ["-addext", "basicConstraints=critical,CA:FALSE"],
    ),
    stdout: "null",
    stderr: "piped",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return { file: cert, cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
}

Deno.test({
  name: "startRouter() speaks TLS with real clients",
  ignore: noPostgres,
  async fn(t) {
    const database = await startDatabase();
    const folder = await Deno.makeTempDir({ prefix: "metako-tls-" });
    const tls = await certificate(folder, "first");
    const second = await certificate(folder, "second");
    const view = { primary: { node: "a", host: "127.0.0.1", port: database.port } };
    const ports = { roles: verifying(database) };
    const options = { tls };
    const select = (port: number, more: string, query = "SELECT 'through'") =>
      run("psql", [
        "-X",
        "-qAt",
        `host=127.0.0.1 port=${port} user=app dbname=postgres ${more}`,
        "-c",
        query,
      ]);
    try {
      await t.step(
        "up to verify-full with the channel bound to the router's certificate",
        () =>
          withRouter({ view, ports, options }, async ({ port }) => {
            for (
              const more of [
                "sslmode=disable",
                "sslmode=require",
                `sslmode=verify-full sslrootcert=${tls.file}`,
                `sslmode=verify-full sslrootcert=${tls.file} channel_binding=require`,
              ]
            ) {
              const { stdout, stderr } = await select(port, more);
              assert.equal(stdout, "through\n", `${more}: ${stderr}`);
            }
            const { stderr } = await select(port, "sslmode=disable channel_binding=require");
            assert.match(stderr, /channel binding/);
          }),
      );

      await t.step(
        "40 MB pass in both directions",
        () =>
          withRouter({ view, ports, options }, async ({ port }) => {
            const where = `host=127.0.0.1 port=${port} user=app dbname=postgres sslmode=require`;
            const stdin = "CREATE TEMP TABLE t (v text);\nCOPY t FROM STDIN;\n" +
              "x".repeat(40_000_000) + "\n\\.\nSELECT v FROM t;\n";
            const { stdout, stderr } = await run("psql", ["-X", "-qAt", where], { stdin });
            assert.equal(stdout.length, 40_000_001, stderr);
          }),
      );

      await t.step(
        "an unknown database is refused in words that arrive",
        () =>
          withRouter({ view, ports, options }, async ({ port }) => {
            const where = `host=127.0.0.1 port=${port} user=app dbname=nowhere sslmode=require`;
            const { stderr } = await run("psql", ["-X", where, "-c", "SELECT 1"]);
            assert.match(stderr, /FATAL: {2}database "nowhere" does not exist/);
          }),
      );

      await t.step(
        "require: sessions in clear are refused, TLS comes in",
        () =>
          withRouter({ view, ports, options: { tls, requireTls: true } }, async ({ port }) => {
            assert.match((await select(port, "sslmode=disable")).stderr, /FATAL: .*demands TLS/);
            assert.equal((await select(port, "sslmode=require")).stdout, "through\n");
          }),
      );

      await t.step(
        "direct TLS needs PostgreSQL's name in ALPN",
        () =>
          withRouter({ view, ports, options }, async ({ port }) => {
            for (
              const [alpnProtocols, answered] of [[["postgresql"], true], [[], false]] as const
            ) {
              const conn = await Deno.connectTls({
                hostname: "127.0.0.1",
                port,
                caCerts: [tls.cert],
                alpnProtocols: [...alpnProtocols],
              });
              const client = new Peer(conn as unknown as Deno.TcpConn);
              await client.send(startupBytes({ user: "app" })).catch(() => {});
              assert.equal((await client.message())?.code, answered ? "R" : undefined);
              client.close();
            }
          }),
      );

      await t.step(
        "bytes behind SSLRequest and a second one close the connection",
        () =>
          withRouter({ view, ports, options }, async ({ port, router }) => {
            const eager = await Peer.connect(port);
            await eager.send(concatBytes([sslRequestBytes(), Uint8Array.of(0x16, 3, 1)]));
            assert.equal((await eager.bytes(1)).length, 0);
            eager.close();

            const twice = await Peer.connect(port);
            await twice.send(sslRequestBytes());
            assert.deepEqual(await twice.bytes(1), S);
            const inside = new Peer(
              await Deno.startTls(twice.conn, {
                hostname: "localhost",
                caCerts: [tls.cert],
              }) as unknown as Deno.TcpConn,
            );
            await inside.send(sslRequestBytes());
            assert.equal((await inside.bytes(1)).length, 0);
            inside.close();
            assert.equal(router.statistics().sessions, 0);
          }),
      );

      await t.step(
        "a handshake that never comes holds nobody up",
        () =>
          withRouter({ view, ports, options }, async ({ port }) => {
            const silent = [];
            for (let i = 0; i < 20; i++) {
              const peer = await Peer.connect(port);
              await peer.send(sslRequestBytes());
              assert.deepEqual(await peer.bytes(1), S);
              silent.push(peer);
            }
            assert.equal((await select(port, "sslmode=require")).stdout, "through\n");
            for (const peer of silent) peer.close();
          }),
      );

      await t.step(
        "a new certificate serves new connections, and running ones go on",
        () =>
          withRouter({ view, ports, options }, async ({ port, router }) => {
            const where =
              `host=127.0.0.1 port=${port} user=app dbname=postgres sslmode=verify-full ` +
              `sslrootcert=${tls.file}`;
            const stdin = "SELECT 'before';\n\\! sleep 1\nSELECT 'after';\n";
            const running = run("psql", ["-X", "-qAt", where], { stdin });
            await eventually("it runs", () => router.statistics().byNode.a === 1);
            assert.match(router.renewTls({ cert: second.cert, key: "none" }) ?? "", /Cannot use/);
            assert.equal(router.renewTls(second), null);
            const trusting = (file: string) => `sslmode=verify-full sslrootcert=${file}`;
            assert.equal((await select(port, trusting(second.file))).stdout, "through\n");
            assert.notEqual((await select(port, trusting(tls.file))).code, 0);
            assert.equal((await running).stdout, "before\nafter\n");
          }),
      );
    } finally {
      await database.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
});
