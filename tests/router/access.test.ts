import assert from "node:assert/strict";
import {
  asksForReplication,
  isLoopback,
  judgeAccess,
  nameAsServerSeesIt,
} from "../../src/router/access.ts";
import { parseStartup, startupBytes } from "../../src/wire/startup.ts";
import { eventually, fakeServer, Peer, withRouter } from "./harness.ts";

const SIGNAL = new AbortController().signal;

async function judge(
  parameters: Record<string, string>,
  { address = "192.0.2.7", asked = [] as string[] } = {},
): Promise<string | null> {
  const startup = parseStartup(startupBytes(parameters));
  assert.equal(startup.type, "startup");
  const complaint = await judgeAccess({
    startup: startup as Extract<typeof startup, { type: "startup" }>,
    address,
    timeoutMs: 50,
    signal: SIGNAL,
    ports: {
      isPrivileged(user) {
        asked.push(user);
        if (user === "broken") throw new Error("the server is away");
        return user === "hangs" ? new Promise(() => {}) : Promise.resolve(user.startsWith("super"));
      },
    },
  });
  return complaint?.sqlstate ?? null;
}

Deno.test("judgeAccess() lets privileged roles and replication in from loopback only", async () => {
  assert.equal(await judge({ user: "super" }), "28000");
  assert.equal(await judge({ user: "app", replication: "database" }), "28000");
  assert.equal(await judge({ user: "super", replication: "true" }, { address: "127.0.0.1" }), null);
  assert.equal(await judge({ user: "app" }), null);
});

Deno.test("judgeAccess() asks about the name as PostgreSQL cuts it", async () => {
  const asked: string[] = [];
  const name = "super".padEnd(63, "x");
  assert.equal(await judge({ user: name + "tail" }, { asked }), "28000");
  assert.deepEqual(asked, [name]);
});

Deno.test("judgeAccess() keeps everybody out from outside while it cannot be told", async () => {
  assert.equal(await judge({ user: "broken" }), "57P03");
  assert.equal(await judge({ user: "hangs" }), "57P03");
});

Deno.test("nameAsServerSeesIt() gives null for bytes that are not UTF-8", () => {
  assert.equal(nameAsServerSeesIt(Uint8Array.of(0x70, 0xE9)), null);
  assert.equal(nameAsServerSeesIt(new TextEncoder().encode("é".repeat(40))), null);
});

Deno.test("asksForReplication() takes every spelling that is not plainly false as true", () => {
  for (const value of ["true", "on", "yes", "1", "database", "t", "TRUE", ""]) {
    assert.equal(asksForReplication(value), true, value);
  }
  for (const value of [undefined, "false", "off", "NO", "0"]) {
    assert.equal(asksForReplication(value), false, value);
  }
});

Deno.test("isLoopback() knows this host's own addresses and no others", () => {
  for (const address of ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"]) {
    assert.equal(isLoopback(address), true, address);
  }
  for (const address of ["", "10.0.0.1", "127.evil.example", "::2", "::ffff:10.0.0.1", "fe80::1"]) {
    assert.equal(isLoopback(address), false, address);
  }
});

Deno.test("startRouter() refuses a superuser from outside before a server hears of it", async () => {
  const server = fakeServer("a");
  const ports = { isLoopback: () => false };
  await withRouter({ servers: [server], ports }, async ({ port }) => {
    const client = await Peer.connect(port);
    await client.send(startupBytes({ user: "postgres" }));
    const { sqlstate, message, ended } = await client.fatal();
    assert.deepEqual({ sqlstate, ended }, { sqlstate: "28000", ended: true });
    assert.match(message, /loopback only/);
    client.close();
    assert.equal(server.startups.length, 0);
    const app = await Peer.connect(port);
    await app.login();
    app.close();
  });
});

Deno.test("startRouter() refuses a server that asks for no proof, and says nothing of it", async () => {
  const server = fakeServer("a", "trust");
  await withRouter({ servers: [server] }, async ({ port }) => {
    const client = await Peer.connect(port);
    await client.send(startupBytes({ user: "app" }));
    const first = await client.message();
    assert.equal(first?.code, "E");
    assert.match(new TextDecoder().decode(first!.payload), /C28000\0/);
    assert.equal(await client.message(), null);
    client.close();
  });
});

Deno.test("startRouter() accepts such a server where allowTrustedBackend says so", async () => {
  const server = fakeServer("a", "trust");
  const options = { allowTrustedBackend: true };
  await withRouter({ servers: [server], options }, async ({ port, router }) => {
    const client = await Peer.connect(port);
    await client.send(startupBytes({ user: "app" }));
    assert.equal((await client.message())?.code, "R");
    assert.notEqual(await client.until("Z"), null);
    client.close();
    await eventually("the session ended", () => router.statistics().sessions === 0);
  });
});

Deno.test("startRouter() hands on the server's own refusal", async () => {
  const server = fakeServer("a", "refuses");
  await withRouter({ servers: [server] }, async ({ port, router }) => {
    const client = await Peer.connect(port);
    await client.send(startupBytes({ user: "app" }));
    assert.deepEqual(await client.fatal(), {
      sqlstate: "28000",
      message: "no entry for you",
      ended: true,
    });
    client.close();
    assert.equal(router.statistics().refused, 0);
  });
});
