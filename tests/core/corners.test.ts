/**
 * What hardly ever happens, and what the simulator therefore reaches in few of its runs.
 */
import assert from "node:assert/strict";
import {
  actionsIn,
  heartbeatOf,
  leaderState,
  primaryServer,
  request,
  stateOf,
  stoppedServer,
  take,
} from "./fixtures.ts";

Deno.test("step() leaves a server alone that cannot be made a standby, until another leader comes", () => {
  const following = take(stateOf("b"), request("a", heartbeatOf())).state;
  assert.equal(following.operation?.action.type, "follow");
  const refused = take(following, {
    type: "action_failed",
    nowMs: 100_010,
    operation: following.operation!.id,
    failure: "unsupported",
    because: "another manager holds the server",
  }).state;
  assert.deepEqual(refused.rejoin, {
    kind: "blocked",
    because: "another manager holds the server",
  });
  const later = take(refused, request("a", heartbeatOf(), 110_000));
  assert.deepEqual(actionsIn(later.effects), []);
  const next = heartbeatOf({ term: 2, record: { ...heartbeatOf().record!, term: 2, seq: 1 } });
  const again = take(later.state, request("c", next, 111_000));
  assert.deepEqual(actionsIn(again.effects).map(({ type }) => type), ["follow"]);
});

Deno.test("step() gives the lead up when its dead server comes back on a timeline that it does not lead", () => {
  const restarting = leaderState({ phase: "restarting", retryAtMs: 200_000 }, {
    server: stoppedServer("a", { wasPrimary: true }),
  });
  const observed = (timeline: number) =>
    take(restarting, {
      type: "observed",
      nowMs: 100_001,
      server: primaryServer("a", { timeline }),
    });
  assert.equal(observed(1).state.role.kind, "leader");
  const lost = observed(2);
  assert.equal(lost.state.role.kind, "follower");
  assert.deepEqual(actionsIn(lost.effects), [{ type: "fence" }]);
});
