import assert from "node:assert/strict";
import { startRouter } from "../../src/router/router.ts";
import { concatBytes, int32Bytes } from "../../src/wire/bytes.ts";
import { gssencRequestBytes, sslRequestBytes, startupBytes } from "../../src/wire/startup.ts";
import { eventually, fakeServer, OPTIONS, Peer, relaying, withRouter } from "./harness.ts";

const N = new TextEncoder().encode("N");

Deno.test("startRouter() passes the startup packet on unchanged and the exchange through", async () => {
  const server = fakeServer("a");
  await withRouter({ servers: [server] }, async ({ port, router }) => {
    const client = await Peer.connect(port);
    await client.login({ user: "app", database: "shop", options: "-c x=1", "_pq_.new": "1" });
    assert.deepEqual(
      [...server.startups[0]!],
      [["user", "app"], ["database", "shop"], ["options", "-c x=1"], ["_pq_.new", "1"]],
    );
    assert.deepEqual(router.statistics().byNode, { a: 1 });
    client.close();
    await eventually("the session ended", () => router.statistics().sessions === 0);
  });
});

Deno.test("startRouter() answers N to one SSLRequest and one GSSENCRequest in either order", async () => {
  const server = fakeServer("a");
  await withRouter({ servers: [server] }, async ({ port }) => {
    const requests = [sslRequestBytes(), gssencRequestBytes()];
    for (const order of [requests, [...requests].reverse()]) {
      const client = await Peer.connect(port);
      for (const request of order) {
        await client.send(request);
        assert.deepEqual(await client.bytes(1), N);
      }
      await client.login();
      client.close();
    }
  });
});

Deno.test("startRouter() closes on a second SSLRequest", async () => {
  await withRouter({ servers: [fakeServer("a")] }, async ({ port }) => {
    const client = await Peer.connect(port);
    await client.send(sslRequestBytes());
    assert.deepEqual(await client.bytes(1), N);
    await client.send(sslRequestBytes());
    assert.deepEqual(await client.bytes(1), new Uint8Array(0));
    client.close();
  });
});

Deno.test("startRouter() closes where bytes are buffered behind SSLRequest (CVE-2021-23214)", async () => {
  const server = fakeServer("a");
  await withRouter({ servers: [server] }, async ({ port }) => {
    const client = await Peer.connect(port);
    await client.send(concatBytes([sslRequestBytes(), startupBytes({ user: "app" })]));
    assert.deepEqual(await client.bytes(1), new Uint8Array(0));
    assert.equal(server.startups.length, 0);
    client.close();
  });
});

Deno.test("startRouter() takes a startup packet in single bytes", async () => {
  const server = fakeServer("a");
  await withRouter({ servers: [server] }, async ({ port }) => {
    const client = await Peer.connect(port);
    const packet = startupBytes({ user: "app" });
    for (const byte of packet.subarray(0, -1)) await client.send(Uint8Array.of(byte));
    await client.send(packet.subarray(-1));
    assert.equal((await client.message())?.code, "R");
    client.close();
  });
});

Deno.test("startRouter() answers garbage with 08P01 and lives on", async () => {
  const server = fakeServer("a");
  await withRouter({ servers: [server] }, async ({ port }) => {
    for (const bytes of [int32Bytes(-1), new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")]) {
      const client = await Peer.connect(port);
      await client.send(bytes);
      const { sqlstate, ended } = await client.fatal();
      assert.deepEqual({ sqlstate, ended }, { sqlstate: "08P01", ended: true });
      client.close();
    }
    const client = await Peer.connect(port);
    await client.login();
    client.close();
  });
});

Deno.test("startRouter() closes clients that do not say who they are in time", async () => {
  const options = { startupTimeoutMs: 100 };
  await withRouter({ servers: [fakeServer("a")], options }, async ({ port }) => {
    const silent = await Peer.connect(port);
    const slow = await Peer.connect(port);
    await slow.send(startupBytes({ user: "app" }).subarray(0, 9));
    assert.equal((await silent.bytes(1)).length, 0);
    assert.equal((await slow.bytes(1)).length, 0);
    silent.close();
    slow.close();
  });
});

Deno.test("startRouter() refuses a packet without a user with 28000", async () => {
  await withRouter({ servers: [fakeServer("a")] }, async ({ port }) => {
    const client = await Peer.connect(port);
    await client.send(startupBytes({ database: "shop" }));
    assert.equal((await client.fatal()).sqlstate, "28000");
    client.close();
  });
});

Deno.test("startRouter() turns away sessions over the limit with 53300", async () => {
  const options = { maximumConnections: 1 };
  await withRouter({ servers: [fakeServer("a")], options }, async ({ port, router }) => {
    const first = await Peer.connect(port);
    await first.login();
    const second = await Peer.connect(port);
    await second.send(startupBytes({ user: "app" }));
    const { sqlstate, message } = await second.fatal();
    assert.equal(sqlstate, "53300");
    assert.match(message, /too many clients/);
    second.close();
    first.close();
    await eventually("the first ended", () => router.statistics().sessions === 0);
    const third = await Peer.connect(port);
    await third.login();
    third.close();
  });
});

Deno.test("startRouter() names the remedy where the port is taken", () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const started = startRouter({ ...OPTIONS, port: taken.addr.port }, {
    view: () => ({ term: 0, primary: null, because: "", yielding: null, standbys: [] }),
    onChange: () => () => {},
    roles: relaying(() => false),
    now: () => 0,
    random: () => 0,
    log: () => {},
  });
  taken.close();
  assert.equal(started.ok, false);
  assert.match(started.ok ? "" : started.because, /must be free.*router\.port to another port/);
});
