/**
 * Whole clusters of the core in a simulated world: what a stranger would try by hand.
 */
import assert from "node:assert/strict";
import type { PairSettings } from "../../src/core/settings.ts";
import { createWorld, everyoneStreams, missingRows, type World } from "./world.ts";

function started(names: readonly string[]): World {
  // Two data members and nobody else are a pair: the same stories, in the other mode.
  const world = createWorld(names, () => names.length === 2 ? { pair: PAIR } : {});
  world.until(() => everyoneStreams(world), 30_000, "the first start");
  return world;
}

function insertFor(world: World, ms: number, prefix: string): void {
  for (let index = 0; index < ms / 20; index++) {
    world.insert(`${prefix}${index}`);
    world.run(20);
  }
}

/** A cluster whose primary may go on alone. */
function startedWithQuorum(names: readonly string[]): World {
  const world = createWorld(names, () => ({ durability: "quorum" }));
  world.until(() => everyoneStreams(world), 30_000, "the first start");
  return world;
}

const PAIR: PairSettings = {
  failureThreshold: 3,
  failoverDelayMs: 5000,
  witnessCount: 0,
  whenAlone: "serve",
};

const CLUSTERS = [
  ["n1", "n2", "n3"],
  ["n1", "n2", "n3", "n4", "n5"],
  ["n1", "n2", "w1"],
  ["n1", "n2"],
];

for (const names of CLUSTERS) {
  const title = names.join(",");

  Deno.test(`cluster ${title} starts with the configured primary, and all others stream`, () => {
    const world = started(names);
    assert.equal(world.primary(), "n1");
    insertFor(world, 400, "a");
    world.run(200);
    assert.equal(world.acknowledged.size, 20);
  });

  Deno.test(`cluster ${title} fails over when the primary's host crashes, and loses nothing`, () => {
    const world = started(names);
    insertFor(world, 400, "a");
    world.crash("n1");
    const outageMs = world.until(() => world.primary() !== null, 10_000, "a failover");
    assert.notEqual(world.primary(), "n1");
    const limitMs = names.length === 2 ? 7000 : 3000;
    assert.ok(outageMs < limitMs, `ports that refuse end the promise early, took ${outageMs} ms`);
    insertFor(world, 400, "b");
    assert.deepEqual(missingRows(world), []);
    assert.deepEqual(world.violations, []);
  });

  Deno.test(`cluster ${title} takes a crashed primary back by cloning it`, () => {
    const world = started(names);
    insertFor(world, 400, "a");
    world.crash("n1");
    world.until(() => world.primary() !== null, 10_000, "a failover");
    insertFor(world, 400, "b");
    const before = world.nodes.get("n1")!.server.incarnation;
    world.start("n1");
    world.until(() => everyoneStreams(world), 30_000, "the rejoin");
    assert.notEqual(world.nodes.get("n1")!.server.incarnation, before);
    assert.deepEqual(missingRows(world), []);
  });

  Deno.test(`cluster ${title} switches over to a named standby and back`, () => {
    const world = started(names);
    insertFor(world, 200, "a");
    for (const [from, to] of [["n1", "n2"], ["n2", "n1"]] as const) {
      const progress = world.operator(from, to);
      const outageMs = world.until(() => world.primary() === to, 5000, `switchover to ${to}`);
      assert.ok(outageMs < 1500, `took ${outageMs} ms`);
      world.until(() => everyoneStreams(world), 20_000, "everyone follows");
      assert.equal(progress.at(-1)!.outcome, "succeeded");
      insertFor(world, 200, to);
    }
    assert.ok(!world.nodes.get("n1")!.reports.includes("clone"), "no clone after a switchover");
    assert.deepEqual(missingRows(world), []);
    assert.deepEqual(world.violations, []);
  });
}

Deno.test("cluster with strict durability lets writes wait when no standby is left", () => {
  const world = started(["n1", "n2", "w1"]);
  world.crash("n2");
  world.run(6000);
  world.insert("waits");
  world.run(5000);
  assert.ok(!world.acknowledged.has("waits"));
  world.start("n2");
  world.until(() => world.acknowledged.has("waits"), 20_000, "the standby is back");
});

Deno.test("cluster with quorum durability goes on alone, and names nobody else electable", () => {
  const world = startedWithQuorum(["n1", "n2", "w1"]);
  insertFor(world, 200, "a");
  world.crash("n2");
  world.insert("waits for the lease");
  world.until(() => world.acknowledged.has("waits for the lease"), 8000, "going solo");
  assert.deepEqual(world.nodes.get("n1")!.durable.record!.electable, []);
  insertFor(world, 200, "b");
  world.crash("n1");
  world.start("n2");
  world.run(15_000);
  assert.equal(world.primary(), null, "n2 lacks what n1 acknowledged alone");
  world.start("n1");
  world.until(() => everyoneStreams(world), 40_000, "n1 leads again, and n2 follows");
  assert.deepEqual(missingRows(world), []);
  insertFor(world, 200, "c");
  world.run(200);
  assert.deepEqual(missingRows(world), []);
  assert.equal(world.nodes.get("n1")!.durable.record!.required, 1);
});

Deno.test("cluster with quorum durability does not wait, after a failover, for whom it lost", () => {
  const world = startedWithQuorum(["n1", "n2", "w1"]);
  insertFor(world, 200, "a");
  world.crash("n1");
  world.until(() => world.primary() === "n2", 5000, "a failover");
  world.insert("b");
  world.run(100);
  assert.ok(world.acknowledged.has("b"));
  world.start("n1");
  world.until(() => everyoneStreams(world), 40_000, "n1 follows");
  assert.deepEqual(missingRows(world), []);
});

Deno.test("cluster with quorum durability survives crashes of every kind of member in turn", () => {
  const world = startedWithQuorum(["n1", "n2", "n3"]);
  for (let round = 0; round < 12; round++) {
    insertFor(world, 200, `r${round}-`);
    const primary = world.primary()!;
    const others = ["n1", "n2", "n3"].filter((name) => name !== primary);
    if (round % 3 === 0) { for (const name of others) world.crash(name); }
    else world.crash(round % 3 === 1 ? primary : others[0]!);
    world.run(5000);
    world.insert(`s${round}`);
    world.run(500);
    for (const [name, node] of world.nodes) if (node.state === null) world.start(name);
    world.until(() => everyoneStreams(world), 60_000, `everyone in round ${round}`);
    assert.deepEqual(missingRows(world), []);
  }
  assert.deepEqual(world.violations, []);
});

Deno.test("cluster survives twenty crashes of its primary in a row without losing a row", () => {
  const world = started(["n1", "n2", "n3"]);
  for (let round = 0; round < 20; round++) {
    insertFor(world, 300, `r${round}-`);
    const victim = world.primary()!;
    world.crash(victim);
    world.until(() => world.primary() !== null, 10_000, `failover ${round}`);
    insertFor(world, 300, `s${round}-`);
    world.start(victim);
    world.until(() => everyoneStreams(world), 30_000, `rejoin ${round}`);
    assert.deepEqual(missingRows(world), []);
  }
  assert.deepEqual(world.violations, []);
});

Deno.test("cluster fails over after the promise when the primary's host falls silent", () => {
  const world = started(["n1", "n2", "n3"]);
  insertFor(world, 300, "a");
  world.cut("n1", "n2");
  world.cut("n1", "n3");
  world.run(50);
  const outageMs = world.until(
    () => world.primary() !== null && world.primary() !== "n1",
    10_000,
    "a failover",
  );
  assert.ok(outageMs > 2400 && outageMs < 5500, `took ${outageMs} ms`);
  assert.notEqual(world.nodes.get("n1")!.server.running, "primary", "the old primary is fenced");
  insertFor(world, 300, "b");
  world.heal();
  world.until(() => everyoneStreams(world), 30_000, "the old primary comes back");
  assert.deepEqual(missingRows(world), []);
  assert.deepEqual(world.violations, []);
});

Deno.test("cluster fails over at once when the primary's PostgreSQL dies under a living agent", () => {
  const world = started(["n1", "n2", "n3"]);
  insertFor(world, 300, "a");
  world.crashServer("n1");
  const outageMs = world.until(() => world.primary() !== null, 5000, "a failover");
  assert.notEqual(world.primary(), "n1");
  assert.ok(outageMs < 1500, `took ${outageMs} ms`);
  assert.deepEqual(missingRows(world), []);
});

Deno.test("cluster fails over when somebody turned the primary into a standby", () => {
  const world = started(["n1", "n2", "n3"]);
  insertFor(world, 300, "a");
  const { server } = world.nodes.get("n1")!;
  server.running = "standby";
  server.upstream = null;
  world.run(500);
  world.until(() => world.primary() !== null, 5000, "a failover");
  assert.notEqual(world.primary(), "n1");
  assert.deepEqual(missingRows(world), []);
});

Deno.test("cluster fails over when the primary's PostgreSQL hangs under a living agent", () => {
  const world = started(["n1", "n2", "n3"]);
  insertFor(world, 300, "a");
  world.nodes.get("n1")!.server.hung = true;
  const outageMs = world.until(
    () => world.primary() !== null && world.primary() !== "n1",
    20_000,
    "a failover",
  );
  assert.ok(outageMs >= 5000 && outageMs < 9000, `patience, then a failover: ${outageMs} ms`);
  assert.deepEqual(missingRows(world), []);
});

Deno.test("cluster leaves a hung primary alone when no standby could take over", () => {
  const world = started(["n1", "n2", "n3"]);
  for (const name of ["n2", "n3"]) {
    world.crashServer(name);
    world.nodes.get(name)!.server.exists = false;
  }
  world.failNext.set("n2", "clone");
  world.failNext.set("n3", "clone");
  world.run(500);
  world.nodes.get("n1")!.server.hung = true;
  world.run(1000);
  const ended = world.nodes.get("n1")!.reports.includes("server_died");
  assert.equal(ended, false);
});

Deno.test("cluster fails over when a server dies that its agent does not control", () => {
  const world = started(["n1", "n2", "n3"]);
  insertFor(world, 300, "a");
  world.uncontrolled.add("n1");
  world.crashServer("n1");
  world.until(() => world.primary() !== null, 5000, "a failover");
  assert.notEqual(world.primary(), "n1");
  assert.deepEqual(missingRows(world), []);
});

Deno.test("cluster goes on when somebody else starts a dead server again and no other may lead", () => {
  const world = started(["n1", "n2", "n3"]);
  world.uncontrolled.add("n1");
  world.cut("n1", "n3");
  world.crash("n2");
  world.heal();
  for (const name of ["n2", "n3"]) world.nodes.get(name)!.server.exists = false;
  world.run(6000);
  world.crashServer("n1");
  world.run(3000);
  assert.equal(world.primary(), null);
  world.nodes.get("n1")!.server.running = "primary";
  world.until(() => world.primary() === "n1", 5000, "the server is back");
});

Deno.test("cluster restarts PostgreSQL in place when nobody else may be elected", () => {
  const world = started(["n1", "n2", "n3"]);
  world.crash("n2");
  world.crash("n3");
  world.start("n2");
  world.nodes.get("n2")!.server.exists = false;
  world.nodes.get("n3")!.server.exists = false;
  world.run(4000);
  world.until(() => world.primary() === "n1", 20_000, "a primary");
  world.crashServer("n1");
  world.until(() => world.primary() === "n1", 10_000, "a restart in place");
});

for (const names of CLUSTERS) {
  Deno.test(`cluster ${names} keeps its primary when that one's agent restarts within the lease`, () => {
    const world = started(names);
    const { term } = world.nodes.get("n1")!.durable;
    world.crashAgent("n1");
    world.run(1000);
    world.start("n1");
    world.until(() => world.primary() === "n1", 3000, "resuming");
    assert.equal(world.nodes.get("n1")!.durable.term, term);
    assert.ok(!world.story.some((line) => line.includes("n1: fence")));
    insertFor(world, 200, "a");
    world.run(300);
    assert.equal(world.acknowledged.size, 10);
  });
}

Deno.test("cluster elects a leader again after all hosts crash at once", () => {
  const world = started(["n1", "n2", "n3"]);
  insertFor(world, 300, "a");
  for (const name of ["n1", "n2", "n3"]) world.crash(name);
  world.run(1000);
  for (const name of ["n1", "n2", "n3"]) world.start(name);
  world.until(() => world.primary() !== null, 20_000, "an election");
  world.until(() => everyoneStreams(world), 40_000, "everyone streams");
  assert.deepEqual(missingRows(world), []);
});

Deno.test("cluster does not elect anybody on its first start before every member is there", () => {
  const world = createWorld(["n1", "n2", "n3"]);
  world.crash("n3");
  world.run(20_000);
  assert.equal(world.primary(), null);
  world.start("n3");
  world.until(() => everyoneStreams(world), 30_000, "the first start");
});

Deno.test("cluster takes a member that lost its state back without letting it vote before", () => {
  const world = started(["n1", "n2", "n3"]);
  world.crash("n3");
  world.loseState("n3");
  world.start("n3");
  world.until(() => world.nodes.get("n3")!.durable.admitted, 10_000, "re-admission");
  world.until(() => everyoneStreams(world), 30_000, "streaming");
});

Deno.test("cluster elects nobody when the last other voter has lost its state", () => {
  const world = started(["n1", "n2", "n3"]);
  for (const name of ["n1", "n3"]) world.crash(name);
  world.loseState("n3");
  world.start("n3");
  world.run(20_000);
  assert.equal(world.primary(), null);
});

Deno.test("cluster does not let the configured primary vote for itself when it lost its state", () => {
  const world = started(["n1", "n2", "n3"]);
  for (const name of ["n1", "n3"]) world.crash(name);
  world.loseState("n1");
  world.start("n1");
  world.run(20_000);
  assert.equal(world.primary(), null, "n1 has its data, and does not know what it voted");
  assert.equal(world.nodes.get("n1")!.durable.admitted, false);
  world.start("n3");
  world.until(() => everyoneStreams(world), 40_000, "n2 and n3 go on, and take n1 back");
});

Deno.test("cluster rolls a switchover back when the old primary cannot be stopped", () => {
  const world = started(["n1", "n2", "n3"]);
  insertFor(world, 200, "a");
  world.failNext.set("n1", "stop");
  const progress = world.operator("n1", "n2");
  world.until(() => progress.at(-1)?.outcome === "failed", 8000, "a roll-back");
  world.until(() => world.primary() === "n1", 3000, "the old primary");
  insertFor(world, 200, "b");
  world.until(() => everyoneStreams(world), 20_000, "everyone streams");
  assert.deepEqual(missingRows(world), []);
});

Deno.test("cluster refuses a switchover to a node that is not there, and says why", () => {
  const world = started(["n1", "n2", "n3"]);
  world.crash("n2");
  world.run(1000);
  const progress = world.operator("n1", "n2");
  world.until(() => progress.at(-1)!.outcome === "refused", 8000, "a refusal");
  assert.match(progress.at(-1)!.step, /does not stream/);
  assert.equal(world.primary(), "n1");
});

Deno.test("cluster lets a switchover wait for a target that is about to be there", () => {
  const world = started(["n1", "n2", "n3"]);
  world.crash("n2");
  world.run(1000);
  const progress = world.operator("n1", "n2");
  world.start("n2");
  world.until(() => progress.at(-1)!.outcome === "succeeded", 15_000, "the switchover");
  assert.equal(world.primary(), "n2");
});

Deno.test("cluster survives the loss of a second host after the first has been dropped", () => {
  const world = started(["n1", "n2", "n3", "n4", "n5"]);
  insertFor(world, 200, "a");
  world.crash("n5");
  world.run(6000);
  world.crash("n1");
  world.until(() => world.primary() !== null, 10_000, "a failover");
  insertFor(world, 200, "b");
  assert.deepEqual(missingRows(world), []);
});

Deno.test("cluster elects no standby that missed acknowledged rows", () => {
  const world = started(["n1", "n2", "n3"]);
  world.cut("n1", "n3");
  insertFor(world, 300, "a");
  world.run(100);
  assert.ok(world.acknowledged.size > 0);
  world.crash("n1");
  world.run(100);
  world.heal();
  world.crash("n2");
  world.run(15_000);
  assert.equal(world.primary(), null, "n3 lacks what n2 acknowledged");
  world.start("n2");
  world.until(() => world.primary() !== null, 20_000, "an election once n2 is back");
  assert.deepEqual(missingRows(world), []);
});

Deno.test("cluster elects the stopped record leader when standbys cannot cover its commits", () => {
  const world = started(["n1", "n2", "n3"]);
  insertFor(world, 300, "a");
  for (const name of ["n1", "n2", "n3"]) world.crash(name);
  for (const name of ["n1", "n2"]) world.start(name);
  world.until(() => world.primary() === "n1", 20_000, "an election of n1");
  insertFor(world, 300, "b");
  assert.deepEqual(missingRows(world), []);
});

Deno.test("cluster is not held up by a voter whose record says that it is electable and is stale", () => {
  const world = createWorld(
    ["n1", "n2", "n3"],
    (name) => ({ priority: name === "n2" ? 200 : 100 }),
  );
  world.until(() => everyoneStreams(world), 30_000, "the first start");
  world.cut("n1", "n2");
  world.cut("n3", "n2");
  world.run(10_000);
  world.crashServer("n1");
  world.until(() => world.primary() === "n3", 10_000, "a failover without n2");
  world.until(
    () => world.nodes.get("n3")!.durable.record!.electable.some(({ node }) => node === "n1"),
    20_000,
    "n1 streams again",
  );
  world.powerOff("n3");
  world.heal();
  world.until(() => world.primary() === "n1", 20_000, "an election with the vote of n2");
});
