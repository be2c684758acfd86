/** What a connection to the API may cost, and who is behind it. */
import assert from "node:assert/strict";
import type { FrontLimits } from "../../src/coordination/front.ts";
import { createPeerClient } from "../../src/coordination/client.ts";
import { createTestApp, KEYS, MESSAGE } from "./support.ts";
import { type RunningServer, serveApp, TLS } from "./socket_support.ts";

const ENCODER = new TextEncoder();
const HEALTH = "GET /health HTTP/1.1\r\nhost: a\r\n\r\n";

async function withServer(
  limits: Partial<FrontLimits>,
  body: (server: RunningServer, lines: ReturnType<typeof createTestApp>["lines"]) => Promise<void>,
): Promise<void> {
  const { app, lines } = createTestApp();
  const server = serveApp(app, { limits });
  try {
    await body(server, lines);
  } finally {
    await server.stop();
  }
}

async function connect(port: number, bytes = ""): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  if (bytes !== "") await conn.write(ENCODER.encode(bytes));
  return conn;
}

/** Everything up to the end; it resolves when the server hangs up. */
async function hear(conn: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (const buffer = new Uint8Array(4096);;) {
    const count = await conn.read(buffer).catch(() => null);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count));
  }
  conn.close();
  return text;
}

/** The status of one answer; null where the server hangs up instead. */
async function ask(conn: Deno.Conn, request = HEALTH): Promise<number | null> {
  await conn.write(ENCODER.encode(request)).catch(() => 0);
  const buffer = new Uint8Array(4096);
  const count = await conn.read(buffer).catch(() => null);
  if (count === null) return null;
  const text = new TextDecoder().decode(buffer.subarray(0, count));
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
}

Deno.test("a client that never ends its first head, or a later one, is hung up on", async () => {
  await withServer({ headTimeoutMs: 200 }, async ({ port }) => {
    assert.equal(await hear(await connect(port)), "");
    assert.equal(await hear(await connect(port, "GET /health HTTP/1.1\r\nho")), "");
    const later = await connect(port);
    assert.equal(await ask(later), 200);
    await later.write(ENCODER.encode("GET /health HT"));
    assert.equal(await hear(later), "");
  });
});

Deno.test("a client that drips its head is hung up on", async () => {
  await withServer({ headTimeoutMs: 200 }, async ({ port }) => {
    const conn = await connect(port, "GET /health HTTP/1.1\r\n");
    let hungUp = false;
    const heard = hear(conn).then(() => hungUp = true);
    while (!hungUp) {
      await conn.write(ENCODER.encode("a")).catch(() => 0);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await heard;
  });
});

Deno.test("a connection at rest is kept, and closed in the end", async () => {
  await withServer({ headTimeoutMs: 10, idleTimeoutMs: 700 }, async ({ port }) => {
    const conn = await connect(port);
    assert.equal(await ask(conn), 200);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(await ask(conn), 200);
    assert.equal(await hear(conn), "");
  });
});

Deno.test("an answer that takes its time is waited for", async () => {
  const { app } = createTestApp({
    metrics: async () => {
      await new Promise((resolve) => setTimeout(resolve, 1200));
      return { text: "metako_term 3\n", type: "text/plain" };
    },
  });
  const server = serveApp(app, { limits: { headTimeoutMs: 10, idleTimeoutMs: 10 } });
  const conn = await connect(server.port);
  assert.equal(await ask(conn, "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n"), 200);
  conn.close();
  await server.stop();
});

Deno.test("one address has so many connections, and members have some of their own", async () => {
  const limits = { maxConnections: 5, reservedConnections: 2, maxConnectionsPerAddress: 4 };
  await withServer(limits, async ({ port }) => {
    const strangers = [];
    for (let i = 0; i < 3; i++) {
      const conn = await connect(port);
      assert.equal(await ask(conn), 200);
      strangers.push(conn);
    }
    const fourth = await connect(port);
    assert.equal(await ask(fourth), null, "the rest is for members");
    fourth.close();
    strangers.pop()!.close();

    const peer = createPeerClient({
      self: "node2",
      keys: KEYS,
      members: new Map([["node1", { host: "127.0.0.1", port }]]),
      timeoutMs: 5000,
      tls: false,
    });
    // The stranger's place is free once the server has seen it go.
    while ((await peer.send("node1", MESSAGE)).type !== "answered");
    const member = await connect(port);
    assert.equal(await ask(member), 200, "a member's address may use what is reserved");
    const tooMany = await connect(port);
    assert.equal(await ask(tooMany), null, "and no more than one address may have");
    for (const conn of [...strangers, member, tooMany]) conn.close();
    peer.close();
  });
});

Deno.test("HTTP/2 is not spoken", async () => {
  await withServer({}, async ({ port }) => {
    const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    assert.equal(await hear(await connect(port, preface)), "");
  });
});

Deno.test("whoever finds the server behind the front is sent away", async () => {
  const ports = () => {
    const table = Deno.readTextFileSync("/proc/self/net/tcp").split("\n").slice(1);
    return table.filter((line) => / 0100007F:.* 0A /.test(line))
      .map((line) => parseInt(/0100007F:([0-9A-F]{4})/.exec(line)![1]!, 16));
  };
  const before = new Set(ports());
  await withServer({}, async ({ port }) => {
    const inner = ports().filter((each) => !before.has(each) && each !== port);
    const statuses = await Promise.all(inner.map(async (each) => {
      const response = await fetch(`http://127.0.0.1:${each}/health`).catch(() => null);
      await response?.body?.cancel();
      return response?.status;
    }));
    assert.ok(statuses.includes(403), `statuses ${statuses} of ${inner}`);
    assert.ok(!statuses.includes(200));
  });
});

Deno.test("the app sees the client's own address", async () => {
  await withServer({}, async ({ port }, lines) => {
    const response = await fetch(`http://127.0.0.1:${port}/peer`, { method: "POST", body: "{}" });
    assert.equal(response.status, 401);
    await response.body?.cancel();
    assert.equal(lines.at(-1)?.fields.source, "127.0.0.1");
  });
});

Deno.test("a new certificate is used without a restart, and an unfit one is not", async () => {
  const folder = await Deno.makeTempDir();
  const { app } = createTestApp();
  const server = serveApp(app, { tls: TLS });
  const reach = async (trusted: string) => {
    const client = Deno.createHttpClient({ caCerts: [trusted] });
    const response = await fetch(`https://127.0.0.1:${server.port}/health`, { client })
      .catch(() => null);
    await response?.body?.cancel();
    client.close();
    return response?.status ?? null;
  };
  try {
    assert.equal(await reach(TLS.cert), 200);
    const renewed = await makeCertificate(folder);
    assert.equal(await reach(renewed.cert), null);
    assert.match(
      server.renewTls({ cert: renewed.cert, key: TLS.key }) ?? "",
      /security\.cert_file/,
    );
    assert.equal(await reach(TLS.cert), 200);
    assert.equal(server.renewTls(renewed), null);
    assert.equal(await reach(renewed.cert), 200);
    assert.equal(await reach(TLS.cert), null);
  } finally {
    await server.stop();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a member verifies the others with new certificates without a restart", async () => {
  const folder = await Deno.makeTempDir();
  const server = serveApp(createTestApp().app, { tls: TLS });
  const renewed = await makeCertificate(folder);
  const peer = createPeerClient({
    self: "node2",
    keys: KEYS,
    members: new Map([["node1", { host: "127.0.0.1", port: server.port }]]),
    timeoutMs: 10_000,
    tls: true,
    caCerts: [TLS.cert],
  });
  try {
    assert.equal((await peer.send("node1", MESSAGE)).type, "answered");
    assert.match(peer.trust(["garbage"]) ?? "", /security\.ca_file: it holds no certificate/);
    assert.equal((await peer.send("node1", MESSAGE)).type, "answered");
    assert.equal(peer.trust([renewed.cert]), null);
    assert.equal((await peer.send("node1", MESSAGE)).type, "silent");
    assert.equal(server.renewTls(renewed), null);
    assert.equal((await peer.send("node1", MESSAGE)).type, "answered");
  } finally {
    peer.close();
    await server.stop();
    await Deno.remove(folder, { recursive: true });
  }
});

/** A self-signed certificate for loopback. */
async function makeCertificate(folder: string): Promise<{ cert: string; key: string }> {
  const [certFile, keyFile] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  const { code } = await new Deno.Command("openssl", {
    args: [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-subj", "/CN=renewed", "-addext", "subjectAltName=IP:127.0.0.1"],
      ...["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", keyFile, "-out", certFile],
    ],
    stderr: "null",
  }).output();
  assert.equal(code, 0);
  return {
    cert: await Deno.readTextFile(certFile),
    key: await Deno.readTextFile(keyFile),
  };
}
