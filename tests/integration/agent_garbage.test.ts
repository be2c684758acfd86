/**
 * What strangers may send to a running agent: it answers in words or hangs up, says so in its log,
 * and goes on working for everybody else.
 */
import assert from "node:assert/strict";
import postgres from "postgres";
import { deriveKeys } from "../../src/coordination/keys.ts";
import {
  createBootId,
  hashBody,
  HEADERS,
  NO_CHALLENGE,
  signRequest,
} from "../../src/coordination/signature.ts";
import {
  type Agent,
  assertNoStackTrace,
  configOf,
  eventually,
  inFolder,
  type Member,
  members,
  metako,
  SECRET,
  startAgent,
  statusOf,
  writeConfig,
} from "./agent_world.ts";

/** Runs a test against the agent of a data member whose two peers are away. */
async function withAgent(
  test: (agent: Agent, node1: Member, configFile: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const all = members("node1", "node2", "node3");
    const [node1] = all;
    const file = await writeConfig(folder, configOf(node1!, all, folder));
    const agent = await startAgent(file);
    try {
      await test(agent, node1!, file);
      await assertWorks(agent, node1!, file);
      assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
        file.slice(file.lastIndexOf("/") + 1),
        "node1-state",
      ]);
    } finally {
      const code = await agent.stop();
      assertNoStackTrace(agent.out() + agent.err());
      assert.equal(code, 0);
    }
  });
}

/** It runs, answers whoever has the key, and does not take anything from a forger for true. */
async function assertWorks(agent: Agent, node: Member, configFile: string): Promise<void> {
  assert.ok(agent.alive(), agent.out() + agent.err());
  const ended = await metako("status", "--json", "--node", node.name, "--config", configFile);
  const [answer] = JSON.parse(ended.out).nodes;
  assert.equal(answer.reachable, true, ended.out);
  assert.equal(answer.verified, true);
  assert.equal(answer.term, 0);
  assert.equal(answer.state, "absent");
}

/** Sends raw bytes, and reads until the other side hangs up or stays silent. */
async function exchange(
  port: number,
  bytes: Uint8Array | string,
  options: { readonly halfClose?: boolean; readonly limitMs?: number } = {},
): Promise<{ readonly text: string; readonly hungUp: boolean }> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const chunks: Uint8Array[] = [];
  let hungUp = false;
  let over = false;
  const timer = setTimeout(() => {
    over = true;
    connection.close();
  }, options.limitMs ?? 3_000);
  try {
    const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    for (let sent = 0; sent < data.length;) sent += await connection.write(data.subarray(sent));
    if (options.halfClose === true) await connection.closeWrite();
    const buffer = new Uint8Array(4096);
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) break;
      chunks.push(buffer.slice(0, count));
    }
    hungUp = true;
  } catch {
    // A reset is a way of hanging up as well; our own close is not.
    hungUp = !over;
  } finally {
    clearTimeout(timer);
    if (!over) connection.close();
  }
  const text = chunks.map((chunk) => new TextDecoder("latin1").decode(chunk)).join("");
  return { text, hungUp };
}

/** Bytes that look random and are the same in every run. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

const RESIGNED = JSON.stringify({ type: "resigned", term: 0 });

/** Signs as node2 would. */
function signedBy(
  sender: string,
  body: string,
  envelope: { readonly boot: string; readonly counter: number; readonly challenge: string },
  secret = SECRET,
): RequestInit {
  const { keys } = deriveKeys({
    clusterName: "bad-world",
    clusterSecret: secret,
    previousClusterSecret: null,
    database: { username: "", password: "" },
  });
  const bodyHash = hashBody(new TextEncoder().encode(body));
  const headers = signRequest(keys.peer, { method: "POST", path: "/peer" }, {
    sender,
    recipient: "node1",
    bodyHash,
    ...envelope,
  });
  return { method: "POST", headers: { ...headers, "content-type": "application/json" }, body };
}

async function post(node: Member, path: string, init: RequestInit) {
  const response = await fetch(`http://127.0.0.1:${node.apiPort}${path}`, {
    method: "POST",
    ...init,
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  assertNoStackTrace(text);
  return { status: response.status, text, headers: response.headers };
}

Deno.test("an agent refuses unsigned, forged and malformed HTTP in words, and works on", async () => {
  await withAgent(async (agent, node1) => {
    const json = { "content-type": "application/json" };
    const boot = createBootId();
    const first = { boot, counter: 1, challenge: NO_CHALLENGE };
    const cases: [string, RequestInit, number][] = [
      ["/peer", { headers: json, body: RESIGNED }, 401],
      ["/peer", { headers: json, body: "{" }, 401],
      ["/operator/failover", { headers: json, body: '{"to":"node2"}' }, 401],
      ["/peer", signedBy("node2", RESIGNED, first, "another secret, as long as it"), 401],
      ["/peer", signedBy("stranger", RESIGNED, first), 403],
      ["/nothing", { headers: json, body: "{}" }, 404],
      ["/status", { headers: json, body: "{}" }, 405],
    ];
    for (const [path, init, expected] of cases) {
      const { status, text } = await post(node1, path, init);
      const said = JSON.parse(text);
      assert.ok(said.error !== "" && said.remedy !== "", text);
      assert.equal(status, expected, `${path}: ${text}`);
    }
    assert.match(agent.out(), /"event":"request_rejected".*"because":"the request is not signed"/);
  });
});

Deno.test("an agent refuses a replayed request, and one whose body was exchanged", async () => {
  await withAgent(async (_, node1) => {
    const boot = createBootId();
    const opening = await post(
      node1,
      "/peer",
      signedBy("node2", RESIGNED, { boot, counter: 1, challenge: NO_CHALLENGE }),
    );
    assert.equal(opening.status, 409);
    const challenge = opening.headers.get(HEADERS.challenge);
    assert.match(challenge ?? "", /^[0-9a-f]{32}$/);
    const captured = signedBy("node2", RESIGNED, { boot, counter: 2, challenge: challenge! });
    assert.equal((await post(node1, "/peer", captured)).status, 200);
    assert.equal((await post(node1, "/peer", captured)).status, 409);
    const swapped = signedBy("node2", RESIGNED, { boot, counter: 4, challenge: challenge! });
    const other = { ...swapped, body: '{"type":"resigned","term":9}' };
    assert.equal((await post(node1, "/peer", other)).status, 401);
    const later = signedBy("node2", RESIGNED, { boot, counter: 3, challenge: challenge! });
    assert.equal((await post(node1, "/peer", later)).status, 200);
    assert.equal((await post(node1, "/peer", captured)).status, 409);
  });
});

Deno.test("an agent outlives garbled and oversized bytes on its API port", async () => {
  await withAgent(async (_, node1) => {
    const port = node1.apiPort;
    const request = (head: string) => `${head}\r\nhost: node1\r\nconnection: close\r\n`;
    const cases: (string | Uint8Array)[] = [
      noise(20_000, 1),
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      "GET\r\n\r\n",
      "GET /status HTTP/9.9\r\n\r\n",
      `${request("POST /peer HTTP/1.1")}content-length: -5\r\n\r\n`,
      `${
        request("POST /peer HTTP/1.1")
      }content-length: 5\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
      `${request("GET /status HTTP/1.1")}x: ${"y".repeat(300_000)}\r\n\r\n`,
      `${request(`GET /${"z".repeat(100_000)} HTTP/1.1`)}\r\n`,
      `${request("POST /peer HTTP/1.1")}content-length: 99999999999\r\n\r\n{`,
    ];
    for (const bytes of cases) {
      const { text, hungUp } = await exchange(port, bytes, { halfClose: true });
      assert.ok(hungUp, `It did not hang up on ${String(bytes).slice(0, 40)}`);
      assert.doesNotMatch(text, /^HTTP\/1\.1 200/);
      assertNoStackTrace(text);
    }
    const huge = await post(node1, "/peer", { body: "x".repeat(2_000_000) }).catch(() => null);
    assert.ok(huge === null || huge.status >= 400);
    // Half a request that is never finished keeps nobody else waiting.
    const slow = await Promise.all(
      Array.from({ length: 20 }, () => Deno.connect({ hostname: "127.0.0.1", port })),
    );
    for (const each of slow) {
      await each.write(new TextEncoder().encode("POST /peer HTTP/1.1\r\nho"));
    }
    assert.equal((await statusOf(node1)).node, "node1");
    for (const each of slow) each.close();
  });
});

/** A startup packet for protocol `version` with these bytes behind it. */
function startup(lengthField: number, version: number, rest: Uint8Array = new Uint8Array()) {
  const bytes = new Uint8Array(8 + rest.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, lengthField);
  view.setInt32(4, version);
  bytes.set(rest, 8);
  return bytes;
}

Deno.test("an agent outlives garbage on its router port, and still answers clients", async () => {
  await withAgent(async (agent, node1) => {
    const port = node1.routerPort;
    const cases: (string | Uint8Array)[] = [
      noise(50_000, 2),
      "GET / HTTP/1.1\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      startup(-1, 196_608),
      startup(3, 196_608),
      startup(2_000_000_000, 196_608),
      startup(8, 131_072),
      startup(16, 196_608, noise(8, 3)),
      startup(9, 196_608, new Uint8Array([0])),
      startup(8, 80_877_102),
      new Uint8Array([...startup(8, 80_877_103), ...noise(64, 4)]),
      new Uint8Array([...startup(8, 80_877_103), ...startup(8, 80_877_103)]),
    ];
    for (const bytes of cases) {
      const { text, hungUp } = await exchange(port, bytes, { halfClose: true });
      assert.ok(hungUp, `It did not hang up on ${String(bytes).slice(0, 40)}`);
      assertNoStackTrace(text);
    }
    const sql = postgres({
      host: "127.0.0.1",
      port,
      username: "anybody",
      password: "something",
      database: "postgres",
      max: 1,
      connect_timeout: 5,
    });
    // There is no primary here: after write_timeout the client is told so, with the reason.
    const error = await sql`select 1`.then(() => null, (reason) => reason);
    assert.equal(error?.code, "57P03", String(error));
    await sql.end({ timeout: 1 });
    await eventually("the sessions to end", async () => {
      return (await statusOf(node1)).router.sessions === 0;
    }, 15_000);
    assert.ok(agent.alive());
  });
});
