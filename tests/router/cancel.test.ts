import assert from "node:assert/strict";
import { createKeyRing } from "../../src/router/cancel.ts";
import { mayBeFrom, newCancelKey } from "../../src/router/cancel_key.ts";
import { type BackendKey, cancelRequestBytes, sslRequestBytes } from "../../src/wire/startup.ts";
import { TLS } from "../coordination/socket_support.ts";
import { fakeServer, keyOf, Peer, withRouter } from "./harness.ts";

/** Sends a cancel request and waits for the router to close. */
async function cancel(port: number, key: BackendKey): Promise<void> {
  const client = await Peer.connect(port);
  await client.send(cancelRequestBytes(key));
  assert.equal((await client.bytes(1)).length, 0);
  client.close();
}

Deno.test("newCancelKey() gives positive process numbers, and secrets as the protocol has them", () => {
  for (let i = 0; i < 200; i++) {
    const name = `node${i}`;
    const [old, long] = [newCancelKey(name, 0), newCancelKey(name, 2)];
    assert.ok(old.processId >= 0 && old.processId < 2 ** 31);
    assert.equal(old.secretKey.length, 4);
    assert.equal(long.secretKey.length, 32);
    assert.ok(mayBeFrom(old, name) && mayBeFrom(long, name));
    assert.notDeepEqual(newCancelKey(name, 0), old);
  }
  assert.equal(mayBeFrom({ processId: -1, secretKey: new Uint8Array(4) }, "node1"), false);
});

Deno.test("createKeyRing() tells a session without a server from no session", () => {
  const ring = createKeyRing();
  const key = newCancelKey("here", 0);
  const located = { target: { node: "a", host: "10.0.0.1", port: 5432 }, key: keyOf("a", 1) };
  let now: typeof located | null = located;
  ring.add(key, () => now);
  assert.deepEqual(ring.find(key), { located });
  now = null;
  assert.deepEqual(ring.find(key), { located: null });
  assert.equal(ring.find({ ...key, secretKey: new Uint8Array(4) }), null);
  ring.remove(key);
  assert.equal(ring.find(key), null);
});

Deno.test("startRouter() asks other members about a key it does not know, then the primary", async () => {
  const server = fakeServer("a");
  const asked: BackendKey[] = [];
  let delivers = true;
  const ports = {
    cancelElsewhere(key: BackendKey) {
      asked.push(key);
      return delivers ? Promise.resolve(true) : Promise.reject(new Error("nobody answers"));
    },
  };
  await withRouter({ servers: [server], ports }, async ({ port }) => {
    const key = keyOf("b", 7);
    await cancel(port, key);
    assert.deepEqual(asked, [key]);
    assert.deepEqual(server.cancels, []);
    delivers = false;
    await cancel(port, key);
    assert.deepEqual(server.cancels, [key]);
  });
});

Deno.test("cancel() knows this router's sessions, and asks nobody else", async () => {
  const server = fakeServer("a");
  const ports = { cancelElsewhere: () => Promise.reject(new Error("asked in a circle")) };
  await withRouter({ servers: [server], ports }, async ({ port, router }) => {
    const client = await Peer.connect(port);
    await client.login();
    assert.equal(await router.cancel(keyOf("a", 1)), true);
    assert.equal(await router.cancel(keyOf("a", 2)), false);
    assert.deepEqual(server.cancels, [keyOf("a", 1)]);
    client.close();
  });
});

Deno.test("startRouter() takes cancel requests inside TLS, and in clear where TLS is required", async () => {
  const server = fakeServer("a");
  const options = { tls: TLS, requireTls: true };
  await withRouter({ servers: [server], options }, async ({ port }) => {
    const plain = await Deno.connect({ hostname: "127.0.0.1", port });
    await plain.write(sslRequestBytes());
    const answer = new Uint8Array(1);
    assert.equal(await plain.read(answer), 1);
    assert.equal(answer[0], 0x53);
    const conn = await Deno.startTls(plain, { hostname: "localhost", caCerts: [TLS.cert] });
    await conn.write(cancelRequestBytes(keyOf("a", 1)));
    assert.equal(await conn.read(answer), null);
    conn.close();
    await cancel(port, keyOf("a", 2));
    assert.deepEqual(server.cancels, [keyOf("a", 1), keyOf("a", 2)]);
  });
});

Deno.test("startRouter() takes keys of 256 bytes, and closes on longer ones", async () => {
  const server = fakeServer("a");
  await withRouter({ servers: [server] }, async ({ port }) => {
    const longest = { processId: 1, secretKey: new Uint8Array(256).fill(7) };
    await cancel(port, longest);
    assert.deepEqual(server.cancels, [longest]);
    const client = await Peer.connect(port);
    const bytes = { processId: 1, secretKey: new Uint8Array(257) };
    await client.send(cancelRequestBytes(bytes));
    assert.equal((await client.fatal()).sqlstate, "08P01");
    client.close();
    assert.equal(server.cancels.length, 1);
  });
});
