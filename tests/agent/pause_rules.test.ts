import assert from "node:assert/strict";
import {
  isElectoral,
  isHeld,
  mayHold,
  type PeerPauses,
  stillHolds,
} from "../../src/agent/pause_rules.ts";
import type { ServerAction } from "../../src/core/server.ts";
import { leaderState, standbyServer, stateOf, stoppedServer } from "../core/fixtures.ts";

const ID = "00000000-0000-4000-8000-000000000001";
const OTHER = "00000000-0000-4000-8000-000000000002";

function peers(pauses: Record<string, [string | null, number]>): PeerPauses {
  return new Map(Object.entries(pauses).map(([name, [id, sinceMs]]) => [name, { id, sinceMs }]));
}

/** Node a leads; b and c acknowledged what was sent at those moments. */
function leader(ackedB: number | null, ackedC: number | null) {
  const state = leaderState();
  const { role } = state;
  if (role.kind !== "leader") throw new Error("no leader");
  const acked = (node: string, ackedSentAtMs: number | null) => ({
    [node]: { ...role.peers[node]!, ackedSentAtMs },
  });
  return {
    ...state,
    role: { ...role, peers: { ...role.peers, ...acked("b", ackedB), ...acked("c", ackedC) } },
  };
}

Deno.test("isElectoral() names the messages of elections, and no heartbeat", () => {
  const types = ["pre_vote", "vote", "handover", "heartbeat", "confirm", "resigned"] as const;
  assert.deepEqual(types.filter((type) => isElectoral({ type })), ["pre_vote", "vote", "handover"]);
});

Deno.test("isHeld() lets through what is harmless, and a fence unless the primary is held", () => {
  const types = ["fence", "stop", "start_standby", "revoke", "prepare", "set_sync"] as const;
  const held = (holdsPrimary: boolean) =>
    types.filter((type) => isHeld({ type } as ServerAction, holdsPrimary));
  assert.deepEqual(held(false), ["stop", "start_standby", "revoke"]);
  assert.deepEqual(held(true), ["fence", "stop", "start_standby", "revoke"]);
});

Deno.test("mayHold() waits for a majority that acknowledged a heartbeat after it was paused", () => {
  const paused = peers({ b: [ID, 500] });
  assert.equal(mayHold(leader(501, null), ID, paused), true);
  assert.equal(mayHold(leader(500, null), ID, paused), false, "sent before it said so");
  assert.equal(mayHold(leader(null, 900), ID, paused), false, "another acknowledged");
  assert.equal(mayHold(leader(501, null), ID, peers({ b: [null, 1] })), false);
  assert.equal(mayHold(leader(501, null), ID, peers({ b: [OTHER, 1] })), false);
  assert.equal(mayHold(leader(501, null), ID, peers({})), false);
});

Deno.test("mayHold() needs a leader that leads, and a primary that works", () => {
  const paused = peers({ b: [ID, 1], c: [ID, 1] });
  const good = leader(900, 900);
  assert.equal(mayHold(good, ID, paused), true);
  assert.equal(mayHold({ ...good, server: stoppedServer("a") }, ID, paused), false);
  assert.equal(mayHold({ ...good, role: { ...good.role, phase: "burying" } }, ID, paused), false);
  assert.equal(mayHold(stateOf("a", { server: standbyServer("a") }), ID, paused), false);
});

Deno.test("stillHolds() ends with a newer term, and when a majority is seen to act again", () => {
  const state = leader(null, null);
  const { term } = state.durable;
  const holds = (seen: PeerPauses, heldTerm: number | null = term) =>
    stillHolds(state, { id: ID, heldTerm }, seen);
  assert.equal(holds(peers({})), true, "nobody is heard: that is what the pause is for");
  assert.equal(holds(peers({ b: [ID, 1], c: [null, 1] })), true);
  assert.equal(holds(peers({ b: [null, 1], c: [null, 1] })), false);
  assert.equal(holds(peers({ b: [OTHER, 1], c: [null, 1] })), false);
  assert.equal(holds(peers({}), null), false);
  assert.equal(holds(peers({}), term - 1), false);
});
