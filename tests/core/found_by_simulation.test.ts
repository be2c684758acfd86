/**
 * Faults of the core that the simulator found, each as the one step in which it showed. The seed is
 * that of `deno task sim` at the time.
 */
import assert from "node:assert/strict";
import type { Event } from "../../src/core/event.ts";
import { claimOf, request, stateOf, stoppedServer, take } from "./fixtures.ts";

function ask(reference: number, to: string): Event {
  return { type: "operator", nowMs: 100_000, command: { type: "failover", reference, to } };
}

Deno.test("step() refuses a second failover rather than forget who asked for the first (seed 38)", () => {
  const { state, effects } = take(stateOf("b"), ask(1, "b"), ask(2, "b"));
  assert.deepEqual(effects.filter((effect) => effect.type === "progress"), [{
    type: "progress",
    reference: 2,
    step: "a failover to b is under way already",
    outcome: "refused",
  }]);
  assert.equal(state.watch?.reference, 1);
});

Deno.test("step() lets the record's own leader campaign before those it voted with (seed 270)", () => {
  const vote = request("c", { type: "vote", ...claimOf("c") });
  const campaignAtMs = (self: string) => {
    const { role } = take(stateOf(self, { server: stoppedServer(self) }), vote).state;
    return role.kind === "follower" ? role.campaignAtMs : null;
  };
  assert.equal(campaignAtMs("b"), 101_000);
  assert.equal(campaignAtMs("a"), 100_500);
});
