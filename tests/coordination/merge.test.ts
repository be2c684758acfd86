import assert from "node:assert/strict";
import { mergeStatuses, type NodeAnswer, unbelieved } from "../../src/coordination/merge.ts";
import type { NodeStatus } from "../../src/coordination/status.ts";
import { answered, primaryOf, silent, statusOf } from "../cli/fixtures.ts";

Deno.test("mergeStatuses() names the primary where a healthy cluster answers", () => {
  const view = mergeStatuses([primaryOf("node1"), statusOf("node2"), statusOf("node3")]
    .map(answered));
  assert.equal(view.primary, "node1");
  assert.equal(view.term, 4);
  assert.equal(view.verdict, "writable");
  assert.equal(view.reachable, 3);
  assert.deepEqual(view.problems, []);
});

Deno.test("mergeStatuses() believes the higher term where two nodes claim to be primary", () => {
  const view = mergeStatuses([
    answered(primaryOf("node1", { term: 3 })),
    answered(primaryOf("node2", { term: 4 })),
    answered(statusOf("node3", { leader: "node2" })),
  ]);
  assert.equal(view.primary, "node2");
  assert.equal(view.verdict, "writable");
  assert.deepEqual(view.problems, [
    "node1 still calls itself the primary of term 3, but term 4 is the cluster's:" +
    " nothing may be written to node1.",
  ]);
});

Deno.test("mergeStatuses() believes nobody where two nodes claim the same term", () => {
  const view = mergeStatuses([
    answered(statusOf("node3")),
    answered(primaryOf("node1")),
    answered(primaryOf("node2")),
  ]);
  assert.equal(view.primary, null);
  assert.equal(view.verdict, "no_majority");
  assert.match(view.problems[0]!, /^node1 and node2 both call themselves the primary of term 4/);
});

Deno.test("mergeStatuses() does not believe a primary without a majority", () => {
  const view = mergeStatuses([
    answered(primaryOf("node1", { has_majority: false })),
    silent("node2"),
    silent("node3"),
  ]);
  assert.equal(view.primary, null);
  assert.equal(view.verdict, "no_majority");
  assert.equal(view.term, 4);
  assert.deepEqual(view.problems, [
    "There is no primary with a majority behind it: writes wait.",
    "node2 does not answer: nothing came within 1000 ms.",
    "node3 does not answer: nothing came within 1000 ms.",
    "node1 answers without a majority behind it: what it says may be out of date.",
  ]);
});

Deno.test("mergeStatuses() does not call a leader primary whose PostgreSQL is down", () => {
  const view = mergeStatuses([
    answered(primaryOf("node1", { state: "stopped" })),
    answered(statusOf("node2")),
  ]);
  assert.equal(view.primary, null);
  assert.equal(view.verdict, "no_majority");
});

Deno.test("mergeStatuses() believes a follower with a majority where the leader is silent here", () => {
  const view = mergeStatuses([silent("node1"), answered(statusOf("node2"))]);
  assert.equal(view.primary, "node1");
  assert.equal(view.verdict, "writable");
  assert.deepEqual(view.problems, ["node1 does not answer: nothing came within 1000 ms."]);
});

Deno.test("mergeStatuses() says that writes go to a primary whose agent alone is silent", () => {
  const view = mergeStatuses([
    silent("node1"),
    answered(statusOf("node2", { has_majority: false })),
    answered(statusOf("node3", { has_majority: false })),
  ]);
  assert.equal(view.primary, "node1");
  assert.equal(view.term, 4);
  assert.equal(view.verdict, "writable");
  assert.deepEqual(view.problems, [
    "The agent of node1 is silent, but its PostgreSQL works: writes go to it through the routers" +
    " of node2, node3. Start metako on node1, or another node takes over after" +
    " agent_silence_timeout.",
    "node1 does not answer: nothing came within 1000 ms.",
  ]);
});

Deno.test("mergeStatuses() knows no primary once no router sends writes to the silent one", () => {
  const nodes = [
    statusOf("node2", { has_majority: false, writes_to: null }),
    statusOf("node3", { has_majority: false, writes_to: null }),
  ];
  const view = mergeStatuses([silent("node1"), ...nodes.map(answered)]);
  assert.equal(view.primary, null);
  assert.equal(view.verdict, "no_majority");
});

Deno.test("mergeStatuses() does not believe a router that is a term behind", () => {
  const view = mergeStatuses([
    silent("node1"),
    answered(statusOf("node2", { has_majority: false, term: 3 })),
    answered(statusOf("node3", { has_majority: false, writes_to: null })),
  ]);
  assert.equal(view.primary, null);
  assert.equal(view.verdict, "no_majority");
});

Deno.test("mergeStatuses() prints once what several nodes say in the same words", () => {
  const problems = ["two nodes cannot tell a dead peer from a cut link"];
  const view = mergeStatuses([primaryOf("node1", { problems }), statusOf("node2", { problems })]
    .map(answered));
  assert.deepEqual(view.problems, [
    "node1, node2: two nodes cannot tell a dead peer from a cut link.",
  ]);
});

Deno.test("mergeStatuses() does not believe an out-of-date follower of a lower term", () => {
  const view = mergeStatuses([
    answered(statusOf("node3", { term: 3, leader: "node1", has_majority: false })),
    silent("node1"),
    answered(primaryOf("node2", { term: 5 })),
  ]);
  assert.equal(view.primary, "node2");
  assert.ok(view.problems.includes("node3 is still in term 3, the cluster in term 5."));
});

Deno.test("mergeStatuses() keeps the primary where a node without majority campaigns above it", () => {
  const view = mergeStatuses([
    answered(primaryOf("node1")),
    answered(statusOf("node2", { term: 9, role: "candidate", has_majority: false, leader: null })),
  ]);
  assert.equal(view.primary, "node1");
  assert.equal(view.term, 4);
});

Deno.test("mergeStatuses() is unreachable where nobody answers", () => {
  const view = mergeStatuses([silent("node1", "connection refused"), silent("node2")]);
  assert.equal(view.verdict, "unreachable");
  assert.equal(view.primary, null);
  assert.equal(view.term, null);
  assert.equal(view.reachable, 0);
  assert.equal(view.problems.length, 3);
  assert.equal(mergeStatuses([]).verdict, "unreachable");
});

Deno.test("mergeStatuses() shows an unsigned answer and does not believe it", () => {
  const forged = { ...answered(primaryOf("node1", { term: 99 })), verified: false } as NodeAnswer;
  const view = mergeStatuses([forged, answered(primaryOf("node2")), answered(statusOf("node3"))]);
  assert.equal(view.primary, "node2");
  assert.equal(view.term, 4);
  assert.equal(view.reachable, 3);
  assert.match(view.problems[0]!, /^The answer of node1 is not signed with this cluster's key/);
  assert.equal(unbelieved(view), null);
  const strange = mergeStatuses([forged, silent("node2", "it refuses connections")]);
  assert.equal(strange.verdict, "no_majority");
  assert.deepEqual(strange.problems, [
    unbelieved(strange),
    "node2 does not answer: it refuses connections.",
  ]);
  assert.match(unbelieved(strange)!, /^No answer of node1 is signed with the key of this/);
  assert.equal(unbelieved(mergeStatuses([silent("node1")])), null);
});

Deno.test("mergeStatuses() names who alone may lead where they are silent", () => {
  const record = {
    term: 4,
    seq: 2,
    leader: "node1",
    electable: ["node2"],
    required: 1,
  } as unknown as NodeStatus["record"];
  const lost = { leader: null, has_majority: false, writes_to: null } as const;
  const peers = ["node1", "node2"].map((node) => ({
    node,
    agent: "unhealthy" as const,
    consecutive_failures: 3,
    last_seen_ms_ago: 9000,
    state: null,
  }));
  const others = [silent("node1"), silent("node2")];
  const alone = mergeStatuses([...others, answered(statusOf("node3", { ...lost, record, peers }))]);
  assert.ok(
    alone.problems.some((text) =>
      text.startsWith("An election needs 2 of 3 members, and 1 answered. Only node1 or node2 may")
    ),
    alone.problems.join("\n"),
  );
  const two = mergeStatuses([
    silent("node1"),
    answered(statusOf("node2", { ...lost, record: { ...record!, electable: [] }, peers })),
    answered(statusOf("node3", { ...lost, record: { ...record!, electable: [] }, peers })),
  ]);
  assert.ok(
    two.problems.some((text) => /^Only node1 may lead.*start metako on node1,.*--force/.test(text)),
    two.problems.join("\n"),
  );
  const fine = mergeStatuses([
    silent("node1"),
    answered(statusOf("node2", { ...lost, record, peers })),
    answered(statusOf("node3", { ...lost, record, peers })),
  ]);
  assert.ok(!fine.problems.some((text) => text.includes("may lead")), fine.problems.join("\n"));
});

Deno.test("mergeStatuses() reports data directories of different clusters", () => {
  const view = mergeStatuses([
    answered(primaryOf("node1")),
    answered(statusOf("node2", { system_identifier: "99" })),
    answered(statusOf("node3", { system_identifier: null })),
  ]);
  assert.deepEqual(view.problems, [
    "The data directories are of different clusters: node1 (7300000000000000001) and node2 (99).",
  ]);
});

Deno.test("mergeStatuses() reports a peer that one node cannot reach and this one can", () => {
  const peer = {
    node: "node2",
    agent: "unhealthy",
    consecutive_failures: 3,
    last_seen_ms_ago: 9000,
    state: null,
  } as const;
  const view = mergeStatuses([
    answered(primaryOf("node1", { peers: [peer, { ...peer, node: "node3" }] })),
    answered(statusOf("node2")),
    silent("node3", "connection refused"),
  ]);
  assert.deepEqual(view.problems, [
    "node3 does not answer: connection refused.",
    "node1 cannot reach node2, which answers here.",
  ]);
});

Deno.test("mergeStatuses() passes on what a node says about itself, once", () => {
  const view = mergeStatuses([
    answered(primaryOf("node1")),
    answered(statusOf("node2", {
      state: "refused",
      state_because: "the data directory is another cluster's",
      problems: [
        "replay is paused",
        "the data directory is another cluster's",
        "replay is paused.",
      ],
    })),
  ]);
  assert.deepEqual(view.problems, [
    "node2: metako leaves this server alone: the data directory is another cluster's.",
    "node2: replay is paused.",
  ]);
});

Deno.test("mergeStatuses() lists members by name, numbers by value, whatever the order asked", () => {
  const names = ["node10", "node2", "db1", "node1"];
  const view = mergeStatuses(names.map((name) => answered(statusOf(name))));
  assert.deepEqual(view.nodes.map(({ node }) => node), ["db1", "node1", "node2", "node10"]);
});

Deno.test("mergeStatuses() names who is needed for an election where too few members answer", () => {
  const peer = {
    agent: "ok",
    consecutive_failures: 0,
    last_seen_ms_ago: 10,
    state: "standby",
  } as const;
  const alone = statusOf("node2", {
    has_majority: false,
    writes_to: null,
    leader: null,
    peers: [{ ...peer, node: "node1" }, { ...peer, node: "node3" }],
  });
  const needed =
    "An election needs 2 of 3 members, and 1 answered: start metako on node1 or node3," +
    " or mend the network.";
  const three = mergeStatuses([answered(alone), silent("node1"), silent("node3")]);
  assert.equal(three.problems[1], needed);
  // Two could elect, and who was not asked may be there.
  const two = mergeStatuses([
    answered(alone),
    answered({ ...alone, node: "node1" }),
    silent("node3"),
  ]);
  assert.ok(!two.problems.includes(needed));
  assert.deepEqual(two.problems.slice(2), [
    "node1, node2 answer without a majority behind them: what they say may be out of date.",
  ]);
  assert.ok(!mergeStatuses([answered(alone)]).problems.includes(needed));
});
