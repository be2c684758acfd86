import assert from "node:assert/strict";
import type { State } from "../../src/core/state.ts";
import { describe } from "../../src/core/view.ts";
import {
  durableOf,
  heartbeatOf,
  leaderState,
  primaryServer,
  recordOf,
  request,
  standbyServer,
  stateOf,
  stoppedServer,
  take,
} from "./fixtures.ts";

const following = (change = {}) =>
  take(
    stateOf("b", { server: standbyServer("b", { following: "a", streamingFrom: "a" }) }),
    request("a", heartbeatOf(change)),
  ).state;

Deno.test("describe() routes to the leader itself only while it leads under its lease", () => {
  assert.deepEqual(describe(leaderState(), 102_999).route, {
    node: "a",
    contact: null,
    validUntilMs: 103_000,
  });
  assert.equal(describe(leaderState(), 103_000).route, null);
  for (
    const phase of [
      "promoting",
      "publishing",
      "resuming",
      "burying",
      "restarting",
      "switching",
    ] as const
  ) {
    assert.equal(describe(leaderState({ phase }), 100_000).route, null, phase);
  }
  assert.equal(describe(leaderState({ leaseUntilMs: null }), 100_000).route, null);
});

Deno.test("describe() routes a follower's clients to a writable leader that it heard just now", () => {
  assert.deepEqual(describe(following(), 102_999).route, {
    node: "a",
    contact: { host: "a", port: 5432 },
    validUntilMs: 103_000,
  });
  assert.equal(describe(following(), 103_000).route, null);
  assert.match(describe(following(), 103_000).routeBecause, /silent for longer than its lease/);
  assert.equal(describe(following({ writable: false }), 100_000).route, null);
  assert.equal(describe(following({ yielding: true }), 100_000).route, null);
  assert.match(describe(following({ yielding: true }), 100_000).routeBecause, /switchover from a/);
  assert.match(describe(stateOf("b"), 100_000).routeBecause, /no leader/);
});

Deno.test("describe() names role and phase for people", () => {
  const words = (state: State) => {
    const { role, phase } = describe(state, 100_000);
    return `${role} ${phase}`;
  };
  assert.equal(words(leaderState()), "primary leading");
  assert.equal(words(leaderState({ phase: "promoting" })), "candidate promoting");
  assert.equal(words(following()), "standby streaming");
  assert.equal(words(stateOf("b", { server: stoppedServer("b") })), "none show-position");
  const witness = stateOf("b", {}, {
    members: [{ name: "a", kind: "data" }, { name: "b", kind: "witness" }],
  });
  assert.equal(words(witness), "witness witness");
});

Deno.test("describe() says whether the answer comes from a node with a majority", () => {
  assert.equal(describe(leaderState(), 100_000).hasMajority, true);
  assert.equal(describe(leaderState(), 103_000).hasMajority, false);
  assert.equal(describe(following(), 100_000).leaseHolder, "a");
  assert.equal(describe(stateOf("b"), 100_000).hasMajority, false);
});

Deno.test("describe() writes the names that commits wait for as PostgreSQL knows them", () => {
  assert.equal(describe(leaderState(), 100_000).durability, "ANY 1 (b-b0000001, c-c0000001)");
  assert.equal(describe(following(), 100_000).durability, "");
});

Deno.test("describe() says that commits wait for nobody where they should", () => {
  const base = leaderState();
  assert.equal(base.role.kind, "leader");
  if (base.role.kind !== "leader") return;
  const setting = { required: 0, names: [] };
  const alone = { ...base, role: { ...base.role, sync: { ...base.role.sync, setting } } };
  assert.equal(describe(alone, 100_000).durability, "none, 1 wanted");
});

Deno.test("describe() finds nothing wrong with a healthy leader and a healthy follower", () => {
  assert.deepEqual(describe(leaderState(), 100_000).problems, []);
  assert.deepEqual(describe(following(), 100_000).problems, []);
});

Deno.test("describe() says in words what is wrong", () => {
  const problem = (state: State, nowMs = 100_000) => describe(state, nowMs).problems.join("\n");
  const alone = leaderState({}, { server: primaryServer("a", { standbys: [] }) });
  assert.match(problem(alone), /no standby is attached: writes wait/);
  const solo = recordOf({ electable: [], required: 0 });
  assert.match(
    problem(leaderState({ published: [solo] }, { durable: durableOf({ record: solo }) })),
    /no standby may be elected yet/,
  );
  assert.match(problem(leaderState({ peers: {} })), /b does not acknowledge heartbeats/);
  assert.match(
    problem(stateOf("b", { disagreement: "c has a different member list" })),
    /different/,
  );
  assert.match(
    problem(stateOf("b", { server: stoppedServer("b", { systemIdentifier: "8" }) })),
    /belongs to another cluster .*move the directory away/,
  );
  assert.match(
    problem(stateOf("b", { durable: durableOf({ admitted: false }) })),
    /lost its state/,
  );
  assert.match(
    problem(stateOf("b", { rejoin: { kind: "blocked", because: "another cluster's" } })),
    /another cluster's/,
  );
  assert.match(
    problem(stateOf("b", { server: { state: "refused", because: "not ours" } })),
    /not ours/,
  );
  assert.match(problem(stateOf("b", { operationFailure: "follow: no route" })), /follow: no route/);
  assert.match(
    problem(stateOf("b", { durable: durableOf({ record: solo }) })),
    /only a may lead: no standby is known to hold every commit/,
  );
});
