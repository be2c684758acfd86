import assert from "node:assert/strict";
import type { Answer, Request } from "../../src/core/message.ts";
import { createPeerClient, type PeerClient } from "../../src/coordination/client.ts";
import { encodeAnswer } from "../../src/coordination/messages.ts";
import { createTestApp, KEYS, keysFrom, MESSAGE, STATUS } from "./support.ts";
import { AUTHORITY, closedPort, serveApp, serveBytes, TLS } from "./socket_support.ts";

type Options = Partial<Parameters<typeof createPeerClient>[0]>;

async function withClient(
  port: number,
  options: Options,
  use: (client: PeerClient) => Promise<void>,
): Promise<void> {
  const client = createPeerClient({
    self: "node2",
    keys: KEYS,
    members: new Map([["node1", { host: "127.0.0.1", port }]]),
    tls: false,
    timeoutMs: 2000,
    ...options,
  });
  try {
    await use(client);
  } finally {
    client.close();
  }
}

const ANSWER: Answer = { type: "confirm_answer", term: 4, reached: true, position: null };
const CONFIRM: Request = {
  type: "confirm",
  term: 4,
  checkpoint: { timeline: 2, lsn: 0x16B3748n },
};

Deno.test("send() brings a message to the core and its answer back", async () => {
  const { app, received } = createTestApp({
    request: (from, message) => {
      received.push({ from, message });
      return Promise.resolve(ANSWER);
    },
  });
  const server = serveApp(app);
  await withClient(server.port, {}, async (client) => {
    assert.deepEqual(await client.send("node1", CONFIRM), { type: "answered", answer: ANSWER });
    assert.deepEqual(received, [{ from: "node2", message: CONFIRM }]);
  });
  await server.stop();
});

Deno.test("send() works for many messages at a time, from the first on", async () => {
  const { app, received } = createTestApp();
  const server = serveApp(app);
  // Forty at a time may take a while on a busy host.
  await withClient(server.port, { timeoutMs: 30_000 }, async (client) => {
    const sent = await Promise.all(
      Array.from({ length: 40 }, () => client.send("node1", MESSAGE)),
    );
    assert.ok(sent.every((result) => result.type === "answered"));
    assert.equal(received.length, 40);
  });
  await server.stop();
});

Deno.test("send() takes up with a receiver that has restarted, and with a sender that has", async () => {
  const first = createTestApp();
  const server = serveApp(first.app);
  const { port } = server;
  await withClient(port, {}, async (client) => {
    assert.equal((await client.send("node1", MESSAGE)).type, "answered");
    await server.stop();
    assert.deepEqual(await client.send("node1", MESSAGE), {
      type: "refused",
      because: `127.0.0.1:${port} refuses connections`,
    });
    const second = createTestApp();
    const restarted = serveApp(second.app, { port });
    assert.equal((await client.send("node1", MESSAGE)).type, "answered");
    await withClient(port, {}, async (again) => {
      assert.equal((await again.send("node1", MESSAGE)).type, "answered");
    });
    assert.equal((await client.send("node1", MESSAGE)).type, "answered");
    assert.equal(second.received.length, 3);
    await restarted.stop();
  });
});

Deno.test("send() says refused only where the port refuses", async () => {
  await withClient(closedPort(), {}, async (client) => {
    assert.equal((await client.send("node1", MESSAGE)).type, "refused");
    const unknown = await client.send("node9", MESSAGE);
    assert.deepEqual(unknown, { type: "silent", because: "the address of node9 is not known" });
  });
});

Deno.test("send() says silent where a connection fails for another reason", async () => {
  const members = new Map([["node1", { host: "255.255.255.255", port: 8080 }]]);
  await withClient(0, { members }, async (client) => {
    const sent = await client.send("node1", MESSAGE);
    assert.ok(sent.type === "silent");
    assert.match(sent.because, /^the call to 255\.255\.255\.255:8080 failed: /);
  });
});

const SILENT: Record<string, string | null> = {
  "never answers": null,
  "hangs up": "",
  "speaks another protocol": "SSH-2.0-OpenSSH_9.2\r\n",
  "breaks off its answer": "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
  "breaks off its headers": "HTTP/1.1 200 OK\r\ncontent-",
  "is overloaded": "HTTP/1.1 503 Busy\r\ncontent-length: 2\r\n\r\n{}",
};

for (const [what, bytes] of Object.entries(SILENT)) {
  Deno.test(`send() says silent where something ${what}`, async () => {
    const server = serveBytes(bytes);
    await withClient(server.port, { timeoutMs: 200 }, async (client) => {
      const startedAtMs = performance.now();
      const sent = await client.send("node1", MESSAGE);
      assert.equal(sent.type, "silent");
      assert.ok(performance.now() - startedAtMs < 1000);
    });
    await server.stop();
  });
}

Deno.test("send() says silent where the body does not end in time", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = (async () => {
    const connection = await listener.accept();
    await connection.read(new Uint8Array(65536));
    const head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";
    await connection.write(new TextEncoder().encode(head));
    return connection;
  })();
  const { port } = listener.addr as Deno.NetAddr;
  await withClient(port, { timeoutMs: 200 }, async (client) => {
    const sent = await client.send("node1", MESSAGE);
    assert.deepEqual(sent, {
      type: "silent",
      because: "the answer of node1 did not end in time",
    });
  });
  (await accepted).close();
  listener.close();
});

Deno.test("send() says silent where the core has no answer, and repeats why", async () => {
  const never = Promise.withResolvers<Answer>();
  const { app } = createTestApp({ request: () => never.promise, answerTimeoutMs: 30 });
  const server = serveApp(app);
  await withClient(server.port, {}, async (client) => {
    const sent = await client.send("node1", MESSAGE);
    assert.ok(sent.type === "silent");
    assert.match(sent.because, /node1 answered 503: node1 had no answer within 30ms/);
  });
  await server.stop();
});

const respond = (body: string) =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

Deno.test("send() rejects a granted vote that nobody signed", async () => {
  const forged = encodeAnswer({
    type: "vote_answer",
    term: 4,
    granted: true,
    because: "",
    record: null,
    instance: null,
    position: null,
    memory: null,
    heard: null,
  });
  const server = serveBytes(respond(forged));
  await withClient(server.port, {}, async (client) => {
    assert.deepEqual(await client.send("node1", MESSAGE), {
      type: "rejected",
      because: "the answer is not signed as node1's must be",
    });
  });
  await server.stop();
});

Deno.test("send() rejects an answer that a man in the middle changed", async () => {
  const { app } = createTestApp({ request: () => Promise.resolve(ANSWER) });
  for (
    const change of [
      (body: string) => body.replace("true", "false"),
      (body: string) => `${body} `,
    ]
  ) {
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        const response = await app.fetch(request);
        const { status, headers } = response;
        const body = await response.text();
        return new Response(status === 200 ? change(body) : body, { status, headers });
      },
    );
    await withClient(server.addr.port, {}, async (client) => {
      assert.equal((await client.send("node1", MESSAGE)).type, "rejected");
    });
    await server.shutdown();
  }
});

Deno.test("send() rejects an old answer that is played back", async () => {
  const { app } = createTestApp({ request: () => Promise.resolve(ANSWER) });
  let recorded: Response | null = null;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      if (recorded !== null) return recorded.clone();
      const response = await app.fetch(request);
      if (response.status === 200) recorded = response.clone();
      return response;
    },
  );
  await withClient(server.addr.port, {}, async (client) => {
    assert.equal((await client.send("node1", MESSAGE)).type, "answered");
    assert.equal((await client.send("node1", MESSAGE)).type, "rejected");
  });
  await server.shutdown();
});

Deno.test("send() follows no challenge that is not signed", async () => {
  let calls = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    calls++;
    return new Response("{}", { status: 409, headers: { "metako-challenge": "c".repeat(32) } });
  });
  await withClient(server.addr.port, {}, async (client) => {
    assert.equal((await client.send("node1", MESSAGE)).type, "rejected");
    assert.equal(calls, 1);
  });
  await server.shutdown();
});

Deno.test("send() rejects, with the receiver's words, where keys or names differ", async () => {
  const { app } = createTestApp();
  const server = serveApp(app);
  for (
    const [options, words] of [
      [{ keys: keysFrom("another secret, long enough") }, /401, unsigned: the signature of node2/],
      [{ self: "node7" }, /403, unsigned: node7 is not another member/],
    ] as const
  ) {
    await withClient(server.port, options, async (client) => {
      const sent = await client.send("node1", MESSAGE);
      assert.ok(sent.type === "rejected");
      assert.match(sent.because, words);
    });
  }
  await server.stop();
});

Deno.test("send() works over TLS with the member's own certificate as authority", async () => {
  const { app } = createTestApp();
  const server = serveApp(app, { tls: TLS });
  await withClient(server.port, { tls: true, caCerts: [TLS.cert] }, async (client) => {
    assert.equal((await client.send("node1", MESSAGE)).type, "answered");
  });
  const both = `${AUTHORITY.cert}\n${TLS.cert}`;
  await withClient(server.port, { tls: true, caCerts: [both] }, async (client) => {
    assert.equal((await client.send("node1", MESSAGE)).type, "answered");
  });
  await server.stop();
});

Deno.test("send() says silent, and why, where a certificate is not to be trusted", async () => {
  const { app } = createTestApp();
  const server = serveApp(app, { tls: TLS });
  await withClient(server.port, { tls: true }, async (client) => {
    const sent = await client.send("node1", MESSAGE);
    assert.ok(sent.type === "silent");
    assert.match(sent.because, /certificate/);
  });
  await withClient(server.port, { tls: false }, async (client) => {
    assert.equal((await client.send("node1", MESSAGE)).type, "silent");
  });
  await server.stop();

  const authority = serveApp(app, { tls: AUTHORITY });
  await withClient(authority.port, { tls: true, caCerts: [AUTHORITY.cert] }, async (client) => {
    const sent = await client.send("node1", MESSAGE);
    assert.ok(sent.type === "silent");
    assert.match(sent.because, /basicConstraints=CA:FALSE/);
  });
  await authority.stop();
});

Deno.test("send() goes to the member itself, whatever proxy the environment names", async () => {
  const { app } = createTestApp();
  const server = serveApp(app);
  const names = ["http_proxy", "HTTP_PROXY", "ALL_PROXY"];
  const saved = names.map((name) => [name, Deno.env.get(name)] as const);
  const proxy = `http://127.0.0.1:${closedPort()}`;
  for (const name of names) Deno.env.set(name, proxy);
  try {
    await withClient(server.port, {}, async (client) => {
      assert.deepEqual(names.map((name) => Deno.env.get(name)), [proxy, proxy, proxy]);
      assert.equal((await client.send("node1", MESSAGE)).type, "answered");
    });
  } finally {
    for (const [name, value] of saved) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
  await server.stop();
});

Deno.test("status() of a peer is verified, whoever may read without a key", async () => {
  for (const openTo of ["everybody", "this_host", "nobody"] as const) {
    const { app } = createTestApp({ readers: { openTo, token: null } });
    const server = serveApp(app);
    await withClient(server.port, {}, async (client) => {
      const expected = { ok: true, status: STATUS, verified: true };
      assert.deepEqual(await client.status("node1"), expected);
      assert.deepEqual(await client.status("node1"), expected);
    });
    await server.stop();
  }
});

Deno.test("cancel() hands a key to a member's router and says what came of it", async () => {
  const wishes: unknown[] = [];
  const { app } = createTestApp({
    cancel(wish) {
      wishes.push(wish);
      return Promise.resolve(wish.processId === 7);
    },
  });
  const server = serveApp(app);
  await withClient(server.port, {}, async (client) => {
    const secretKey = "00ff10a9";
    assert.equal(await client.cancel("node1", { processId: 7, secretKey }), true);
    assert.equal(await client.cancel("node1", { processId: 8, secretKey }), false);
    assert.deepEqual(wishes, [{ processId: 7, secretKey }, { processId: 8, secretKey }]);
    assert.equal(await client.cancel("node1", { processId: 7, secretKey: "00" }), false);
    assert.equal(wishes.length, 2, "too short a key is refused");
    assert.equal(await client.cancel("node3", { processId: 7, secretKey }), false, "no address");
  });
  await withClient(server.port, { keys: keysFrom("quite another secret") }, async (client) => {
    assert.equal(await client.cancel("node1", { processId: 7, secretKey: "00ff10a9" }), false);
    assert.equal(wishes.length, 2, "only members are heard");
  });
  await server.stop();
});
