import assert from "node:assert/strict";
import { messageBytes } from "../../src/wire/bytes.ts";
import { fatalBytes } from "../../src/wire/errors.ts";
import { queryBytes, readyForQueryBytes, terminateBytes } from "../../src/wire/messages.ts";
import { cancelRequestBytes, startupBytes } from "../../src/wire/startup.ts";
import { complete, eventually, fakeServer, keyOf, pause, Peer, withRouter } from "./harness.ts";

Deno.test("startRouter() closes sessions with 57P01 and the reason when the primary goes", async () => {
  const server = fakeServer("a");
  await withRouter({ servers: [server] }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.login();
    bench.setView({ primary: null, because: "the lease ran out" });
    const { sqlstate, message, ended } = await client.fatal();
    assert.deepEqual({ sqlstate, ended }, { sqlstate: "57P01", ended: true });
    assert.match(message, /the lease ran out/);
    client.close();
    await eventually("it ended", () => bench.router.statistics().sessions === 0);
  });
});

Deno.test("startRouter() closes without a word in the middle of a server's message", async () => {
  const server = fakeServer("a");
  const row = messageBytes("D", new Uint8Array(100));
  server.answer = (peer) => peer.send(row.subarray(0, 60));
  await withRouter({ servers: [server] }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.login();
    await client.send(queryBytes("select"));
    assert.equal((await client.bytes(60)).length, 60);
    bench.setView({ term: 2 });
    assert.equal((await client.bytes(1)).length, 0);
    client.close();
  });
});

Deno.test("startRouter() sends 57P01 between messages of an unfinished answer", async () => {
  const server = fakeServer("a");
  server.answer = (peer) => peer.send(messageBytes("D", new Uint8Array(100)));
  await withRouter({ servers: [server] }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.login();
    await client.send(queryBytes("select"));
    assert.equal((await client.message())?.code, "D");
    bench.setView({ term: 2 });
    assert.equal((await client.fatal()).sqlstate, "57P01");
    client.close();
  });
});

Deno.test("startRouter() sends 57P01 in the middle of the authentication", async () => {
  await withRouter({ servers: [fakeServer("a")] }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.send(startupBytes({ user: "app" }));
    assert.equal((await client.message())?.code, "R");
    bench.setView({ term: 2 });
    assert.equal((await client.fatal()).sqlstate, "57P01");
    client.close();
  });
});

Deno.test("startRouter() reports a server that vanished with 08006", async () => {
  const server = fakeServer("a");
  await withRouter({ servers: [server] }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.login();
    server.sessions[0]!.close();
    assert.equal((await client.fatal()).sqlstate, "08006");
    client.close();
  });
});

Deno.test("startRouter() adds nothing to a server's own FATAL", async () => {
  const server = fakeServer("a");
  server.answer = async (peer) => {
    await peer.send(fatalBytes({ sqlstate: "57P01", message: "by administrator command" }));
    peer.close();
  };
  await withRouter({ servers: [server] }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.login();
    await client.send(queryBytes("select"));
    assert.deepEqual(await client.fatal(), {
      sqlstate: "57P01",
      message: "by administrator command",
      ended: true,
    });
    client.close();
  });
});

Deno.test("startRouter() refuses a client that breaks the framing with 08P01", async () => {
  await withRouter({ servers: [fakeServer("a")] }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.login();
    await client.send(Uint8Array.of(0x51, 0, 0, 0, 1));
    assert.equal((await client.fatal()).sqlstate, "08P01");
    client.close();
  });
});

Deno.test("startRouter() passes an orderly goodbye on", async () => {
  const server = fakeServer("a");
  await withRouter({ servers: [server] }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.login();
    await client.send(queryBytes("select"), terminateBytes());
    client.close();
    await eventually("it ended", () => bench.router.statistics().sessions === 0);
    assert.deepEqual(server.received, ["Q", "X"]);
    assert.equal(server.cancels.length, 0);
  });
});

Deno.test("startRouter() cancels the query of a client that vanishes, and says goodbye", async () => {
  const server = fakeServer("a");
  server.answer = () => Promise.resolve();
  await withRouter({ servers: [server] }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.login();
    await client.send(queryBytes("select pg_sleep(1000)"));
    await eventually("the query arrived", () => server.received.length === 1);
    client.close();
    await eventually("it ended", () => bench.router.statistics().sessions === 0);
    assert.deepEqual(server.cancels, [keyOf("a", 1)]);
    assert.deepEqual(server.received, ["Q", "X"]);
  });
});

Deno.test("startRouter() says goodbye for an idle client that vanishes, and cancels nothing", async () => {
  const server = fakeServer("a");
  await withRouter({ servers: [server] }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.login();
    client.close();
    await eventually("it ended", () => bench.router.statistics().sessions === 0);
    assert.deepEqual(server.received, ["X"]);
    assert.equal(server.cancels.length, 0);
  });
});

Deno.test("startRouter() takes a cancel request to the server that its key belongs to", async () => {
  const [primary, standby] = [fakeServer("a"), fakeServer("b")];
  const view = { standbys: [{ ...standby.target, local: false, healthy: true, lagBytes: 0 }] };
  await withRouter({ servers: [primary, standby], view }, async (bench) => {
    const reader = await Peer.connect(bench.readOnlyPort);
    await reader.login();
    for (const key of [keyOf("b", 1), { processId: 99, secretKey: Uint8Array.of(1, 2, 3, 4) }]) {
      const client = await Peer.connect(bench.port);
      await client.send(cancelRequestBytes(key));
      assert.equal((await client.bytes(1)).length, 0);
      client.close();
    }
    assert.deepEqual(standby.cancels, [keyOf("b", 1)]);
    assert.deepEqual(primary.cancels.map((key) => key.processId), [99]);
    assert.equal(bench.router.statistics().cancelled, 2);
    reader.close();
    await eventually("the reader left", () => bench.router.statistics().sessions === 0);
    const late = await Peer.connect(bench.port);
    await late.send(cancelRequestBytes(keyOf("b", 1)));
    assert.equal((await late.bytes(1)).length, 0);
    late.close();
    assert.equal(standby.cancels.length, 1);
  });
});

Deno.test("hold() closes sessions at rest, and the others at the end of their transaction", async () => {
  const server = fakeServer("a");
  server.answer = (peer, query) => complete(peer, query === "begin" ? "in_transaction" : "idle");
  await withRouter({ servers: [server] }, async ({ port, router }) => {
    const [idle, busy, waiting] = [
      await Peer.connect(port),
      await Peer.connect(port),
      await Peer.connect(port),
    ];
    await idle.login();
    await busy.login();
    await busy.send(queryBytes("begin"));
    await busy.until("Z");
    router.hold("switchover to b");
    const { sqlstate, message } = await idle.fatal();
    assert.equal(sqlstate, "57P01");
    assert.match(message, /switchover to b/);
    await busy.send(queryBytes("select"));
    assert.equal((await busy.message())?.code, "C");
    assert.equal((await busy.fatal()).sqlstate, "57P01");
    await waiting.send(startupBytes({ user: "app" }));
    await eventually("the new one waits", () => router.statistics().waiting === 1);
    router.release();
    assert.equal((await waiting.message())?.code, "R");
    for (const client of [idle, busy, waiting]) client.close();
  });
});

Deno.test("release() lets a session go on that was not at rest yet", async () => {
  const server = fakeServer("a");
  server.answer = (peer, query) => complete(peer, query === "begin" ? "in_transaction" : "idle");
  await withRouter({ servers: [server] }, async ({ port, router }) => {
    const client = await Peer.connect(port);
    await client.login();
    await client.send(queryBytes("begin"));
    await client.until("Z");
    router.hold("switchover to b");
    router.release();
    for (const query of ["commit", "select"]) {
      await client.send(queryBytes(query));
      assert.equal((await client.message())?.code, "C");
      assert.equal((await client.message())?.code, "Z");
    }
    client.close();
  });
});

Deno.test("close() tells every client 57P01 and leaves nothing open", async () => {
  const server = fakeServer("a");
  const late = { writeTimeoutMs: 60_000 };
  await withRouter({ servers: [server], options: late }, async (bench) => {
    const [running, waiting, silent] = [
      await Peer.connect(bench.port),
      await Peer.connect(bench.port),
      await Peer.connect(bench.port),
    ];
    await running.login();
    bench.router.hold("switchover to b");
    assert.equal((await running.fatal()).sqlstate, "57P01");
    await waiting.send(startupBytes({ user: "app" }));
    await eventually("it waits", () => bench.router.statistics().waiting === 1);
    const closed = bench.router.close();
    assert.equal((await waiting.fatal()).sqlstate, "57P01");
    for (const client of [running, waiting, silent]) client.close();
    await closed;
    assert.equal(bench.router.statistics().sessions, 0);
    await assert.rejects(Peer.connect(bench.port), Deno.errors.ConnectionRefused);
  });
});

Deno.test("startRouter() moves megabytes both ways at once without waiting for either", async () => {
  const server = fakeServer("a");
  const block = messageBytes("d", new Uint8Array(1 << 20).fill(5));
  // The server answers each Query with as much as it got, while the client has not begun to read.
  server.answer = (peer) => peer.send(block, readyForQueryBytes("idle"));
  await withRouter({ servers: [server] }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.login();
    const sending = (async () => {
      for (let i = 0; i < 8; i++) await client.send(block, queryBytes("select"));
    })();
    let bytes = 0;
    for (let i = 0; i < 8; i++) {
      const message = await client.until("d");
      bytes += message!.payload.length;
      assert.ok(message!.payload.every((byte) => byte === 5));
    }
    await sending;
    assert.equal(bytes, 8 << 20);
    assert.ok(bench.router.statistics().bytesToServer > 8 << 20);
    assert.ok(bench.router.statistics().bytesToClient > 8 << 20);
    client.close();
  });
});

Deno.test("startRouter() stops reading the server while the client does not read", async () => {
  const server = fakeServer("a");
  let sent = 0;
  const block = messageBytes("D", new Uint8Array(1 << 20));
  server.answer = async (peer) => {
    for (let i = 0; i < 200; i++) {
      await peer.send(block);
      sent += block.length;
    }
  };
  await withRouter({ servers: [server] }, async (bench) => {
    const client = await Peer.connect(bench.port);
    await client.login();
    await client.send(queryBytes("select"));
    let before = -1;
    while (before !== sent) {
      before = sent;
      await pause(150);
    }
    // What the kernel holds for four sockets, and no more: the router itself keeps one buffer.
    assert.ok(sent < 40 << 20, `${sent} bytes went into a client that reads nothing`);
    bench.setView({ primary: null, because: "the lease ran out" });
    await eventually("it ended", () => bench.router.statistics().sessions === 0);
    client.close();
  });
});

Deno.test("a primary that gives way lets what has begun come to its end, and nothing more begin", async () => {
  const a = fakeServer("a");
  let finish = () => {};
  const finishing = new Promise<void>((resolve) => finish = resolve);
  a.answer = async (peer) => {
    await finishing;
    await complete(peer);
  };
  await withRouter({ servers: [a] }, async ({ port, setView }) => {
    const busy = await Peer.connect(port);
    await busy.login();
    const idle = await Peer.connect(port);
    await idle.login();
    await busy.send(queryBytes("COMMIT"));
    await eventually("the statement has begun", () => a.received.includes("Q"));
    setView({ primary: null, because: "a switchover to b is under way", yielding: "a" });
    assert.match((await idle.fatal()).message, /a switchover to b is under way/);
    finish();
    assert.equal((await busy.message())?.code, "C");
    assert.equal((await busy.message())?.code, "Z");
    assert.match((await busy.fatal()).message, /a switchover to b is under way/);
  });
});

Deno.test("a primary that stays after all keeps its sessions", async () => {
  const a = fakeServer("a");
  await withRouter({ servers: [a] }, async ({ port, setView }) => {
    const peer = await Peer.connect(port);
    await peer.login();
    a.answer = (answering) => complete(answering, "in_transaction");
    await peer.send(queryBytes("BEGIN"));
    await peer.until("Z");
    setView({ primary: null, because: "a switchover to b is under way", yielding: "a" });
    setView({ primary: a.target, because: "", yielding: null });
    a.answer = (answering) => complete(answering);
    await peer.send(queryBytes("COMMIT"));
    await peer.until("Z");
    await peer.send(queryBytes("SELECT 1"));
    assert.equal((await peer.until("Z"))?.code, "Z");
    peer.close();
  });
});
