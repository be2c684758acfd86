import assert from "node:assert/strict";
import { createConversations } from "../../src/agent/exchanges.ts";
import { failOver } from "../../src/agent/steering.ts";
import type { OperatorStep } from "../../src/coordination/progress.ts";
import type { State } from "../../src/core/state.ts";
import { leaderState, stateOf } from "../core/fixtures.ts";

const WISH = { to: "b", source: "10.0.0.9", operator: "op", tool: "metako" } as const;

/** What a failover does, in its order; `paused` from the first step on. */
async function played(
  state: State,
  force: "none" | "ask" | "accepted",
  paused = false,
): Promise<readonly string[]> {
  const deeds: string[] = [];
  const conversations = createConversations();
  let begun = false;
  async function* refused(): AsyncGenerator<OperatorStep> {
    yield { step: "paused", outcome: "refused" };
  }
  const steps = failOver({ ...WISH, force }, {
    pause: { refusal: () => paused && begun ? refused() : null },
    conversations,
    records: { asked: () => {} },
    state: () => state,
    writeOut: () => Promise.resolve(void deeds.push("writes out")),
    submit(event) {
      assert.ok(event.type === "operator");
      deeds.push("asks the core");
      conversations.say(event.command.reference, { step: "done", outcome: "succeeded" });
    },
  });
  for await (const { step, outcome } of steps) {
    begun = true;
    if (outcome !== "running") deeds.push(step);
  }
  return deeds;
}

Deno.test("failOver() has a primary write out before anybody is held", async () => {
  assert.deepEqual(await played(leaderState(), "none"), ["writes out", "asks the core", "done"]);
});

Deno.test("failOver() has nothing written where nothing is to be stopped", async () => {
  assert.deepEqual(await played(stateOf("b"), "none"), ["asks the core", "done"]);
  assert.deepEqual(await played(leaderState(), "ask"), ["asks the core", "done"]);
  assert.deepEqual(await played(leaderState(), "accepted"), ["asks the core", "done"]);
});

Deno.test("failOver() is refused where a pause began while it was written out", async () => {
  assert.deepEqual(await played(leaderState(), "none", true), ["writes out", "paused"]);
});
