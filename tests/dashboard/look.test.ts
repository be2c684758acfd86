import assert from "node:assert/strict";
import type { NodeStatus } from "../../src/coordination/status.ts";
import { createLook, PATIENCE_MS } from "../../src/dashboard/look.ts";
import { createClock, standby, STATUS } from "./support.ts";

type Answer =
  | { ok: true; status: NodeStatus; verified: boolean }
  | { ok: false; because: string };

function start(answers: Record<string, () => Promise<Answer>>) {
  const clock = createClock();
  const asked: string[] = [];
  const look = createLook({
    others: Object.keys(answers),
    ownStatus: () => STATUS,
    client: {
      status(node) {
        asked.push(node);
        return answers[node]!();
      },
    },
    timers: clock.system,
  });
  return { look, clock, asked };
}

Deno.test("createLook() merges this node's status with what the others say", async () => {
  const { look } = start({
    node2: () => Promise.resolve({ ok: true, status: standby("node2"), verified: true }),
    node3: () => Promise.resolve({ ok: false, because: "node3 refuses connections" }),
  });
  const view = await look();
  assert.equal(view.primary, "node1");
  assert.deepEqual(view.nodes.map(({ node, ok }) => [node, ok]), [
    ["node1", true],
    ["node2", true],
    ["node3", false],
  ]);
});

Deno.test("createLook() does not believe an answer that is not signed", async () => {
  const claim = { ...STATUS, node: "node2", term: 9 };
  const { look } = start({
    node2: () => Promise.resolve({ ok: true, status: claim, verified: false }),
  });
  assert.equal((await look()).primary, "node1");
});

Deno.test("createLook() waits no longer than its patience, and asks a slow member once", async () => {
  const slow = Promise.withResolvers<Answer>();
  const { look, clock, asked } = start({ node2: () => slow.promise });
  for (let i = 0; i < 2; i++) {
    const looking = look();
    await clock.advance(PATIENCE_MS);
    const [, other] = (await looking).nodes;
    assert.deepEqual(other, { node: "node2", ok: false, because: "it has not answered yet" });
  }
  assert.deepEqual(asked, ["node2"]);
  slow.resolve({ ok: true, status: standby("node2"), verified: true });
  assert.equal((await look()).nodes[1]?.ok, true);
});

Deno.test("createLook() turns a question that throws into a silent member", async () => {
  const { look } = start({ node2: () => Promise.reject(new Error("no route")) });
  assert.deepEqual((await look()).nodes[1], { node: "node2", ok: false, because: "no route" });
});
