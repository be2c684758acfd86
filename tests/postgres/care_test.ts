/** What an inspection amounts to, and what becomes of the members' slots. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { FINDINGS, judge } from "../../src/postgres/findings.ts";
import type { Inspection, Slot } from "../../src/postgres/inspection.ts";
import { ORPHAN_MS, planSlots, type SlotFacts } from "../../src/postgres/slot_plan.ts";
import { inTurn } from "../../src/postgres/turns.ts";

const WELL: Inspection = {
  major: 15,
  role: "primary",
  position: 1000n,
  redoLsn: 500n,
  waitsForStandbys: true,
  slots: [],
  inForce: new Map([["fsync", "on"], ["full_page_writes", "on"], ["max_connections", "100"]]),
  pendingRestart: ["cluster_name", "wal_log_hints"],
  overrides: [],
  included: true,
  weakCommits: [],
  exclusiveBackup: false,
  control: {
    systemIdentifier: "1",
    clusterState: "in production",
    checkpointLsn: 1n,
    checkpointTimeline: 1,
    canRewind: true,
    walLevel: "replica",
    maxConnections: 100,
    maxWorkerProcesses: null,
    maxWalSenders: null,
    maxPreparedTransactions: null,
    maxLocksPerTransaction: null,
  },
};

const SLOT: Slot = {
  name: "metako_b",
  kind: "physical",
  active: false,
  restartLsn: 100n,
  walStatus: "reserved",
  database: null,
  failover: false,
  synced: false,
};

const inForce = (name: string, value: string) => new Map([...WELL.inForce, [name, value]]);

/** Each finding, by one change that brings it about, and what the sentence has to name. */
const CAUSES: Record<
  (typeof FINDINGS)[number]["id"],
  readonly [Partial<Inspection>, RegExp]
> = {
  fsync_off: [{ inForce: inForce("fsync", "off") }, /Set fsync = on/],
  full_page_writes_off: [{ inForce: inForce("full_page_writes", "off") }, /full_page_writes = on/],
  not_included: [{ included: false }, /does not include metako\.conf/],
  overridden: [
    {
      overrides: [{
        name: "wal_sender_timeout",
        wanted: "5s",
        found: "1h",
        source: "/data/postgresql.auto.conf:3",
      }],
    },
    /wal_sender_timeout is '1h' by \/data\/postgresql\.auto\.conf:3 and should be '5s'/,
  ],
  weak_commits: [
    { weakCommits: [{ database: "app", role: "batch", value: "off" }] },
    /synchronous_commit = off for role batch in database app/,
  ],
  standby_capacity: [
    { role: "standby", inForce: inForce("max_connections", "60") },
    /max_connections 60 instead of 100/,
  ],
  slot_lost: [
    { slots: [{ ...SLOT, walStatus: "lost" }] },
    /metako_b .*replication\.slot_retention/,
  ],
  slot_endangered: [{ slots: [{ ...SLOT, walStatus: "unreserved" }] }, /needed by metako_b/],
  needs_restart: [
    { pendingRestart: ["cluster_name", "wal_level"] },
    /bring wal_level into force.* by itself/,
  ],
  no_rewind: [{ control: { ...WELL.control!, canRewind: false } }, /wal_log_hints = on/],
  delayed_replay: [
    { role: "standby", inForce: inForce("recovery_min_apply_delay", "60000") },
    /60000 ms/,
  ],
  exclusive_backup: [{ exclusiveBackup: true }, /pg_stop_backup/],
  idle_slot_timeout: [{ inForce: inForce("idle_replication_slot_timeout", "60") }, /Set it to 0/],
  newer_release: [{ major: 19 }, /19 is newer/],
};

Deno.test("judge() finds nothing on a server in good care, in either role", () => {
  assert.deepEqual(judge(WELL), []);
  assert.deepEqual(judge({ ...WELL, role: "standby", included: null, control: null }), []);
});

Deno.test("judge() makes of each cause the one finding that names it", () => {
  for (const [id, [change, names]] of Object.entries(CAUSES)) {
    const found = judge({ ...WELL, ...change });
    assert.deepEqual(found.map((each) => each.id), [id]);
    assert.match(found[0]!.because, names);
  }
});

Deno.test("judge() finds every set of causes that can be combined", () => {
  const ids = Object.keys(CAUSES) as (keyof typeof CAUSES)[];
  const forAnyRole = ids.filter((id) => {
    const change = CAUSES[id][0];
    return !("role" in change) && id !== "slot_endangered";
  });
  fc.assert(fc.property(fc.subarray(forAnyRole), (chosen) => {
    const values = new Map(WELL.inForce);
    let seen: Inspection = WELL;
    for (const id of chosen) {
      const change = CAUSES[id][0];
      for (const [name, value] of change.inForce ?? []) {
        if (WELL.inForce.get(name) !== value) values.set(name, value);
      }
      seen = { ...seen, ...change, inForce: values };
    }
    assert.deepEqual(new Set(judge(seen).map(({ id }) => id)), new Set(chosen));
  }));
});

Deno.test("judge() shows no connection string, which may hold a password", () => {
  const name = "primary_conninfo";
  const overrides = [{ name, wanted: "host=a", found: "password=secret", source: "x.conf:1" }];
  assert.doesNotMatch(judge({ ...WELL, overrides })[0]!.because, /secret/);
});

Deno.test("judge() minds weak commits only where commits have to wait", () => {
  const weakCommits = [{ database: null, role: null, value: "off" }];
  assert.deepEqual(judge({ ...WELL, weakCommits, waitsForStandbys: false }), []);
  assert.deepEqual(judge({ ...WELL, weakCommits, role: "standby" }), []);
});

function facts(change: Partial<SlotFacts["seen"]>, more: Partial<SlotFacts> = {}): SlotFacts {
  return {
    self: "a",
    members: ["a", "b", "c"],
    seen: { role: "primary", major: 15, slots: [], position: 1000n, redoLsn: 500n, ...change },
    siblings: new Map(),
    idleMs: () => 0,
    ...more,
  };
}

const C = { ...SLOT, name: "metako_c", active: true };

Deno.test("planSlots() makes a slot for every other member, in either role", () => {
  const both = [{ do: "create", slot: "metako_b" }, { do: "create", slot: "metako_c" }];
  assert.deepEqual(planSlots(facts({})), both);
  assert.deepEqual(planSlots(facts({ role: "standby" })), both);
});

Deno.test("planSlots() keeps none on a standby that could not bound them", () => {
  const seen = { role: "standby", major: 12, slots: [SLOT, C] } as const;
  assert.deepEqual(planSlots(facts(seen)), [{ do: "drop", slot: "metako_b" }]);
  assert.deepEqual(planSlots(facts({ ...seen, role: "primary" })), []);
});

Deno.test("planSlots() makes anew what holds nothing, unless somebody uses it", () => {
  for (
    const spoilt of [{ walStatus: "lost" }, { restartLsn: null }, { restartLsn: 1001n }]
  ) {
    const slots = [{ ...SLOT, ...spoilt }, C];
    assert.deepEqual(planSlots(facts({ slots })), [{ do: "remake", slot: "metako_b" }]);
    assert.deepEqual(planSlots(facts({ slots: [{ ...slots[0]!, active: true }, C] })), []);
  }
});

Deno.test("planSlots() moves a standby's slots on to where the members are", () => {
  const slots = [SLOT, { ...C, active: false }];
  const siblings = new Map<string, bigint | "leader">([["b", "leader"], ["c", 300n]]);
  assert.deepEqual(planSlots(facts({ role: "standby", slots }, { siblings })), [
    { do: "advance", slot: "metako_b", to: 500n },
    { do: "advance", slot: "metako_c", to: 300n },
  ]);
  assert.deepEqual(planSlots(facts({ role: "primary", slots }, { siblings })), []);
});

Deno.test("planSlots() keeps the place of a member that cannot be asked", () => {
  const slots = [SLOT, C];
  assert.deepEqual(planSlots(facts({ role: "standby", slots })), []);
});

Deno.test("planSlots() never moves a slot back, nor past what is replayed", () => {
  const lsn = fc.bigInt({ min: 0n, max: 2000n });
  const other = fc.oneof(lsn, fc.constant("leader" as const), fc.constant(undefined));
  fc.assert(fc.property(lsn, lsn, fc.option(lsn), other, (restartLsn, position, redoLsn, at) => {
    const siblings = new Map<string, bigint | "leader">(at === undefined ? [] : [["b", at]]);
    const seen = { role: "standby", slots: [{ ...SLOT, restartLsn }, C], position, redoLsn };
    for (const step of planSlots(facts(seen as Partial<SlotFacts["seen"]>, { siblings }))) {
      if (step.do !== "advance") continue;
      assert.ok(step.to > restartLsn && step.to <= position);
      if (typeof at === "bigint") assert.ok(step.to <= at);
    }
  }));
});

Deno.test("planSlots() drops what belongs to no member once it is idle for long, and only ours", () => {
  const gone = { ...SLOT, name: "metako_gone" };
  const slots = [{ ...SLOT, active: true }, C, gone, { ...SLOT, name: "theirs" }, {
    ...gone,
    name: "metako_logical",
    kind: "logical" as const,
  }];
  assert.deepEqual(planSlots(facts({ slots }, { idleMs: () => ORPHAN_MS - 1 })), []);
  assert.deepEqual(planSlots(facts({ slots }, { idleMs: () => ORPHAN_MS })), [
    { do: "drop", slot: "metako_gone" },
  ]);
  const used = slots.map((slot) => ({ ...slot, active: true }));
  assert.deepEqual(planSlots(facts({ slots: used }, { idleMs: () => ORPHAN_MS })), []);
});

Deno.test("inTurn() runs one at a time in the order of asking, failures included", async () => {
  const key = {};
  const seen: string[] = [];
  const first = inTurn(key, async () => {
    seen.push("first begins");
    await Promise.resolve();
    seen.push("first ends");
    throw new Error("it failed");
  });
  const second = inTurn(key, () => Promise.resolve(seen.push("second")));
  const other = inTurn({}, () => Promise.resolve(seen.push("other")));
  await assert.rejects(first, /it failed/);
  await Promise.all([second, other]);
  assert.ok(seen.indexOf("second") > seen.indexOf("first ends"));
  assert.ok(seen.indexOf("other") < seen.indexOf("second"));
});
