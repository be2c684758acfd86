import assert from "node:assert/strict";
import { historySchema } from "../../src/coordination/history.ts";
import { createTestApp, HISTORY } from "./support.ts";

Deno.test("GET /metrics answers with the text and its media type", async () => {
  const response = await createTestApp().app.request("/metrics");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4");
  assert.equal(await response.text(), "metako_term 3\n");
});

Deno.test("GET /history answers with as many of the newest entries as asked for", async () => {
  const { app } = createTestApp();
  const all = await app.request("/history");
  const body = await all.json();
  assert.deepEqual(body, { node: "node1", entries: HISTORY });
  assert.deepEqual(historySchema.parse(body), body);
  const one = await app.request("/history?limit=1");
  assert.deepEqual((await one.json()).entries, HISTORY.slice(-1));
});

Deno.test("GET /history refuses a limit that is none", async () => {
  for (const limit of ["0", "1001", "-1", "1.5", "x", ""]) {
    const response = await createTestApp().app.request(`/history?limit=${limit}`);
    assert.equal(response.status, 400, limit);
    assert.match((await response.json()).error, /from 1 to 1000/);
  }
});
