import assert from "node:assert/strict";
import { createPendingCount, pendingKey } from "../../src/router/pending.ts";
import { SQLSTATE } from "../../src/wire/sqlstate.ts";
import { startupBytes } from "../../src/wire/startup.ts";
import { eventually, fakeServer, Peer, relaying, withRouter } from "./harness.ts";

Deno.test("pendingKey() counts an IPv6 address by its first 64 bits", () => {
  for (
    const [address, key] of [
      ["198.51.100.1", "198.51.100.1"],
      ["::FFFF:198.51.100.1", "198.51.100.1"],
      ["::1", "0:0:0:0::/64"],
      ["::", "0:0:0:0::/64"],
      ["fe80::1%eth0", "fe80:0:0:0::/64"],
      ["2001:DB8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
      ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
      ["2001:db8::", "2001:db8:0:0::/64"],
      ["", ""],
    ] as const
  ) assert.equal(pendingKey(address), key, address);
});

Deno.test("createPendingCount() gives places back once, and forgets who left", () => {
  const count = createPendingCount(() => 1);
  const first = count.enter("a");
  const other = count.enter("b");
  assert.deepEqual([first.type, other.type], ["entered", "entered"]);
  const told = Array.from({ length: 32 }, () => count.enter("a"));
  assert.ok(told.every(({ type }) => type === "told"));
  assert.equal(count.enter("a").type, "ignored");
  for (const entry of [first, first, other, ...told]) {
    assert.ok(entry.type !== "ignored");
    entry.leave();
  }
  assert.equal(count.size(), 0);
  assert.equal(count.enter("a").type, "entered");
});

Deno.test("createPendingCount() takes a changed maximum for the next client", () => {
  let maximum = 2;
  const count = createPendingCount(() => maximum);
  count.enter("a");
  maximum = 1;
  assert.equal(count.enter("a").type, "told");
  maximum = 3;
  assert.equal(count.enter("a").type, "entered");
});

Deno.test("startRouter() bounds the clients of one address that say nothing, with 53300", async () => {
  const options = { maximumPendingPerAddress: 2, startupTimeoutMs: 60_000 };
  await withRouter({ servers: [fakeServer("a")], options }, async ({ port, router }) => {
    const silent = [await Peer.connect(port), await Peer.connect(port)];
    const third = await Peer.connect(port);
    const { sqlstate, message, ended } = await third.fatal();
    assert.deepEqual({ sqlstate, ended }, { sqlstate: SQLSTATE.tooManyConnections, ended: true });
    assert.match(message, /too many clients of this address.*maximum_pending_per_address is 2/);
    third.close();
    assert.equal(router.statistics().refused, 1);
    silent[0]!.close();
    const since = performance.now();
    while (!await letsIn(port)) assert.ok(performance.now() - since < 5000, "no place came free");
    silent[1]!.close();
  });
});

Deno.test("startRouter() counts no longer who has been let in", async () => {
  const options = { maximumPendingPerAddress: 1 };
  await withRouter({ servers: [fakeServer("a")], options }, async ({ port }) => {
    const clients = [];
    for (const _ of [1, 2, 3]) {
      const client = await Peer.connect(port);
      await client.login();
      clients.push(client);
    }
    for (const client of clients) client.close();
  });
});

Deno.test("startRouter() counts who said a name and proves nothing", async () => {
  const options = { maximumPendingPerAddress: 1, writeTimeoutMs: 60_000 };
  const roles = { ...relaying(() => false), find: () => new Promise<never>(() => {}) };
  const ports = { roles, isLoopback: () => false };
  await withRouter({ servers: [fakeServer("a")], options, ports }, async ({ port, router }) => {
    const stranger = await Peer.connect(port);
    await stranger.send(startupBytes({ user: "app" }));
    await eventually("it is at the door", () => router.sessions().length === 1);
    const second = await Peer.connect(port);
    assert.equal((await second.fatal()).sqlstate, SQLSTATE.tooManyConnections);
    second.close();
    stranger.close();
  });
});

async function letsIn(port: number): Promise<boolean> {
  const client = await Peer.connect(port);
  try {
    await client.send(startupBytes({ user: "app" }));
    return (await client.message())?.code === "R";
  } catch {
    return false;
  } finally {
    client.close();
  }
}
