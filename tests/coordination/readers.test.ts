/** Who may read the pages, and who steered the cluster. */
import assert from "node:assert/strict";
import { createOperatorClient } from "../../src/coordination/operator_client.ts";
import type { FailoverWish } from "../../src/coordination/app.ts";
import { challengeOf, createTestApp, KEYS, signed } from "./support.ts";
import { serveApp } from "./socket_support.ts";

const PAGES = ["/status", "/cluster", "/history", "/metrics"];
const TOKEN = "a token for readers alone";
const AT_HOME = { remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 1 } } as const;
const AWAY = { remoteAddr: { transport: "tcp", hostname: "10.0.0.9", port: 1 } } as const;

Deno.test("the pages are open to nobody, to this host, or to everybody", async () => {
  for (
    const [openTo, home, away] of [
      ["nobody", 401, 401],
      ["this_host", 200, 401],
      ["everybody", 200, 200],
    ] as const
  ) {
    const { app } = createTestApp({ readers: { openTo, token: null } });
    for (const path of PAGES) {
      assert.equal((await app.request(path, {}, AT_HOME)).status, home, `${openTo} ${path}`);
      assert.equal((await app.request(path, {}, AWAY)).status, away, `${openTo} ${path}`);
    }
    assert.equal((await app.request("/health", {}, AWAY)).status, 200);
    assert.equal((await app.request("/replica", {}, AWAY)).status, 503);
  }
});

Deno.test("who may not read a page is told how to, and nothing else", async () => {
  const { app } = createTestApp({ readers: { openTo: "this_host", token: TOKEN } });
  const response = await app.request("/history", {}, AWAY);
  assert.equal(response.headers.get("www-authenticate"), 'Bearer realm="metako"');
  const { error, remedy } = await response.json();
  assert.equal(error, "/history is not open to 10.0.0.9");
  assert.match(remedy, /security\.read_token as a bearer token/);
});

Deno.test("the readers' token opens the pages, and nothing else", async () => {
  const { app, lines } = createTestApp({ readers: { openTo: "nobody", token: TOKEN } });
  const ask = async (token: string, path: string, method = "GET") => {
    const init = { method, headers: { authorization: `Bearer ${token}` } };
    return (await app.request(path, init, AWAY)).status;
  };
  for (const path of PAGES) assert.equal(await ask(TOKEN, path), 200);
  for (const wrong of ["", TOKEN.slice(1), `${TOKEN}x`, TOKEN.toUpperCase()]) {
    assert.equal(await ask(wrong, "/metrics"), 401);
  }
  assert.equal(await ask(TOKEN, "/peer", "POST"), 401);
  assert.equal(await ask(TOKEN, "/operator/failover", "POST"), 401);
  assert.doesNotMatch(JSON.stringify(lines), new RegExp(TOKEN, "i"));
});

Deno.test("whoever tries tokens is answered 429 in the end", async () => {
  const readers = { openTo: "nobody", token: TOKEN } as const;
  const { app } = createTestApp({ readers, limits: { maxFailures: 3 } });
  const statuses = [];
  for (let attempt = 0; attempt < 5; attempt++) {
    const init = { headers: { authorization: `Bearer wrong${attempt}` } };
    statuses.push((await app.request("/metrics", init, AWAY)).status);
  }
  assert.deepEqual(statuses, [401, 401, 401, 429, 429]);
});

Deno.test("a signature opens the pages from anywhere, once", async () => {
  const { app } = createTestApp({ readers: { openTo: "this_host", token: null } });
  for (const sender of ["node2", "@operator"]) {
    const draft = { method: "GET", path: "/status", sender, body: null };
    const { path, init: stale } = signed(draft);
    const first = await app.request(path, stale, AWAY);
    assert.equal(first.status, 409);
    const challenge = first.headers.get("metako-challenge")!;
    const { init } = signed({ ...draft, challenge });
    assert.equal((await app.request(path, init, AWAY)).status, 200);
    assert.equal((await app.request(path, init, AWAY)).status, 409, "a replay");
  }
});

Deno.test("at home a reader with a key gets a signed answer without a challenge", async () => {
  const { app } = createTestApp({ readers: { openTo: "this_host", token: null } });
  const { path, init } = signed({ method: "GET", path: "/status", body: null });
  const response = await app.request(path, init, AT_HOME);
  assert.equal(response.status, 200);
  assert.notEqual(response.headers.get("metako-signature"), null);
});

Deno.test("an operator's name reaches the node with the signed request, and no terminal", async () => {
  const wishes: FailoverWish[] = [];
  const { app, lines } = createTestApp({
    failover: async function* (wish) {
      wishes.push(wish);
      yield await Promise.resolve({ step: "done", outcome: "succeeded" } as const);
    },
  });
  const server = serveApp(app);
  const client = createOperatorClient({
    keys: KEYS,
    members: new Map([["node1", { host: "127.0.0.1", port: server.port }]]),
    tls: false,
    timeoutMs: 5000,
    by: "alice\x1b[2J@ops & sons",
  });
  const end = await client.failover("node1", { to: "node2", force: "none" }, () => {});
  client.close();
  await server.stop();
  assert.deepEqual(end, { type: "succeeded" });
  assert.equal(wishes[0]?.operator, "alice [2J@ops & sons");
  assert.equal(wishes[0]?.source, "127.0.0.1");
  const logged = lines.filter(({ event }) => event === "operator_request");
  assert.deepEqual(logged.map(({ fields }) => fields.operator), Array(2).fill(wishes[0]!.operator));
});

Deno.test("another name in a signed request makes it a forgery", async () => {
  const { app } = createTestApp();
  const draft = {
    path: "/operator/failover?by=alice",
    sender: "@operator",
    body: '{"to":"node2"}',
  };
  const challenge = await challengeOf(app, draft);
  const { init } = signed({ ...draft, challenge });
  assert.equal((await app.request("/operator/failover?by=mallory", init)).status, 401);
  assert.equal((await app.request("/operator/failover", init)).status, 401);
  const response = await app.request("/operator/failover?by=alice", init);
  assert.equal(response.status, 200);
  await response.text();
});
