import assert from "node:assert/strict";
import { startupBytes } from "../../src/wire/startup.ts";
import { createWaitingRoom } from "../../src/router/waiting.ts";
import { eventually, fakeServer, Peer, withRouter } from "./harness.ts";

const HELLO = startupBytes({ user: "app" });

Deno.test("startRouter() answers 57P03 with the view's reason after write_timeout", async () => {
  const options = { writeTimeoutMs: 150 };
  await withRouter({ options }, async ({ port, router }) => {
    const client = await Peer.connect(port);
    const since = performance.now();
    await client.send(HELLO);
    const { sqlstate, message, ended } = await client.fatal();
    const tookMs = performance.now() - since;
    assert.deepEqual({ sqlstate, ended }, { sqlstate: "57P03", ended: true });
    assert.match(message, /no leader is known/);
    assert.ok(tookMs >= 140 && tookMs < 1000, `took ${tookMs} ms`);
    client.close();
    await eventually("it left", () => router.statistics().waiting === 0);
  });
});

Deno.test("startRouter() leads waiting sessions on, first in first out, when there is a primary", async () => {
  const server = fakeServer("a");
  await withRouter({ servers: [server], view: { primary: null } }, async (bench) => {
    const clients: Peer[] = [];
    for (const n of [1, 2, 3, 4]) {
      const client = await Peer.connect(bench.port);
      await client.send(startupBytes({ user: "app", application_name: String(n) }));
      await eventually("it waits", () => bench.router.statistics().waiting === n);
      clients.push(client);
    }
    bench.setView({ primary: server.target });
    for (const client of clients) assert.equal((await client.message())?.code, "R");
    assert.deepEqual(
      server.startups.map((parameters) => parameters.get("application_name")),
      ["1", "2", "3", "4"],
    );
    assert.equal(bench.router.statistics().waiting, 0);
    for (const client of clients) client.close();
  });
});

Deno.test("startRouter() lets only so many wait and answers 53300 to the rest", async () => {
  const options = { maximumWaiting: 1 };
  await withRouter({ options }, async ({ port, router }) => {
    const first = await Peer.connect(port);
    await first.send(HELLO);
    await eventually("the first waits", () => router.statistics().waiting === 1);
    const second = await Peer.connect(port);
    await second.send(HELLO);
    assert.equal((await second.fatal()).sqlstate, "53300");
    first.close();
    second.close();
    await eventually("the first left its place", () => router.statistics().waiting === 0);
  });
});

Deno.test("startRouter() tries again where the primary refuses connections", async () => {
  const place = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = place.addr;
  place.close();
  const view = { primary: { node: "a", host: "127.0.0.1", port } };
  await withRouter({ view }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.send(HELLO);
    await eventually("it waits", () => bench.router.statistics().waiting === 1);
    const server = fakeServer("a", "password", port);
    assert.equal((await client.message())?.code, "R");
    client.close();
    await eventually("it ended", () => bench.router.statistics().sessions === 0);
    await server.close();
  });
});

Deno.test("startRouter() waits for a server that is starting, or leaves in the middle", async () => {
  for (const manner of ["starting", "leaves"] as const) {
    const server = fakeServer("a", manner);
    await withRouter({ servers: [server] }, async ({ port }) => {
      const client = await Peer.connect(port);
      await client.send(HELLO);
      await eventually("it was tried twice", () => server.startups.length >= 2);
      server.manner = "password";
      assert.equal((await client.message())?.code, "R");
      client.close();
    });
  }
});

Deno.test("startRouter() gives the server's reason in 57P03 where it never started", async () => {
  const server = fakeServer("a", "starting");
  const options = { writeTimeoutMs: 150 };
  await withRouter({ servers: [server], options }, async ({ port }) => {
    const client = await Peer.connect(port);
    await client.send(HELLO);
    const { sqlstate, message } = await client.fatal();
    assert.equal(sqlstate, "57P03");
    assert.match(message, /a \(127\.0\.0\.1:\d+\): starting up/);
    client.close();
  });
});

Deno.test("startRouter() leaves an attempt that hangs when the primary changes", async () => {
  const [silent, next] = [fakeServer("a", "silent"), fakeServer("b")];
  await withRouter({ servers: [silent, next] }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.send(HELLO);
    await eventually("it was tried", () => silent.startups.length === 1);
    const since = performance.now();
    bench.setView({ term: 2, primary: next.target });
    assert.equal((await client.message())?.code, "R");
    assert.ok(performance.now() - since < 500);
    assert.equal(next.startups.length, 1);
    client.close();
  });
});

Deno.test("startRouter() notices a client that leaves while it waits", async () => {
  await withRouter({}, async ({ port, router }) => {
    const client = await Peer.connect(port);
    await client.send(HELLO);
    await eventually("it waits", () => router.statistics().waiting === 1);
    client.close();
    await eventually("it is gone", () => router.statistics().sessions === 0);
  });
});

Deno.test("startRouter() leads the read-only port to standbys, and to the primary without them", async () => {
  const [primary, standby] = [fakeServer("a"), fakeServer("b")];
  const entry = { ...standby.target, local: false, healthy: true, lagBytes: 0 };
  const view = { standbys: [entry] };
  await withRouter({ servers: [primary, standby], view }, async (bench) => {
    const reader = await Peer.connect(bench.readOnlyPort);
    await reader.login();
    assert.deepEqual(bench.router.statistics().byNode, { b: 1 });
    bench.setView({ term: 2, primary: null, because: "the lease ran out" });
    const whileNone = await Peer.connect(bench.readOnlyPort);
    await whileNone.login();
    assert.deepEqual(bench.router.statistics().byNode, { b: 2 });
    bench.setView({ primary: primary.target, standbys: [{ ...entry, healthy: false }] });
    const fallback = await Peer.connect(bench.readOnlyPort);
    await fallback.login();
    assert.deepEqual(bench.router.statistics().byNode, { a: 1, b: 2 });
    bench.setView({ term: 3, primary: standby.target, standbys: [] });
    for (const client of [reader, whileNone, fallback]) {
      assert.equal((await client.fatal()).sqlstate, "57P01");
      client.close();
    }
  });
});

Deno.test("startRouter() takes the next server where a standby refuses connections", async () => {
  const primary = fakeServer("a");
  const gone = fakeServer("b");
  const view = { standbys: [{ ...gone.target, local: true, healthy: true, lagBytes: 0 }] };
  await gone.close();
  await withRouter({ servers: [primary], view }, async (bench) => {
    const since = performance.now();
    const reader = await Peer.connect(bench.readOnlyPort);
    await reader.login();
    assert.ok(performance.now() - since < 500);
    assert.deepEqual(bench.router.statistics().byNode, { a: 1 });
    reader.close();
  });
});

Deno.test("startRouter() answers 57P03 on the read-only port after read_timeout", async () => {
  const options = { readTimeoutMs: 100, writeTimeoutMs: 60_000 };
  await withRouter({ options }, async (bench) => {
    const reader = await Peer.connect(bench.readOnlyPort);
    await reader.send(HELLO);
    assert.equal((await reader.fatal()).sqlstate, "57P03");
    reader.close();
  });
});

Deno.test("createWaitingRoom() wakes a place whose last timer fires late, although it was cleared", async () => {
  const { signal } = new AbortController();
  const room = createWaitingRoom(1, () => performance.now());
  const place = room.enter()!;
  // As Deno 2.4 does where both are due in the same turn of its loop.
  const timers = globalThis.clearTimeout;
  globalThis.clearTimeout = () => {};
  try {
    const first = place.next(20, signal);
    room.wake();
    await first;
  } finally {
    globalThis.clearTimeout = timers;
  }
  let woken = false;
  const leave = new AbortController();
  const second = place.next(60_000, leave.signal).then(() => woken = true);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(woken, false);
  room.wake();
  try {
    await eventually("it is woken", () => woken);
  } finally {
    leave.abort();
    await second;
    place.leave();
  }
});
