import assert from "node:assert/strict";
import { serveCoordination } from "../../src/coordination/serve.ts";
import { createTestApp, STATUS } from "./support.ts";
import { serveApp } from "./socket_support.ts";

function tryServing(options: Partial<Parameters<typeof serveCoordination>[0]>): string {
  const controller = new AbortController();
  const serving = serveCoordination({
    host: "127.0.0.1",
    port: 0,
    secure: null,
    app: createTestApp().app,
    signal: controller.signal,
    nowMs: () => performance.now(),
    ...options,
  });
  controller.abort();
  return serving.ok ? "it listens" : serving.because;
}

Deno.test("serveCoordination() answers on the port it names until it is stopped", async () => {
  const server = serveApp(createTestApp().app);
  const response = await fetch(`http://127.0.0.1:${server.port}/status`);
  assert.deepEqual(await response.json(), STATUS);
  await server.stop();
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: server.port }), {
    name: "ConnectionRefused",
  });
});

Deno.test("serveCoordination() names a port in use, and what to do", async () => {
  const server = serveApp(createTestApp().app);
  const because = tryServing({ port: server.port });
  assert.equal(
    because,
    `Cannot listen on 127.0.0.1:${server.port}: identity.api_port ${server.port} is in use. ` +
      `Stop what uses it (ss -ltnp 'sport = :${server.port}' shows it) or choose another port.`,
  );
  await server.stop();
});

Deno.test("serveCoordination() names an address that is not this host's", () => {
  assert.match(tryServing({ host: "203.0.113.9" }), /must be an address of this host/);
});

/** Writes bytes to a server and returns the status of what comes back; 0 where nothing does. */
async function talk(port: number, bytes: string, waitMs = 1000): Promise<number> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await connection.write(new TextEncoder().encode(bytes));
    const buffer = new Uint8Array(4096);
    const silence = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), waitMs);
    });
    const length = await Promise.race([connection.read(buffer), silence]);
    const text = new TextDecoder().decode(buffer.subarray(0, length ?? 0));
    return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
  } finally {
    clearTimeout(timer);
    connection.close();
  }
}

Deno.test("a garbled, slow or unsigned client costs itself only", async () => {
  const { app, received } = createTestApp();
  const server = serveApp(app);
  const { port } = server;
  assert.equal(await talk(port, "\x16\x03\x01\x02\x00\x01nonsense\r\n\r\n"), 400);
  assert.equal(await talk(port, "GET /status HTTP/1.1\r\nno colon\r\n\r\n"), 400);
  assert.equal(await talk(port, "GET /status HTTP/1.1\r\nhost: a b: c\r\n\r\n"), 400);
  assert.equal(await talk(port, `GET /${"x".repeat(3000)} HTTP/1.1\r\nhost: a\r\n\r\n`), 414);
  const wide = `GET /status HTTP/1.1\r\nhost: a\r\nwide: ${"x".repeat(20_000)}\r\n\r\n`;
  assert.equal(await talk(port, wide), 431);
  const head = "POST /peer HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
  assert.equal(await talk(port, `${head}content-length: 100000000\r\n\r\n{`), 401);
  assert.equal(await talk(port, `${head}transfer-encoding: chunked\r\n\r\n1\r\n{\r\n`), 401);

  const slow = await Promise.all(Array.from({ length: 50 }, async () => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode("GET /status HT"));
    return connection;
  }));
  assert.equal(await talk(port, "GET /health HTTP/1.1\r\nhost: a\r\n\r\n"), 200);
  for (const connection of slow) connection.close();
  assert.deepEqual(received, []);
  await server.stop();
});
