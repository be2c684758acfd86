import assert from "node:assert/strict";
import {
  asksForReplication,
  isLoopback,
  judgeAccess,
  nameAsServerSeesIt,
} from "../../src/router/access.ts";
import { createAllowList } from "../../src/router/allow.ts";
import type { AllowEntry, Roles } from "../../src/router/options.ts";
import { parseStartup, startupBytes } from "../../src/wire/startup.ts";
import { eventually, fakeServer, OPTIONS, Peer, relaying, withRouter } from "./harness.ts";

function judge(
  parameters: Record<string, string>,
  loopback = false,
  allow: readonly AllowEntry[] = OPTIONS.allow,
): string {
  const startup = parseStartup(startupBytes(parameters));
  assert.equal(startup.type, "startup");
  const access = judgeAccess({
    startup: startup as Extract<typeof startup, { type: "startup" }>,
    address: loopback ? "127.0.0.1" : "192.0.2.7",
    loopback,
    allowed: createAllowList(allow),
  });
  return access.type === "refused" ? access.complaint.sqlstate : access.type;
}

Deno.test("judgeAccess() lets privileged roles and replication in from loopback only", () => {
  assert.equal(judge({ user: "app" }), "unprivileged");
  assert.equal(judge({ user: "app", replication: "false" }), "unprivileged");
  assert.equal(judge({ user: "app", replication: "database" }), "28000");
  assert.equal(judge({ user: "super", replication: "true" }, true), "open");
});

Deno.test("judgeAccess() refuses a packet without a user from everywhere", () => {
  for (const loopback of [true, false]) {
    assert.equal(judge({ database: "shop" }, loopback), "28000");
    assert.equal(judge({ user: "" }, loopback), "28000");
  }
});

Deno.test("judgeAccess() goes by the list, and asks only what the list depends on", () => {
  const shop: AllowEntry = {
    action: "allow",
    networks: [{ address: "192.0.2.0", prefixBits: 24 }],
    databases: ["shop"],
    users: ["app", "admin"],
    privileged: false,
  };
  const open = { ...shop, privileged: true };
  assert.equal(judge({ user: "app", database: "shop" }, false, [shop]), "unprivileged");
  assert.equal(judge({ user: "app", database: "shop" }, false, [open]), "open");
  assert.equal(judge({ user: "app" }, false, [shop]), "28000", "the database is the user's own");
  assert.equal(judge({ user: "bob", database: "shop" }, false, [shop]), "28000");
  assert.equal(judge({ user: "app", database: "shop" }, true, [shop]), "28000", "from loopback");
  const replicates = { user: "admin", database: "shop", replication: "database" };
  assert.equal(judge(replicates, false, [shop]), "28000");
  assert.equal(judge(replicates, false, [open]), "open");
});

Deno.test("startRouter() names the list in its refusals", async () => {
  const allow: AllowEntry[] = [{ ...OPTIONS.allow[1]!, users: ["app", "postgres"] }];
  const bench = { servers: [fakeServer("a")], options: { allow } };
  await withRouter(bench, async ({ port }) => {
    const told = async (user: string) => {
      const client = await Peer.connect(port);
      await client.send(startupBytes({ user, database: "shop" }));
      const { sqlstate, message } = await client.fatal();
      client.close();
      return `${sqlstate} ${message}`;
    };
    assert.match(
      await told("bob"),
      /^28000 .*no entry of router\.allow lets user "bob" into database "shop" from 127\.0\.0\.1/,
    );
    assert.match(await told("postgres"), /^28000 .*superuser or replication role/);
    const app = await Peer.connect(port);
    await app.login();
    app.close();
  });
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
    assert.equal(asksForReplication(value), false, String(value));
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

Deno.test("startRouter() asks about the name as PostgreSQL cuts it", async () => {
  const asked: string[] = [];
  const roles = relaying((user) => {
    asked.push(user);
    return true;
  });
  const ports = { roles, isLoopback: () => false };
  await withRouter({ servers: [fakeServer("a")], ports }, async ({ port }) => {
    const name = "super".padEnd(63, "x");
    const client = await Peer.connect(port);
    await client.send(startupBytes({ user: `${name}tail` }));
    assert.equal((await client.fatal()).sqlstate, "28000");
    assert.deepEqual(asked, [name]);
    client.close();
  });
});

Deno.test("startRouter() keeps clients from afar waiting while nobody can be asked", async () => {
  let away = true;
  const known = relaying(() => false);
  const roles: Roles = {
    ...known,
    find: (user) =>
      away
        ? Promise.resolve({ ok: false, because: "the primary is away", remedy: null })
        : known.find(user),
  };
  const ports = { roles, isLoopback: () => false };
  await withRouter({ servers: [fakeServer("a")], ports }, async ({ port, router }) => {
    const client = await Peer.connect(port);
    const login = client.login();
    await eventually("it waits", () => router.statistics().waiting === 1);
    away = false;
    await login;
    client.close();
  });
});

Deno.test("startRouter() refuses clients from afar with 57P03 when nobody could be asked", async () => {
  const because = "the primary is away";
  const answers: Roles["find"][] = [
    () => Promise.resolve({ ok: false, because, remedy: null }),
    () => Promise.reject(new Error("the server is away")),
    () => new Promise(() => {}),
  ];
  const options = { writeTimeoutMs: 100, startupTimeoutMs: 100 };
  for (const find of answers) {
    const ports = { roles: { ...relaying(() => false), find }, isLoopback: () => false };
    const server = fakeServer("a");
    await withRouter({ servers: [server], ports, options }, async ({ port }) => {
      const client = await Peer.connect(port);
      await client.send(startupBytes({ user: "app" }));
      assert.equal((await client.fatal()).sqlstate, "57P03");
      assert.equal(server.startups.length, 0);
      client.close();
    });
  }
});

Deno.test("startRouter() does not wait where an operator has to act, and says what to do", async () => {
  const remedy = "Give this node a login.";
  const roles: Roles = {
    ...relaying(() => false),
    find: () => Promise.resolve({ ok: false, because: "it has no login", remedy }),
  };
  let loopback = false;
  const ports = { roles, isLoopback: () => loopback };
  const options = { writeTimeoutMs: 60_000 };
  await withRouter({ servers: [fakeServer("a")], ports, options }, async ({ port }) => {
    const client = await Peer.connect(port);
    await client.send(startupBytes({ user: "app" }));
    const answer = await client.message();
    const text = new TextDecoder().decode(answer?.payload);
    assert.match(text, /C28000\0.*it has no login.*Give this node a login/s);
    client.close();
    loopback = true;
    const local = await Peer.connect(port);
    await local.login();
    local.close();
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
