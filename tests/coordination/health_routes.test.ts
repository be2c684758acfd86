import assert from "node:assert/strict";
import { PATHS } from "../../src/coordination/health_paths.ts";
import { createTestApp, FACTS, HEALTH, signed } from "./support.ts";

const STANDBY = { ...FACTS, server: "standby", lease: "none", stream: "streaming" } as const;

Deno.test("GET on the health paths answers 200 or 503, and why", async () => {
  const { app } = createTestApp();
  const response = await app.request("/primary");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.deepEqual(await response.json(), {
    ok: true,
    node: "node1",
    role: "primary",
    state: "primary",
    writable: true,
    rule: "serving",
    because: "it is the primary, and a majority has renewed its lease",
  });
  const refused = await app.request("/replica");
  assert.equal(refused.status, 503);
  assert.equal((await refused.json()).because, "it is no running standby");
});

Deno.test("every health path answers GET, HEAD and OPTIONS with the same status", async () => {
  for (const facts of [FACTS, STANDBY]) {
    const { app } = createTestApp({ healthFacts: () => facts });
    const seen = new Set<number>();
    for (const path of [...Object.keys(PATHS), "/health"]) {
      const [get, ...others] = await Promise.all(
        ["GET", "HEAD", "OPTIONS"].map((method) => app.request(path, { method })),
      );
      seen.add(get!.status);
      assert.notEqual(await get!.text(), "");
      for (const other of others) {
        assert.equal(other.status, get!.status, path);
        assert.equal(await other.text(), "");
      }
      const post = await app.request(path, { method: "POST" });
      assert.equal(post.status, 405);
      assert.equal(post.headers.get("allow"), "GET, HEAD, OPTIONS");
      await post.body?.cancel();
    }
    assert.deepEqual([...seen].sort(), [200, 503]);
  }
});

Deno.test("GET /replica?lag= hands the limit over, in bytes", async () => {
  const limits: (number | null)[] = [];
  const { app } = createTestApp({
    healthFacts(limit) {
      limits.push(limit);
      return { ...STANDBY, lag: limit === null ? "unlimited" : limit < 1024 ? "beyond" : "within" };
    },
  });
  const statuses: number[] = [];
  for (const query of ["", "?lag=1023", "?lag=1kB", "?lag=1kb&x=1"]) {
    const response = await app.request(`/replica${query}`);
    statuses.push(response.status);
    await response.body?.cancel();
  }
  assert.deepEqual(limits, [null, 1023, 1024, 1024]);
  assert.deepEqual(statuses, [200, 503, 200, 200]);
  const garbled = await app.request("/async?lag=much");
  assert.equal(garbled.status, 400);
  assert.match((await garbled.json()).error, /lag must be a number of bytes/);
});

Deno.test("the health paths answer everybody, also where the pages are open to nobody", async () => {
  const { app } = createTestApp({ readers: { openTo: "nobody", token: null } });
  for (const path of ["/primary", "/health"]) {
    const response = await app.request(path, { method: "OPTIONS" });
    assert.equal(response.status, 200);
  }
});

Deno.test("the health paths sign their answer to who has a key", async () => {
  const { app } = createTestApp({ health: () => HEALTH });
  const { path, init } = signed({ method: "GET", path: "/primary", body: null });
  const response = await app.request(path, init);
  assert.notEqual(response.headers.get("metako-signature"), null);
  await response.body?.cancel();
});
