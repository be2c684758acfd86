import assert from "node:assert/strict";
import { serveApp } from "../coordination/socket_support.ts";
import { ASSETS, PAGE_PATH } from "../../src/dashboard/assets.ts";
import { LOOK_EVERY_MS, MAXIMUM_VIEWERS } from "../../src/dashboard/feed.ts";
import { DASHBOARD_PATHS, EVENTS_PATH, serveDashboard } from "../../src/dashboard/serve.ts";
import { createTestApp } from "../coordination/support.ts";
import { createTestFeed, NAMES } from "./support.ts";

function start(ports: Parameters<typeof createTestApp>[0] = {}) {
  const { feed, clock, counts } = createTestFeed();
  const { app } = createTestApp({
    extend: (app, read) => serveDashboard(app, read, { feed, names: NAMES }),
    ...ports,
  });
  return { app, feed, clock, counts };
}

/** The type of each event that has arrived. */
async function readTypes(reader: ReadableStreamDefaultReader<Uint8Array>, count: number) {
  let text = "";
  while (text.split("\n\n").length <= count) {
    const { value, done } = await reader.read();
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  return [...text.matchAll(/^event: (.*)$/gm)].map(([, type]) => type);
}

Deno.test("the page's files come with headers that allow nothing but themselves", async () => {
  const { app } = start();
  for (const path of Object.keys(ASSETS)) {
    const response = await app.request(path);
    assert.equal(response.status, 200, path);
    const policy = response.headers.get("content-security-policy")!.split("; ");
    assert.deepEqual(policy.filter((rule) => /unsafe|http|\*/.test(rule)), []);
    for (
      const rule of [
        "default-src 'none'",
        "script-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
      ]
    ) assert.ok(policy.includes(rule), rule);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.equal(response.headers.get("referrer-policy"), "no-referrer");
    const type = path.endsWith(".js")
      ? "text/javascript"
      : path.endsWith(".css")
      ? "text/css"
      : "text/html";
    assert.equal(response.headers.get("content-type"), `${type}; charset=utf-8`);
    await response.body?.cancel();
  }
});

Deno.test("the page has no inline script or style, and names nothing of another host", () => {
  const html = ASSETS[PAGE_PATH]!.text;
  assert.deepEqual(html.match(/<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=/g), null);
  for (const [path, { text }] of Object.entries(ASSETS)) {
    const elsewhere = text.match(/\b(?:https?:)?\/\/[a-z0-9.-]+/g)?.filter((url) =>
      !["http://www.w3.org", "http://localhost"].includes(url)
    ) ?? [];
    assert.deepEqual(elsewhere, [], path);
    assert.equal(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/.test(text),
      false,
      path,
    );
  }
});

Deno.test("every script that a script imports is served", () => {
  for (const [path, { text }] of Object.entries(ASSETS)) {
    for (const [, name] of text.matchAll(/from "\.\/([a-z_]+\.js)"/g)) {
      assert.ok(`${PAGE_PATH}/${name}` in ASSETS, `${path} imports ${name}`);
    }
  }
  const files = [...Deno.readDirSync(new URL("../../src/dashboard/page/", import.meta.url))];
  assert.equal(files.length, Object.keys(ASSETS).length);
});

Deno.test("GET /dashboard/events streams the feed until the client leaves", async () => {
  const { app, clock } = start();
  const response = await app.request(EVENTS_PATH);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.match(response.headers.get("cache-control")!, /no-store, no-transform/);
  const reader = response.body!.getReader();
  assert.deepEqual(await readTypes(reader, 4), ["hello", "samples", "cluster", "history"]);
  assert.equal(clock.pending(), 1, "the next look is planned");
  await reader.cancel();
  assert.equal(clock.pending(), 0, "nobody looks any more");
});

Deno.test("GET /dashboard/events lets go a client that takes nothing", async () => {
  const { app, clock, counts } = start();
  const response = await app.request(EVENTS_PATH);
  await clock.advance(600_000);
  const looks = counts.looks;
  assert.ok(looks < 40, `${looks} pictures wait`);
  await clock.advance(600_000);
  assert.equal(counts.looks, looks);
  await response.body?.cancel();
});

Deno.test("GET /dashboard/events refuses one viewer too many, and says so", async () => {
  const { app } = start();
  const all = await Promise.all(
    Array.from({ length: MAXIMUM_VIEWERS }, () => app.request(EVENTS_PATH)),
  );
  const response = await app.request(EVENTS_PATH);
  assert.equal(response.status, 503);
  assert.match((await response.json()).error, /32 browsers/);
  for (const { body } of all) await body?.cancel();
});

Deno.test("HEAD /dashboard/events tells the headers, and follows nothing", async () => {
  const { app, clock, counts } = start();
  const response = await app.request(EVENTS_PATH, { method: "HEAD" });
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.equal(response.body, null);
  await clock.advance(LOOK_EVERY_MS);
  assert.equal(counts.looks, 0);
});

Deno.test("GET /dashboard/events demands a signature where reads are not open; the page does not", async () => {
  const { app } = start({ readers: { openTo: "nobody", token: null } });
  const events = await app.request(EVENTS_PATH);
  assert.equal(events.status, 401);
  await events.body?.cancel();
  const page = await app.request(PAGE_PATH);
  assert.equal(page.status, 200);
  await page.body?.cancel();
});

Deno.test("the dashboard's paths answer other methods with 405", async () => {
  const { app } = start();
  for (const path of DASHBOARD_PATHS) {
    const response = await app.request(path, { method: "POST" });
    assert.equal(response.status, 405, path);
    assert.equal(response.headers.get("allow"), "GET, HEAD");
    await response.body?.cancel();
  }
});

Deno.test("GET /dashboard/ leads to the page", async () => {
  const { app } = start();
  const response = await app.request(`${PAGE_PATH}/`);
  assert.equal(response.status, 308);
  const target = new URL(response.headers.get("location")!, `http://node${PAGE_PATH}/`);
  assert.equal(target.pathname, PAGE_PATH);
});

Deno.test("GET /dashboard/events outlives a client that goes away without a word", async () => {
  const { app, clock } = start();
  const serving = serveApp(app);
  for (let round = 0; round < 5; round++) await comeAndGo(serving.port, clock);
  await serving.stop();
});

/** Reads the first picture, closes the connection, and waits until nobody looks any more. */
async function comeAndGo(port: number, clock: ReturnType<typeof start>["clock"]): Promise<void> {
  const client = await Deno.connect({ hostname: "127.0.0.1", port });
  await client.write(
    new TextEncoder().encode(`GET ${EVENTS_PATH} HTTP/1.1\r\nHost: node1\r\n\r\n`),
  );
  const buffer = new Uint8Array(65536);
  let text = "";
  while (!text.includes("event: cluster")) {
    text += new TextDecoder().decode(buffer.subarray(0, await client.read(buffer) ?? 0));
  }
  client.close();
  // The next pictures find that out; then nobody looks any more.
  while (clock.pending() > 0) {
    await clock.advance(LOOK_EVERY_MS);
    await new Promise((resolve) => setTimeout(resolve));
  }
}
