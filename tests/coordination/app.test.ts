import assert from "node:assert/strict";
import type { Answer } from "../../src/core/message.ts";
import { encodeRequest } from "../../src/coordination/messages.ts";
import { decodeLine } from "../../src/coordination/progress.ts";
import { verifyAnswer } from "../../src/coordination/signature.ts";
import {
  challengeOf,
  CLUSTER,
  createTestApp,
  HEALTH,
  KEYS,
  MESSAGE,
  signed,
  STATUS,
} from "./support.ts";

Deno.test("GET /status, /cluster and /health answer whoever asks", async () => {
  const { app } = createTestApp();
  for (const [path, body] of [["status", STATUS], ["cluster", CLUSTER], ["health", HEALTH]]) {
    const response = await app.request(`/${path}`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.equal(response.headers.get("metako-signature"), null);
    assert.deepEqual(await response.json(), body);
  }
});

Deno.test("GET /health answers 503 when the node is failing", async () => {
  const { app } = createTestApp({ health: () => ({ ...HEALTH, status: "failing" }) });
  const response = await app.request("/health");
  assert.equal(response.status, 503);
  assert.deepEqual(await response.json(), { ...HEALTH, status: "failing" });
});

Deno.test("HEAD /health answers without a body", async () => {
  const response = await createTestApp().app.request("/health", { method: "HEAD" });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "");
});

Deno.test("GET /status signs its answer to who has a key, and needs no challenge", async () => {
  const { app } = createTestApp();
  for (const sender of ["node2", "@operator"]) {
    const { path, init, envelope } = signed({ method: "GET", path: "/status", sender, body: null });
    const response = await app.request(path, init);
    const body = new Uint8Array(await response.arrayBuffer());
    const keys = sender === "node2" ? KEYS.peer : KEYS.operator;
    const { status, headers } = response;
    assert.equal(status, 200);
    assert.equal(verifyAnswer(keys, envelope, { status, body, headers }), true);
  }
});

Deno.test("POST /peer hands a fresh message to the core and signs its answer", async () => {
  const answer: Answer = { type: "denied", term: 9, because: "the promise holds" };
  const { app, received } = createTestApp({
    request: (from, message) => {
      received.push({ from, message });
      return Promise.resolve(answer);
    },
  });
  const challenge = await challengeOf(app);
  assert.deepEqual(received, []);
  const { path, init, envelope } = signed({ challenge });
  const response = await app.request(path, init);
  const body = new Uint8Array(await response.arrayBuffer());
  const { status, headers } = response;
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(body)), answer);
  assert.equal(verifyAnswer(KEYS.peer, envelope, { status, body, headers }), true);
  assert.deepEqual(received, [{ from: "node2", message: MESSAGE }]);
});

Deno.test("POST /peer takes one sender's requests in any order", async () => {
  const { app, received } = createTestApp();
  const challenge = await challengeOf(app);
  const boot = "0".repeat(32);
  const statuses = await Promise.all([5, 3, 4, 1, 2].map(async (counter) => {
    const { path, init } = signed({ challenge, boot, counter });
    return (await app.request(path, init)).status;
  }));
  assert.deepEqual(statuses, [200, 200, 200, 200, 200]);
  assert.equal(received.length, 5);
});

Deno.test("POST /peer answers 503 when the core takes too long", async () => {
  const never = Promise.withResolvers<Answer>();
  const { app } = createTestApp({ request: () => never.promise, answerTimeoutMs: 20 });
  const challenge = await challengeOf(app);
  const { path, init } = signed({ challenge });
  const response = await app.request(path, init);
  assert.equal(response.status, 503);
  assert.match((await response.json()).error, /node1 had no answer within 20ms/);
});

Deno.test("POST /peer answers 500 without a word about the inside when the core fails", async () => {
  const { app, lines } = createTestApp({
    request: () => Promise.reject(new Error("secret detail")),
  });
  const challenge = await challengeOf(app);
  const { path, init } = signed({ challenge });
  const response = await app.request(path, init);
  const text = await response.text();
  assert.equal(response.status, 500);
  assert.doesNotMatch(text, /secret detail|\.ts/);
  assert.deepEqual(Object.keys(JSON.parse(text)), ["error", "remedy"]);
  assert.deepEqual(lines.at(-1), {
    level: "error",
    event: "request_failed",
    fields: { outcome: "failed", path: "/peer", because: "secret detail" },
  });
});

Deno.test("POST /operator/failover streams signed lines and logs who asked", async () => {
  const { app, lines } = createTestApp();
  const draft = {
    path: "/operator/failover",
    sender: "@operator",
    body: JSON.stringify({ to: "node2" }),
  };
  const challenge = await challengeOf(app, draft);
  const { path, init, envelope } = signed({ ...draft, challenge });
  const response = await app.request(path, init, {
    remoteAddr: { transport: "tcp", hostname: "192.0.2.7", port: 40000 },
  });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  const text = await response.text();
  const steps = text.trimEnd().split("\n").map((line, index) => {
    const read = decodeLine(KEYS.operator, envelope, index, line);
    assert.ok(read.ok);
    return [read.step.step, read.step.outcome];
  });
  assert.deepEqual(steps, [
    ["electing node2", "running"],
    ["node2 is the primary", "succeeded"],
  ]);
  const logged = lines.filter((line) => line.event === "operator_request");
  assert.deepEqual(logged.map((line) => [line.fields.outcome, line.fields.source]), [
    ["started", "192.0.2.7"],
    ["succeeded", "192.0.2.7"],
  ]);
});

for (
  const [what, failover, ending] of [
    ["breaks", async function* () {
      yield { step: "one", outcome: "running" as const };
      await Promise.reject(new Error("no memory"));
    }, /no memory/],
    ["ends without an outcome", async function* () {
      yield { step: "one", outcome: "running" as const };
      await Promise.resolve();
    }, /stopped before the outcome/],
  ] as const
) {
  Deno.test(`POST /operator/failover ends with "failed" when the core's list ${what}`, async () => {
    const { app } = createTestApp({ failover });
    const draft = { path: "/operator/failover", sender: "@operator", body: '{"to":"node2"}' };
    const challenge = await challengeOf(app, draft);
    const { path, init } = signed({ ...draft, challenge });
    const lines = (await (await app.request(path, init)).text()).trimEnd().split("\n");
    const last = JSON.parse(lines.at(-1)!);
    assert.equal(lines.length, 2);
    assert.equal(last.outcome, "failed");
    assert.match(last.step, ending);
  });
}

Deno.test("POST /operator/failover stops reading when the operator goes away", async () => {
  const ended = Promise.withResolvers<void>();
  const { app } = createTestApp({
    failover: async function* () {
      try {
        while (true) {
          await Promise.resolve();
          yield { step: "waiting", outcome: "running" };
        }
      } finally {
        ended.resolve();
      }
    },
  });
  const draft = { path: "/operator/failover", sender: "@operator", body: '{"to":"node2"}' };
  const challenge = await challengeOf(app, draft);
  const { path, init } = signed({ ...draft, challenge });
  const reader = (await app.request(path, init)).body!.getReader();
  await reader.read();
  await reader.cancel();
  await ended.promise;
});

Deno.test("POST /operator/failover refuses a body of another shape", async () => {
  const { app } = createTestApp();
  for (const body of ["{}", '{"to":""}', '{"to":"node2","force":true}', '{"to":["node2"]}', "3"]) {
    const draft = { path: "/operator/failover", sender: "@operator", body };
    const challenge = await challengeOf(app, draft);
    const { path, init } = signed({ ...draft, challenge });
    const response = await app.request(path, init);
    assert.equal(response.status, 400, body);
    assert.match((await response.json()).error, /malformed/);
  }
});

Deno.test("an unknown path is answered with 404 and a wrong method with 405, as JSON", async () => {
  const { app } = createTestApp();
  for (
    const [method, path, status, allowed] of [
      ["GET", "/nothing", 404, null],
      ["GET", "/status/", 404, null],
      ["POST", "/operator/nothing", 404, null],
      ["GET", "/peer", 405, "POST"],
      ["DELETE", "/operator/failover", 405, "POST"],
      ["POST", "/status", 405, "GET, HEAD"],
      ["PUT", "/health", 405, "GET, HEAD, OPTIONS"],
    ] as const
  ) {
    const response = await app.request(path, { method });
    assert.equal(response.status, status, `${method} ${path}`);
    assert.equal(response.headers.get("allow"), allowed);
    assert.deepEqual(Object.keys(await response.json()), ["error", "remedy"]);
  }
});

Deno.test("a request beyond a limit is answered with an error that names the limit", async () => {
  const { app } = createTestApp({ limits: { maxHeaderBytes: 2000, maxPathBytes: 100 } });
  const long = await app.request(`/status?${"x".repeat(200)}`);
  assert.equal(long.status, 414);
  assert.match((await long.json()).error, /100 characters/);
  const wide = await app.request("/status", { headers: { "x-wide": "x".repeat(3000) } });
  assert.equal(wide.status, 431);
  assert.match((await wide.json()).error, /2000 bytes/);
});

Deno.test("requests beyond maxInFlight are turned away, and the others still answered", async () => {
  const gate = Promise.withResolvers<Answer>();
  const { app } = createTestApp({ request: () => gate.promise, limits: { maxInFlight: 2 } });
  const challenge = await challengeOf(app);
  const boot = "1".repeat(32);
  const send = (counter: number) => {
    const { path, init } = signed({ challenge, boot, counter });
    return app.request(path, init);
  };
  const waiting = [send(1), send(2)];
  const third = await send(3);
  assert.equal(third.status, 503);
  assert.match((await third.json()).error, /2 requests/);
  gate.resolve({ type: "noted", term: 1 });
  assert.deepEqual((await Promise.all(waiting)).map((response) => response.status), [200, 200]);
  assert.equal((await send(4)).status, 200);
});

Deno.test("POST /peer refuses a signed body that is not JSON, too large, or another type", async () => {
  const { app, received } = createTestApp({ limits: { maxBodyBytes: 1000 } });
  const send = async (body: string, type = "application/json") => {
    const challenge = await challengeOf(app);
    const { path, init } = signed({ challenge, body });
    init.headers["content-type"] = type;
    const response = await app.request(path, init);
    return [response.status, Object.keys(await response.json()).join()];
  };
  const text = encodeRequest(MESSAGE);
  assert.deepEqual(await send(""), [400, "error,remedy"]);
  assert.deepEqual(await send("nonsense"), [400, "error,remedy"]);
  assert.deepEqual(await send(text.slice(0, -1)), [400, "error,remedy"]);
  assert.deepEqual(await send("[".repeat(900)), [400, "error,remedy"]);
  assert.deepEqual(await send("[".repeat(450) + "]".repeat(450)), [400, "error,remedy"]);
  assert.deepEqual(await send(text.padEnd(1001)), [413, "error,remedy"]);
  assert.deepEqual(await send(text, "text/plain"), [415, "error,remedy"]);
  assert.deepEqual(await send(text, "application/jsonx"), [415, "error,remedy"]);
  assert.deepEqual(received, []);
  assert.deepEqual(await send(text.padEnd(1000), "application/json; charset=utf-8"), [
    200,
    "type,term",
  ]);
});

Deno.test("POST /peer gives up on a body that does not arrive", async () => {
  const { app } = createTestApp({ limits: { bodyTimeoutMs: 20 } });
  const challenge = await challengeOf(app);
  const { path, init } = signed({ challenge });
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
  });
  const response = await app.request(new Request(`http://node1${path}`, { ...init, body }));
  assert.equal(response.status, 408);
  assert.match((await response.json()).error, /20ms/);
});

Deno.test("one address asks so often without a signature, and members as often as they must", async () => {
  const { app } = createTestApp({ limits: { requestBurst: 2 }, nowMs: () => 0 });
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await app.request("/health")).status);
  assert.deepEqual(statuses, [200, 200, 429]);
  const challenge = await challengeOf(app);
  const { path, init } = signed({ challenge });
  assert.equal((await app.request(path, init)).status, 200);
});
