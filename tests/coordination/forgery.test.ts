import assert from "node:assert/strict";
import fc from "fast-check";
import {
  challengeOf,
  createTestApp,
  KEYS,
  keysFrom,
  MESSAGE,
  SECRET,
  signed,
  STATUS,
} from "./support.ts";

type TestApp = ReturnType<typeof createTestApp>;

async function send({ app }: TestApp, request: ReturnType<typeof signed>): Promise<number> {
  const response = await app.request(request.path, request.init);
  const body = await response.json();
  if (response.status !== 200) assert.deepEqual(Object.keys(body), ["error", "remedy"]);
  return response.status;
}

Deno.test("POST /peer refuses a request without a signature, and logs it", async () => {
  const test = createTestApp();
  const request = signed();
  delete request.init.headers["metako-signature"];
  assert.equal(await send(test, request), 401);
  assert.deepEqual(test.received, []);
  assert.deepEqual(test.lines, [{
    level: "warning",
    event: "request_rejected",
    fields: {
      outcome: "denied",
      source: "unknown",
      path: "/peer",
      because: "the request is not signed",
    },
  }]);
});

for (
  const header of ["sender", "recipient", "boot", "counter", "challenge", "body-sha256"]
) {
  Deno.test(`POST /peer refuses a request whose metako-${header} is missing or garbled`, async () => {
    const test = createTestApp();
    const missing = signed();
    delete missing.init.headers[`metako-${header}`];
    assert.equal(await send(test, missing), 400);
    for (const value of ["", "+1", "a b", "x".repeat(100), "\u00e9"]) {
      const garbled = signed();
      garbled.init.headers[`metako-${header}`] = value;
      assert.equal(await send(test, garbled), 400, value);
    }
    assert.deepEqual(test.received, []);
  });
}

Deno.test("POST /peer refuses a request whose signature is garbled or cut", async () => {
  const test = createTestApp();
  const { init } = signed();
  const signature = init.headers["metako-signature"]!;
  for (
    const value of [signature.slice(1), signature + "0", `${signature},`, "x", "zz".repeat(32)]
  ) {
    const request = signed();
    request.init.headers["metako-signature"] = value;
    assert.equal(await send(test, request), 400, value);
  }
  assert.deepEqual(test.received, []);
});

/** Each changes one signed part to another well-formed value. */
const TAMPERED: Record<string, (request: ReturnType<typeof signed>) => void> = {
  "the path": (request) => request.path = "/operator/failover",
  "the query": (request) => request.path += "?x=1",
  "the sender": (request) => request.init.headers["metako-sender"] = "node3",
  "the recipient": (request) => request.init.headers["metako-recipient"] = "node3",
  "the boot id": (request) => request.init.headers["metako-boot"] = "f".repeat(32),
  "the counter": (request) => request.init.headers["metako-counter"] = "77",
  "the challenge": (request) => request.init.headers["metako-challenge"] = "f".repeat(32),
  "the body's hash": (request) => request.init.headers["metako-body-sha256"] = "f".repeat(64),
};

for (const [what, tamper] of Object.entries(TAMPERED)) {
  Deno.test(`POST /peer refuses a request when ${what} was changed after signing`, async () => {
    const test = createTestApp();
    const request = signed({ challenge: await challengeOf(test.app) });
    tamper(request);
    assert.ok([401, 403].includes(await send(test, request)));
    assert.deepEqual(test.received, []);
  });
}

Deno.test("POST /peer refuses a body that is not the one that was signed", async () => {
  const test = createTestApp();
  const request = signed({ challenge: await challengeOf(test.app) });
  request.init.body = '{"type":"resigned","term":4}';
  assert.equal(await send(test, request), 401);
  assert.deepEqual(test.received, []);
});

Deno.test("POST /peer refuses every request with one flipped bit in a header", async () => {
  const test = createTestApp();
  const challenge = await challengeOf(test.app);
  const headers = Object.keys(signed().init.headers).filter((name) => name.startsWith("metako-"));
  await fc.assert(fc.asyncProperty(
    fc.constantFrom(...headers),
    fc.nat(),
    fc.nat({ max: 6 }),
    async (header, place, bit) => {
      const request = signed({ challenge });
      const value = request.init.headers[header]!;
      const at = place % value.length;
      const flipped = String.fromCharCode(value.charCodeAt(at) ^ (1 << bit));
      fc.pre(/[!-~]/.test(flipped) && flipped.toLowerCase() !== value[at]!.toLowerCase());
      request.init.headers[header] = value.slice(0, at) + flipped + value.slice(at + 1);
      const response = await test.app.request(request.path, request.init);
      assert.ok([400, 401, 403, 429].includes(response.status), `${response.status}`);
    },
  ));
  assert.deepEqual(test.received, []);
});

Deno.test("POST /peer refuses a request for another node, one of a stranger, and its own", async () => {
  const test = createTestApp();
  assert.equal(await send(test, signed({ recipient: "node3" })), 421);
  assert.equal(await send(test, signed({ sender: "node4" })), 403);
  assert.equal(await send(test, signed({ sender: "node1" })), 403);
  assert.deepEqual(test.received, []);
});

Deno.test("POST /peer refuses an operator, and POST /operator/failover a member", async () => {
  const test = createTestApp();
  assert.equal(await send(test, signed({ sender: "@operator" })), 403);
  const body = '{"to":"node2"}';
  assert.equal(await send(test, signed({ path: "/operator/failover", body })), 403);
});

Deno.test("POST /operator/failover refuses a member that signs as operator with its own key", async () => {
  const test = createTestApp();
  const keys = { peer: KEYS.operator, operator: KEYS.peer };
  const draft = { path: "/operator/failover", sender: "@operator", body: '{"to":"node2"}', keys };
  assert.equal(await send(test, signed(draft)), 401);
});

Deno.test("POST /peer refuses a replay in the same session", async () => {
  const test = createTestApp();
  const request = signed({ challenge: await challengeOf(test.app) });
  assert.equal(await send(test, request), 200);
  assert.equal(await send(test, request), 409);
  assert.equal(test.received.length, 1);
});

Deno.test("POST /peer refuses a replay of an earlier session of its sender", async () => {
  const test = createTestApp();
  const before = signed({ challenge: await challengeOf(test.app) });
  assert.equal(await send(test, before), 200);
  const after = signed({ challenge: await challengeOf(test.app) });
  assert.equal(await send(test, after), 200);
  assert.equal(await send(test, before), 409);
  assert.equal(test.received.length, 2);
});

Deno.test("POST /peer refuses a replay after the receiver has restarted", async () => {
  const before = createTestApp();
  const first = signed({ challenge: await challengeOf(before.app) });
  assert.equal(await send(before, first), 200);
  const after = createTestApp();
  assert.equal(await send(after, first), 409);
  assert.deepEqual(after.received, []);
});

Deno.test("POST /peer keeps a session when somebody replays an older one", async () => {
  const test = createTestApp();
  const boot = "2".repeat(32);
  const challenge = await challengeOf(test.app);
  const old = signed({ challenge });
  assert.equal(await send(test, old), 200);
  const renewed = await challengeOf(test.app);
  assert.equal(await send(test, signed({ challenge: renewed, boot, counter: 1 })), 200);
  assert.equal(await send(test, old), 409);
  assert.equal(await send(test, signed({ challenge: renewed, boot, counter: 2 })), 200);
});

Deno.test("POST /peer accepts both keys while a secret is being replaced, in any order", async () => {
  const old = keysFrom(SECRET);
  const both = keysFrom("the secret that comes next, long", SECRET);
  const next = keysFrom("the secret that comes next, long");
  for (
    const [sender, receiver] of [[old, both], [both, old], [both, next], [next, both]] as const
  ) {
    const test = createTestApp({ keys: receiver });
    const challenge = await challengeOf(test.app, { keys: sender });
    assert.equal(await send(test, signed({ challenge, keys: sender })), 200);
    assert.deepEqual(test.received, [{ from: "node2", message: MESSAGE }]);
  }
  const test = createTestApp({ keys: next });
  assert.equal(await send(test, signed({ keys: old })), 401);
});

Deno.test("failed signatures of one address end in 429, are logged no more, and lock nobody out", async () => {
  const test = createTestApp({ limits: { maxFailures: 3 }, nowMs: () => 0 });
  const statuses = [];
  for (let i = 0; i < 6; i++) {
    statuses.push(await send(test, signed({ keys: keysFrom("some other secret, long enough") })));
  }
  assert.deepEqual(statuses, [401, 401, 401, 429, 429, 429]);
  assert.deepEqual(test.lines.map((line) => line.event), [
    "request_rejected",
    "request_rejected",
    "request_rejected",
    "requests_rejected_silently",
  ]);
  assert.equal(await send(test, signed({ challenge: await challengeOf(test.app) })), 200);
});

Deno.test("GET /status tells a reader with the wrong key what it tells everybody, unsigned", async () => {
  const { app } = createTestApp();
  const keys = keysFrom("some other secret, long enough");
  const { path, init } = signed({ method: "GET", path: "/status", body: null, keys });
  const response = await app.request(path, init);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("metako-signature"), null);
  assert.deepEqual(await response.json(), STATUS);
});
