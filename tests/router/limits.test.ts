import assert from "node:assert/strict";
import { messageBytes } from "../../src/wire/bytes.ts";
import { fatalBytes } from "../../src/wire/errors.ts";
import { queryBytes, readyForQueryBytes } from "../../src/wire/messages.ts";
import {
  complete,
  eventually,
  fakeServer,
  keyOf,
  OPTIONS,
  pause,
  Peer,
  withRouter,
} from "./harness.ts";

Deno.test("keepLimits() closes a session that is idle for too long with 57P05, and no busy one", async () => {
  const server = fakeServer("a");
  server.answer = async (peer, query) => {
    if (query === "slow") await pause(900);
    await complete(peer);
  };
  const options = { idleTimeoutMs: 500 };
  await withRouter({ servers: [server], options }, async ({ port, router, logged }) => {
    const [idle, busy, lively] = [
      await Peer.connect(port),
      await Peer.connect(port),
      await Peer.connect(port),
    ];
    for (const peer of [idle, busy, lively]) await peer.login();
    await busy.send(queryBytes("slow"));
    const talking = (async () => {
      for (let i = 0; i < 9; i++) {
        await lively.send(queryBytes("hello"));
        assert.notEqual(await lively.until("Z"), null);
        await pause(100);
      }
    })();
    const { sqlstate, message, ended } = await idle.fatal();
    assert.deepEqual([sqlstate, ended], ["57P05", true]);
    assert.match(message, /router\.idle_timeout \(500 ms\)/);
    assert.ok(logged.some((line) => line.startsWith("info session_timed_out")));
    await talking;
    assert.notEqual(await busy.until("Z"), null);
    idle.close();
    await eventually("that one is gone", () => router.statistics().sessions === 2);
    for (const peer of [busy, lively]) peer.close();
  });
});

Deno.test("keepLimits() closes a session that is idle in a transaction with 25P03", async () => {
  const server = fakeServer("a");
  server.answer = (peer, query) => complete(peer, query === "BEGIN" ? "in_transaction" : "idle");
  const options = { idleInTransactionTimeoutMs: 300 };
  await withRouter({ servers: [server], options }, async ({ port }) => {
    const [inside, outside] = [await Peer.connect(port), await Peer.connect(port)];
    for (const peer of [inside, outside]) await peer.login();
    await inside.send(queryBytes("BEGIN"));
    const { sqlstate, message } = await inside.fatal();
    assert.equal(sqlstate, "25P03");
    assert.match(message, /router\.idle_in_transaction_timeout \(300 ms\)/);
    await outside.send(queryBytes("SELECT 1"));
    assert.notEqual(await outside.until("Z"), null);
    inside.close();
    outside.close();
  });
});

Deno.test("keepLimits() has a query cancelled that takes too long, and the session goes on", async () => {
  const server = fakeServer("a");
  server.answer = async (peer, query) => {
    if (query !== "slow") return await complete(peer);
    await eventually("it is cancelled", () => server.cancels.length > 0);
    await peer.send(
      messageBytes("E", fatalBytes({ sqlstate: "57014", message: "canceling" }).subarray(5)),
      readyForQueryBytes("idle"),
    );
  };
  const options = { queryTimeoutMs: 300 };
  await withRouter({ servers: [server], options }, async ({ port, router }) => {
    const client = await Peer.connect(port);
    await client.login();
    await client.send(queryBytes("slow"));
    assert.equal((await client.until("Z"))?.code, "Z");
    assert.deepEqual(server.cancels, [keyOf("a", 1)]);
    assert.equal(router.statistics().cancelled, 1);
    await pause(600);
    assert.equal(server.cancels.length, 1, "an idle session has nothing to cancel");
    client.close();
  });
});

Deno.test("keepLimits() leaves replication alone, and everybody where no limit is set", async () => {
  const server = fakeServer("a");
  const options = { idleTimeoutMs: 200, queryTimeoutMs: 200 };
  await withRouter({ servers: [server], options }, async ({ port, router }) => {
    const client = await Peer.connect(port);
    await client.login({ user: "app", replication: "true" });
    await pause(600);
    assert.equal(router.statistics().sessions, 1);
    client.close();
  });
  assert.deepEqual([OPTIONS.idleTimeoutMs, OPTIONS.queryTimeoutMs], [0, 0]);
});
