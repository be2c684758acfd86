import assert from "node:assert/strict";
import { mergeStatuses, type NodeAnswer } from "../../src/coordination/merge.ts";
import { chooseForcedRoute, chooseRoute } from "../../src/cli/route.ts";
import { answered, primaryOf, silent, statusOf } from "./fixtures.ts";

Deno.test("chooseRoute() asks a working primary to hand over", () => {
  const view = mergeStatuses([answered(primaryOf("node1")), answered(statusOf("node2"))]);
  assert.deepEqual(chooseRoute(view, "node2"), { kind: "switchover", ask: "node1" });
});

Deno.test("chooseRoute() asks a working primary even where the target is silent here", () => {
  const view = mergeStatuses([answered(primaryOf("node1")), silent("node2")]);
  assert.deepEqual(chooseRoute(view, "node2"), { kind: "switchover", ask: "node1" });
});

Deno.test("chooseRoute() asks the target where the primary is gone", () => {
  const view = mergeStatuses([silent("node1"), answered(statusOf("node2", { leader: null }))]);
  assert.equal(view.primary, null);
  assert.deepEqual(chooseRoute(view, "node2"), { kind: "election", ask: "node2" });
});

Deno.test("chooseRoute() asks the target where the primary is known by hearsay only", () => {
  const view = mergeStatuses([silent("node1"), answered(statusOf("node2"))]);
  assert.equal(view.primary, "node1");
  assert.deepEqual(chooseRoute(view, "node2"), { kind: "election", ask: "node2" });
});

Deno.test("chooseRoute() asks the target where the primary has no majority", () => {
  const view = mergeStatuses([
    answered(primaryOf("node1", { has_majority: false })),
    answered(statusOf("node2", { leader: null })),
  ]);
  assert.deepEqual(chooseRoute(view, "node2"), { kind: "election", ask: "node2" });
});

Deno.test("chooseRoute() has nothing to do where the target is the primary", () => {
  const view = mergeStatuses([answered(primaryOf("node1"))]);
  assert.deepEqual(chooseRoute(view, "node1"), { kind: "already" });
});

Deno.test("chooseRoute() is unreachable where neither primary nor target answers", () => {
  const none = mergeStatuses([silent("node1"), silent("node2")]);
  assert.equal(chooseRoute(none, "node2").kind, "unreachable");
  const other = mergeStatuses([
    silent("node1"),
    silent("node2"),
    answered(statusOf("node3", { has_majority: false })),
  ]);
  const route = chooseRoute(other, "node2");
  assert.equal(route.kind, "unreachable");
  assert.match(route.kind === "unreachable" ? route.because : "", /^node2 does not answer/);
});

Deno.test("chooseRoute() and chooseForcedRoute() ask nobody whose answer is not believed", () => {
  const forged = { ...answered(primaryOf("node1")), verified: false } as NodeAnswer;
  const view = mergeStatuses([forged, silent("node2")]);
  for (const choose of [chooseRoute, chooseForcedRoute]) {
    assert.equal(choose(view, "node1").kind, "unbelieved");
  }
});
