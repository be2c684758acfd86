import assert from "node:assert/strict";
import { OPERATIONS } from "../../src/coordination/operations.ts";
import { challengeOf, createTestApp, signed } from "./support.ts";

const PAUSE = { id: "00000000-0000-4000-8000-000000000001", reason: "", by: "ann@db1" };

async function ask(action: string, body: unknown) {
  const world = createTestApp();
  const draft = { path: `/operator/${action}`, sender: "@operator", body: JSON.stringify(body) };
  const challenge = await challengeOf(world.app, draft);
  const { path, init } = signed({ ...draft, challenge, counter: 2 });
  const response = await world.app.request(path, init);
  return { response, text: await response.text(), lines: world.lines };
}

Deno.test("POST /operator/ACTION streams the steps of an operation and logs who asked", async () => {
  const { response, text, lines } = await ask("pause", PAUSE);
  assert.equal(response.status, 200);
  const steps = text.trim().split("\n").map((line) => JSON.parse(line).step);
  assert.deepEqual(steps, ["pause begins", "pause is done"]);
  assert.deepEqual(
    lines.filter(({ event }) => event === "operator_request").map(({ fields }) => fields.outcome),
    ["started", "succeeded"],
  );
});

Deno.test("POST /operator/ACTION refuses a body of another shape", async () => {
  const bodies = [
    {},
    { ...PAUSE, id: "no uuid" },
    { ...PAUSE, reason: "two\nlines" },
    { ...PAUSE, reason: "x".repeat(201) },
    { ...PAUSE, more: 1 },
  ];
  for (const body of bodies) {
    const { response, text } = await ask("pause", body);
    assert.equal(response.status, 400, text);
    assert.match(JSON.parse(text).error, /malformed/);
  }
});

Deno.test("POST /operator/ACTION is for operators who sign, and for no other method", async () => {
  for (const action of Object.keys(OPERATIONS)) {
    const path = `/operator/${action}`;
    const { app } = createTestApp();
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    assert.equal((await app.request(path, init)).status, 401);
    assert.equal((await app.request(path)).status, 405);
    const member = signed({ path, sender: "node2", body: "{}" });
    assert.equal((await app.request(path, member.init)).status, 403);
  }
});
