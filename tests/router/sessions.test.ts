import assert from "node:assert/strict";
import { startupBytes } from "../../src/wire/startup.ts";
import { eventually, fakeServer, Peer, relaying, withRouter } from "./harness.ts";

Deno.test("sessions() tells who is in, and kill() ends one of them with 57P01", async () => {
  const server = fakeServer("a");
  await withRouter({ servers: [server] }, async ({ port, router }) => {
    const first = await Peer.connect(port);
    await first.login({ user: "app", database: "shop", application_name: "till" });
    const second = await Peer.connect(router.primaryAddress!.port);
    await second.login({ user: "report" });
    const [one, two] = router.sessions();
    const { ageMs, ...shown } = one!;
    assert.ok(ageMs >= 0);
    assert.deepEqual(shown, {
      id: 1,
      user: "app",
      database: "shop",
      application: "till",
      address: "127.0.0.1",
      purpose: "primary",
      encrypted: false,
      node: "a",
      waitsBecause: null,
    });
    assert.deepEqual(
      [two!.id, two!.database, two!.application, two!.purpose],
      [2, "report", "", "primary_only"],
    );
    assert.equal(router.kill(3), false);
    assert.equal(router.kill(1), true);
    const { sqlstate, message } = await first.fatal();
    assert.equal(sqlstate, "57P01");
    assert.match(message, /an operator ended it/);
    first.close();
    await eventually("it is gone", () => router.sessions().length === 1);
    assert.equal(router.kill(1), false, "numbers are not used again");
    second.close();
  });
});

Deno.test("sessions() shows a session that waits, and kill() ends it", async () => {
  await withRouter({ view: { primary: null } }, async ({ port, router }) => {
    const client = await Peer.connect(port);
    await client.send(startupBytes({ user: "app" }));
    await eventually("it waits", () => router.statistics().waiting === 1);
    const [session] = router.sessions();
    assert.equal(session!.node, null);
    assert.match(session!.waitsBecause!, /no leader is known/);
    assert.equal(router.kill(1), true);
    assert.equal((await client.fatal()).sqlstate, "57P01");
    client.close();
  });
});

Deno.test("startRouter() bounds the sessions of one role with 53300, and no other's", async () => {
  const options = { maximumConnectionsPerUser: 2 };
  await withRouter({ servers: [fakeServer("a")], options }, async ({ port, router }) => {
    const [one, two] = [await Peer.connect(port), await Peer.connect(port)];
    await one.login();
    await two.login();
    const third = await Peer.connect(port);
    await third.send(startupBytes({ user: "app" }));
    const { sqlstate, message } = await third.fatal();
    assert.equal(sqlstate, "53300");
    assert.match(message, /too many connections for role "app".*maximum_connections_per_user is 2/);
    third.close();
    const other = await Peer.connect(port);
    await other.login({ user: "report" });
    other.close();
    one.close();
    await eventually("one left", () => router.sessions().every(({ id }) => id !== 1));
    const next = await Peer.connect(port);
    await next.login();
    next.close();
    two.close();
  });
});

Deno.test("startRouter() does not count against a role who has not been let in", async () => {
  const options = { maximumConnectionsPerUser: 1, writeTimeoutMs: 60_000 };
  const known = relaying(() => false);
  let hangs = true;
  const roles = {
    ...known,
    find: (user: string) => hangs ? new Promise<never>(() => {}) : known.find(user),
  };
  const ports = { roles, isLoopback: () => false };
  await withRouter({ servers: [fakeServer("a")], options, ports }, async ({ port, router }) => {
    const stranger = await Peer.connect(port);
    await stranger.send(startupBytes({ user: "app" }));
    await eventually("it is at the door", () => router.sessions().length === 1);
    hangs = false;
    const app = await Peer.connect(port);
    await app.login();
    app.close();
    stranger.close();
  });
});
