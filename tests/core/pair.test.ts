/**
 * Pair mode: two data members without a witness.
 */
import assert from "node:assert/strict";
import { mayGoOnAlone, nextTerm, whyNotAlone } from "../../src/core/pair.ts";
import type { PairSettings, Settings } from "../../src/core/settings.ts";
import { createWorld, everyoneStreams, missingRows, type World } from "./world.ts";

const PAIR: PairSettings = {
  failureThreshold: 3,
  failoverDelayMs: 5000,
  witnessCount: 0,
  whenAlone: "serve",
};

function started(pair: Partial<PairSettings> = {}, change: Partial<Settings> = {}): World {
  const world = createWorld(["n1", "n2"], () => ({
    pair: { ...PAIR, ...pair },
    durability: "quorum",
    ...change,
  }));
  for (const name of ["n1", "n2"]) world.witnesses.set(name, pair.witnessCount ?? 0);
  world.until(() => everyoneStreams(world), 30_000, "the first start");
  world.run(1000);
  return world;
}

function insertFor(world: World, forMs: number, prefix: string): void {
  for (let index = 0; index < forMs / 20; index++) {
    world.insert(`${prefix}${index}`);
    world.run(20);
  }
}

function isPrimary(world: World, name: string): boolean {
  return world.nodes.get(name)!.server.running === "primary";
}

Deno.test("pair promotes the standby after failover_delay when the primary's host crashes", () => {
  const world = started();
  insertFor(world, 400, "a");
  world.powerOff("n1");
  const outageMs = world.until(() => world.primary() === "n2", 10_000, "a failover");
  assert.ok(outageMs >= 4400 && outageMs < 6500, `took ${outageMs} ms`);
  insertFor(world, 400, "b");
  world.run(200);
  assert.deepEqual(missingRows(world), []);
  world.start("n1");
  world.until(() => everyoneStreams(world), 30_000, "the old primary follows");
  assert.deepEqual(missingRows(world), []);
  assert.deepEqual(world.violations, []);
});

Deno.test("pair lets refused connections shorten nothing", () => {
  const world = started();
  world.crash("n1");
  const outageMs = world.until(() => world.primary() === "n2", 10_000, "a failover");
  assert.ok(outageMs >= 4400, `took ${outageMs} ms`);
});

Deno.test("pair counts failed checks besides the delay", () => {
  const world = started({ failureThreshold: 15 });
  world.powerOff("n1");
  const outageMs = world.until(() => world.primary() === "n2", 12_000, "a failover");
  assert.ok(outageMs >= 7000, `took ${outageMs} ms`);
});

Deno.test("pair goes on alone when the standby's host crashes, and together when it is back", () => {
  const world = started();
  world.powerOff("n2");
  world.insert("waits for the lease");
  world.until(() => world.acknowledged.has("waits for the lease"), 8000, "going solo");
  assert.ok(!world.nodes.get("n1")!.reports.includes("step_down"));
  assert.deepEqual(world.nodes.get("n1")!.durable.record!.electable, []);
  insertFor(world, 200, "b");
  world.start("n2");
  world.until(() => everyoneStreams(world), 20_000, "the standby is back");
  const { role } = world.nodes.get("n1")!.state!;
  assert.equal(role.kind === "leader" && role.alone, false);
  world.powerOff("n1");
  world.until(() => world.primary() === "n2", 10_000, "a failover");
  assert.deepEqual(missingRows(world), []);
  assert.deepEqual(world.violations, []);
});

Deno.test("pair keeps a standby that was restarted from promoting itself", () => {
  const world = started();
  world.crash("n2");
  world.run(6000);
  insertFor(world, 200, "alone");
  world.powerOff("n1");
  world.start("n2");
  world.run(30_000);
  assert.equal(world.primary(), null, "n2 lacks what n1 acknowledged alone");
  world.start("n1");
  world.until(() => everyoneStreams(world), 40_000, "n1 leads again, and n2 follows");
  assert.equal(world.primary(), "n1");
  assert.deepEqual(missingRows(world), []);
});

Deno.test("pair starts a node alone when its own record is solo, and not when it is not", () => {
  const world = started();
  world.powerOff("n2");
  world.run(6000);
  insertFor(world, 200, "alone");
  world.crash("n1");
  world.start("n1");
  world.until(() => world.primary() === "n1", 10_000, "n1 starts alone");
  assert.deepEqual(missingRows(world), []);

  const other = started();
  other.powerOff("n1");
  other.powerOff("n2");
  other.run(500);
  other.start("n1");
  other.run(30_000);
  assert.equal(other.primary(), null, "n2 may have been promoted");
});

Deno.test("pair lets a standby wait that has not promoted within twice failover_delay", () => {
  const world = started();
  world.failNext.set("n2", "revoke");
  world.powerOff("n1");
  const clear = () => world.nodes.get("n2")!.state?.role.kind !== "leader";
  while (world.nowMs < 60_000 && clear()) {
    world.failNext.set("n2", "revoke");
    world.run(100);
  }
  assert.equal(world.primary(), null);
  world.failNext.clear();
  world.run(20_000);
  assert.equal(world.primary(), null, "the chance has passed");
});

Deno.test("pair cut in two without witness addresses ends with the newer term, and gives up the rest", () => {
  const world = started();
  world.cut("n1", "n2");
  world.until(() => isPrimary(world, "n2"), 10_000, "the standby promotes itself");
  assert.ok(isPrimary(world, "n1"), "and the primary serves on: nobody can know");
  world.heal();
  world.until(() => everyoneStreams(world), 30_000, "the older term yields");
  assert.equal(world.primary(), "n2");
  assert.ok(world.nodes.get("n1")!.reports.includes("clone"));
});

Deno.test("pair with when_alone: fence stops the primary before its standby promotes", () => {
  const world = started({ whenAlone: "fence" });
  insertFor(world, 200, "a");
  world.cut("n1", "n2");
  world.until(() => !isPrimary(world, "n1"), 4000, "the primary fences");
  assert.ok(!isPrimary(world, "n2"));
  world.until(() => world.primary() === "n2", 6000, "the standby promotes itself");
  insertFor(world, 200, "b");
  world.heal();
  world.until(() => everyoneStreams(world), 30_000, "the old primary follows");
  assert.deepEqual(missingRows(world), []);
  assert.deepEqual(world.violations, []);
});

for (const isolated of ["n1", "n2"]) {
  const title = isolated === "n1" ? "primary" : "standby";
  Deno.test(`pair with witness addresses has one primary when the ${title} is isolated`, () => {
    const world = started({ witnessCount: 3 });
    const other = isolated === "n1" ? "n2" : "n1";
    insertFor(world, 200, "a");
    world.cut("n1", "n2");
    world.witnesses.set(isolated, 1);
    for (let passedMs = 0; passedMs < 20_000; passedMs += 100) {
      world.run(100);
      assert.ok(!(isPrimary(world, "n1") && isPrimary(world, "n2")));
    }
    assert.equal(world.primary(), other);
    insertFor(world, 200, "b");
    world.run(200);
    world.heal();
    world.witnesses.set(isolated, 3);
    world.until(() => everyoneStreams(world), 30_000, "both are back");
    assert.deepEqual(missingRows(world), []);
    assert.deepEqual(world.violations, []);
  });
}

Deno.test("pair with witness addresses stops both sides when neither reaches a majority of them", () => {
  const world = started({ witnessCount: 3 });
  world.cut("n1", "n2");
  for (const name of ["n1", "n2"]) world.witnesses.set(name, 1);
  world.run(20_000);
  assert.ok(!isPrimary(world, "n1") && !isPrimary(world, "n2"));
});

Deno.test("pair with strict durability lets writes wait while the primary is alone", () => {
  const world = started({}, { durability: "strict" });
  world.powerOff("n2");
  world.run(6000);
  world.insert("waits");
  world.run(5000);
  assert.ok(isPrimary(world, "n1"));
  assert.ok(!world.acknowledged.has("waits"));
  world.start("n2");
  world.until(() => world.acknowledged.has("waits"), 20_000, "the standby is back");
});

Deno.test("pair does not let a primary that stood still go on alone", () => {
  const world = started();
  insertFor(world, 200, "a");
  world.pauseAgent("n1", 7000);
  world.until(() => world.primary() === "n2", 10_000, "a failover");
  world.run(3000);
  assert.ok(!world.nodes.get("n1")!.reports.includes("alone"));
  world.until(() => everyoneStreams(world), 30_000, "the old primary follows");
  assert.deepEqual(missingRows(world), []);
});

Deno.test("mayGoOnAlone() is for who is awake when the lease lapses, or just behind it", () => {
  const state = started().nodes.get("n1")!.state!;
  const { role, settings: { fenceMarginMs, heartbeatIntervalMs } } = state;
  assert.ok(role.kind === "leader" && role.leaseUntilMs !== null);
  const lapsedAtMs = role.leaseUntilMs;
  const after = (ms: number) =>
    mayGoOnAlone({ ...state, nowMs: lapsedAtMs + ms }, role, lapsedAtMs);
  // Its guardian has ended PostgreSQL by then, and soon the peer may be elected.
  const lateMs = Math.min(fenceMarginMs / 2, heartbeatIntervalMs);
  assert.equal(after(lateMs), true);
  assert.equal(after(lateMs + 1), false);
});

Deno.test("pair does not let a standby that stood still promote itself", () => {
  const world = started();
  world.pauseAgent("n2", 6000);
  world.crashServer("n2");
  world.run(5900);
  insertFor(world, 80, "alone");
  world.powerOff("n1");
  world.run(30_000);
  assert.equal(world.primary(), null, "n1 had gone on without it");
});

Deno.test("pair forgets which witness addresses it reached when its host was suspended", () => {
  const world = started({ witnessCount: 1 });
  world.cut("n1", "n2");
  world.until(
    () => whyNotAlone(world.nodes.get("n2")!.state!) === null,
    10_000,
    "n2 may be elected alone",
  );
  world.witnesses.set("n2", 0);
  world.suspend("n2", 5000);
  assert.match(whyNotAlone(world.nodes.get("n2")!.state!) ?? "", /witness addresses/);
});

Deno.test("pair takes a member that lost its state back", () => {
  const world = started();
  world.crash("n2");
  world.loseState("n2");
  world.start("n2");
  world.until(() => world.nodes.get("n2")!.durable.admitted, 10_000, "re-admission");
  world.until(() => everyoneStreams(world), 30_000, "streaming");
});

Deno.test("nextTerm() gives each of two members terms that the other never takes", () => {
  const members = [{ name: "b", kind: "data" }, { name: "a", kind: "data" }] as const;
  for (let term = 0; term < 10; term++) {
    const [a, b] = ["a", "b"].map((self) => nextTerm(term, { self, members }));
    assert.deepEqual([a!, b!].sort((x, y) => x - y), [term + 1, term + 2]);
    assert.equal(a! % 2, 0);
  }
});
