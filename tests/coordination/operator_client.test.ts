import assert from "node:assert/strict";
import type { CoordinationPorts } from "../../src/coordination/app.ts";
import { createOperatorClient, type FailoverEnd } from "../../src/coordination/operator_client.ts";
import type { StepOutcome } from "../../src/core/effect.ts";
import { CLUSTER, createTestApp, HEALTH, KEYS, keysFrom, STATUS } from "./support.ts";
import { closedPort, serveApp, serveBytes } from "./socket_support.ts";

function connect(port: number, options: { keys?: typeof KEYS; stepTimeoutMs?: number } = {}) {
  return createOperatorClient({
    keys: KEYS,
    members: new Map([["node1", { host: "127.0.0.1", port }]]),
    tls: false,
    timeoutMs: 1000,
    ...options,
  });
}

async function failOver(
  port: number,
  options: Parameters<typeof connect>[1] = {},
): Promise<{ end: FailoverEnd; steps: string[] }> {
  const client = connect(port, options);
  const steps: string[] = [];
  const end = await client.failover(
    "node1",
    { to: "node2", force: "none" },
    (step) => steps.push(step),
  );
  client.close();
  return { end, steps };
}

function ending(outcome: StepOutcome, step: string): CoordinationPorts["failover"] {
  return async function* () {
    yield { step: "holding writes", outcome: "running" };
    await Promise.resolve();
    yield { step, outcome };
  };
}

Deno.test("failover() reports each step and how it ended", async () => {
  for (
    const [failover, end] of [
      [ending("succeeded", "done"), { type: "succeeded" }],
      [ending("failed", "disk full"), { type: "failed", because: "disk full" }],
      [ending("refused", "node2 lags"), { type: "refused", because: "node2 lags" }],
    ] as const
  ) {
    const server = serveApp(createTestApp({ failover }).app);
    assert.deepEqual(await failOver(server.port), { end, steps: ["holding writes"] });
    await server.stop();
  }
});

Deno.test("failover() brings each step when it happens, not when all is over", async () => {
  const goOn = Promise.withResolvers<void>();
  const { app } = createTestApp({
    failover: async function* () {
      yield { step: "first", outcome: "running" };
      await goOn.promise;
      yield { step: "done", outcome: "succeeded" };
    },
  });
  const server = serveApp(app);
  const client = connect(server.port);
  const end = await client.failover("node1", { to: "node2", force: "none" }, () => goOn.resolve());
  assert.deepEqual(end, { type: "succeeded" });
  client.close();
  await server.stop();
});

Deno.test("failover() works for several operators at once", async () => {
  const server = serveApp(createTestApp().app);
  const results = await Promise.all([failOver(server.port), failOver(server.port)]);
  assert.deepEqual(results.map(({ end }) => end.type), ["succeeded", "succeeded"]);
  await server.stop();
});

Deno.test("failover() says unreached, or refused, where nothing was begun", async () => {
  const unreached = await failOver(closedPort());
  assert.equal(unreached.end.type, "unreached");
  const server = serveApp(createTestApp().app);
  const { end } = await failOver(server.port, { keys: keysFrom("another secret, long enough") });
  assert.ok(end.type === "refused");
  assert.match(end.because, /node1 answered 401, unsigned: .*security\.cluster_secret/);
  await server.stop();
});

Deno.test("failover() says lost where the node falls silent between two steps", async () => {
  const never = Promise.withResolvers<void>();
  const { app } = createTestApp({
    failover: async function* () {
      yield { step: "first", outcome: "running" };
      await never.promise;
    },
  });
  const server = serveApp(app);
  const { end, steps } = await failOver(server.port, { stepTimeoutMs: 100 });
  assert.deepEqual(steps, ["first"]);
  assert.equal(end.type, "lost");
  never.resolve();
  await server.stop();
});

Deno.test("failover() says lost where the answer is cut, endless, or nobody's", async () => {
  const head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n";
  const forged = '{"index":0,"step":"done","outcome":"succeeded","elapsed_ms":1,"signature":"' +
    `${"0".repeat(64)}"}\n`;
  for (
    const [bytes, because] of [
      [`${head}content-length: 0\r\n\r\n`, /before the outcome/],
      [`${head}content-length: 99\r\n\r\n{"index":0`, /./],
      [`${head}content-length: ${forged.length}\r\n\r\n${forged}`, /forged/],
      [`${head}content-length: 9000\r\n\r\n${"x".repeat(9000)}`, /too long/],
    ] as const
  ) {
    const server = serveBytes(bytes);
    const { end } = await failOver(server.port);
    assert.ok(end.type === "lost", JSON.stringify(end));
    assert.match(end.because, because);
    await server.stop();
  }
});

Deno.test("status(), cluster() and health() read a node's documents", async () => {
  const server = serveApp(createTestApp().app);
  const client = connect(server.port);
  const verified = true;
  assert.deepEqual(await client.status("node1"), { ok: true, status: STATUS, verified });
  assert.deepEqual(await client.cluster("node1"), { ok: true, cluster: CLUSTER, verified });
  assert.deepEqual(await client.health("node1"), { ok: true, health: HEALTH, verified });
  client.close();
  await server.stop();
});

Deno.test("health() reads the document of a failing node", async () => {
  const health = { ...HEALTH, status: "failing" as const };
  const server = serveApp(createTestApp({ health: () => health }).app);
  const client = connect(server.port);
  assert.deepEqual(await client.health("node1"), { ok: true, health, verified: true });
  client.close();
  await server.stop();
});

Deno.test("status() says that an answer is not verified where the keys differ", async () => {
  const server = serveApp(createTestApp().app);
  const client = connect(server.port, { keys: keysFrom("another secret, long enough") });
  assert.deepEqual(await client.status("node1"), { ok: true, status: STATUS, verified: false });
  client.close();
  await server.stop();
});

Deno.test("status() says why there is none", async () => {
  const garbled = serveBytes("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
  const other = serveBytes("HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\n<h1>\x1b");
  for (
    const [port, because] of [
      [closedPort(), /refuses connections/],
      [garbled.port, /the status of node1 is garbled: node: /],
      [other.port, /node1 answered 404, unsigned: its body is not this API's/],
    ] as const
  ) {
    const client = connect(port);
    const reading = await client.status("node1");
    assert.ok(!reading.ok);
    assert.match(reading.because, because);
    client.close();
  }
  await garbled.stop();
  await other.stop();
});

Deno.test("sessions() and killSession() are for operators with the cluster's key", async () => {
  const document = {
    node: "node1",
    total: 5,
    sessions: [{
      id: 17,
      user: "app",
      database: "shop",
      application: "",
      address: "10.0.0.9",
      port: "primary" as const,
      encrypted: false,
      age_ms: 12,
      server: null,
      waits_because: "no leader",
    }],
  };
  const killed: number[] = [];
  const { app, lines } = createTestApp({
    sessions: () => document,
    killSession(id) {
      killed.push(id);
      return id === 17;
    },
  });
  const server = serveApp(app);
  const client = connect(server.port);
  assert.deepEqual(await client.sessions("node1"), { ok: true, sessions: document });
  assert.deepEqual(await client.killSession("node1", 17), { ok: true, found: true });
  assert.deepEqual(await client.killSession("node1", 18), { ok: true, found: false });
  const logged = lines.filter(({ event }) => event === "operator_request");
  assert.deepEqual(logged.map(({ fields }) => [fields["action"], fields["outcome"]]), [
    ["kill", "done"],
    ["kill", "failed"],
  ]);
  client.close();
  const stranger = connect(server.port, { keys: keysFrom("quite another secret") });
  const refused = await stranger.sessions("node1");
  assert.deepEqual([refused.ok, !refused.ok && refused.refused], [false, true]);
  const kept = await stranger.killSession("node1", 17);
  assert.match(kept.ok ? "" : kept.because, /^node1 answered 401.*[^.]$/);
  assert.deepEqual(killed, [17, 18]);
  stranger.close();
  await server.stop();
});
