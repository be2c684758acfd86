/** The browser's half of an operator's request against the node's: neither knows the other's code. */
import assert from "node:assert/strict";
import { createOperator } from "../../src/dashboard/page/operator.js";
import { deriveOperatorKey } from "../../src/dashboard/page/signature.js";
import type { OperatorStep } from "../../src/coordination/progress.ts";
import { createTestApp, keysFrom, SECRET } from "../coordination/support.ts";

type App = ReturnType<typeof createTestApp>["app"];

/** What the browser would send, handed to the app; `spoil` stands between them. */
function sendTo(app: App, spoil: (response: Response) => Response | Promise<Response> = (r) => r) {
  const requests: { path: string; headers: Headers; body: unknown }[] = [];
  const send = async (path: string, init: RequestInit) => {
    requests.push({ path, headers: new Headers(init.headers), body: init.body });
    return await spoil(await app.request(path, init));
  };
  return { send: send as typeof fetch, requests };
}

async function operatorOf(app: App, secret = SECRET, spoil?: Parameters<typeof sendTo>[1]) {
  const { send, requests } = sendTo(app, spoil);
  const key = await deriveOperatorKey(secret, "test");
  return { operator: createOperator({ key, node: "node1", send }), requests };
}

async function switchOver(operator: Awaited<ReturnType<typeof operatorOf>>["operator"]) {
  const steps: string[] = [];
  const end = await operator.switchOver("node2", "", (step: string) => void steps.push(step));
  return { end, steps };
}

Deno.test("createOperator() knows whether the secret fits, by the node's signed answer", async () => {
  const { app } = createTestApp();
  assert.equal(await (await operatorOf(app)).operator.fits(), true);
  assert.equal(await (await operatorOf(app, "another secret, long enough")).operator.fits(), false);
  assert.equal(
    await (await operatorOf(createTestApp({ readers: { openTo: "nobody", token: null } }).app))
      .operator.fits(),
    true,
  );
});

Deno.test("createOperator() fits with either secret while it is being changed", async () => {
  const { app } = createTestApp({ keys: keysFrom("the new secret of the tests", SECRET) });
  for (const secret of [SECRET, "the new secret of the tests"]) {
    assert.equal(await (await operatorOf(app, secret)).operator.fits(), true, secret);
  }
});

Deno.test("switchOver() asks for a planned one, and tells every step", async () => {
  const wishes: unknown[] = [];
  const { app } = createTestApp({
    failover: async function* (wish): AsyncGenerator<OperatorStep> {
      wishes.push(wish);
      yield { step: "node2 has received all of it – «ä»", outcome: "running" };
      await Promise.resolve();
      yield { step: "node2 is the primary", outcome: "succeeded" };
    },
  });
  const { operator, requests } = await operatorOf(app);
  assert.deepEqual(await switchOver(operator), {
    end: { type: "succeeded", because: "node2 is the primary" },
    steps: ["node2 has received all of it – «ä»"],
  });
  assert.deepEqual(wishes, [
    { to: "node2", force: "none", source: "unknown", operator: null, tool: "dashboard" },
  ]);
  // The first request takes up the node's challenge, the second one is believed.
  const path = "/operator/failover?by=&tool=dashboard";
  assert.deepEqual(requests.map(({ path }) => path), [path, path]);
  const sent = requests.map(({ headers, body }) => `${body}${JSON.stringify([...headers])}`).join();
  assert.equal(sent.includes(SECRET), false);
});

Deno.test("read() reads what is not open, signed", async () => {
  const { app } = createTestApp({ readers: { openTo: "nobody", token: null } });
  const { operator } = await operatorOf(app);
  const response = await operator.read("/history?limit=1", new AbortController().signal);
  assert.equal(response.status, 200);
  assert.equal((await response.json()).entries.length, 1);
  const stranger = (await operatorOf(app, "wrong, and long enough")).operator;
  assert.equal((await stranger.read("/history", new AbortController().signal)).status, 401);
});

Deno.test("switchOver() says how the node ended it", async () => {
  for (const outcome of ["failed", "refused", "unaccepted"] as const) {
    const { app } = createTestApp({
      failover: async function* () {
        yield { step: "no", outcome };
      },
    });
    const { end } = await switchOver((await operatorOf(app)).operator);
    assert.deepEqual(end, { type: outcome === "failed" ? "failed" : "refused", because: "no" });
  }
});

Deno.test("switchOver() is refused with a wrong secret, and nothing is begun", async () => {
  const { app } = createTestApp({ failover: () => assert.fail("it was begun") });
  const { end } = await switchOver((await operatorOf(app, "wrong, and long enough")).operator);
  assert.equal(end.type, "refused");
  assert.match(end.because, /the signature of @operator does not fit/);
});

Deno.test("switchOver() believes no line that was changed, left out, or is the last too early", async () => {
  const rewrite = (change: (lines: string[]) => string[]) => async (response: Response) => {
    if (!response.ok) return response;
    const lines = (await response.text()).trimEnd().split("\n");
    return new Response(`${change(lines).join("\n")}\n`, { status: 200 });
  };
  const changes: [(lines: string[]) => string[], RegExp][] = [
    [(lines) => lines.map((line) => line.replace("electing", "deleting")), /forged or missing/],
    [(lines) => lines.slice(1), /forged or missing/],
    [(lines) => lines.slice(0, 1), /ended before the outcome/],
    [(lines) => [...lines.slice(0, 1), "garbage"], /connection broke/],
    [
      (lines) => lines.map((line) => line.replace(/"signature":"[^"]*"/, '"signature":5')),
      /forged/,
    ],
  ];
  for (const [change, because] of changes) {
    const { app } = createTestApp();
    const { operator } = await operatorOf(app, SECRET, rewrite(change));
    const { end } = await switchOver(operator);
    assert.equal(end.type, "lost");
    assert.match(end.because, because);
  }
});

Deno.test("createOperator() takes no challenge from an answer that is not signed", async () => {
  const { app } = createTestApp();
  const spoil = (response: Response) => {
    if (response.status !== 409) return response;
    const headers = new Headers(response.headers);
    headers.set("metako-challenge", "0".repeat(32));
    return new Response(response.body, { status: 409, headers });
  };
  const { operator, requests } = await operatorOf(app, SECRET, spoil);
  const { end } = await switchOver(operator);
  assert.equal(end.type, "refused");
  assert.equal(requests.length, 1);
});
