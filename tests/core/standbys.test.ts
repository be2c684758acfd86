import assert from "node:assert/strict";
import type { Event } from "../../src/core/event.ts";
import { type Promised, syncOf } from "../../src/core/durability.ts";
import type { Instance } from "../../src/core/record.ts";
import type { AttachedStandby, SyncSetting } from "../../src/core/server.ts";
import type { Settings } from "../../src/core/settings.ts";
import { hasReadySuccessor, initialSync } from "../../src/core/standbys.ts";
import type { LeaderRole, State } from "../../src/core/state.ts";
import {
  actionsIn,
  attachedAs,
  durableOf,
  inst,
  leaderOf,
  leaderState,
  primaryServer,
  recordOf,
  stateOf,
  take,
} from "./fixtures.ts";
import { createWorld, everyoneStreams, settingsFor } from "./world.ts";

const SOLO_PROMISE: Promised = { electable: [], required: 0 };
const SOLO = recordOf({ electable: [], required: 0 });

function sees(state: State, standbys: readonly AttachedStandby[], nowMs = 100_000) {
  const server = primaryServer("a", { standbys, insertLsn: 200n });
  const event: Event = { type: "observed", nowMs, server };
  return take(state, event);
}

/** A leader whose names `sync` are in force since LSN 50, under a committed `record`. */
function leads(sync: SyncSetting, record = recordOf(), role: Partial<LeaderRole> = {}): State {
  return leaderState({
    published: [record],
    sync: { setting: sync, barrierLsn: 50n },
    seenAtMs: {},
    ...role,
  }, { durable: durableOf({ record }) });
}

const both: SyncSetting = { names: [inst("b"), inst("c")], required: 1 };
const onlyB: SyncSetting = { names: [inst("b")], required: 1 };

Deno.test("initialSync() names every other data member that may be elected, known or not", () => {
  const durable = durableOf({ record: null });
  const state = stateOf("a", { durable, instances: { b: inst("b").incarnation } });
  assert.deepEqual(initialSync(state), {
    names: [inst("b"), { node: "c", incarnation: null }],
    required: 1,
  });
  const barred = { ...state, settings: { ...state.settings, nofailover: ["b"] } };
  assert.deepEqual(initialSync(barred).names, [{ node: "c", incarnation: null }]);
  const recorded = stateOf("a", { instances: { b: inst("b", 2).incarnation } });
  assert.deepEqual(initialSync(recorded).names, [inst("b", 2), inst("c")]);
});

Deno.test("initialSync() waits for nobody where there is nobody to wait for", () => {
  const state = stateOf("a", {}, { members: [{ name: "a", kind: "data" }] });
  assert.deepEqual(initialSync(state), { names: [], required: 0 });
});

Deno.test("stepDurability() proves the names in force before it does anything else", () => {
  const unproved = leads(both, SOLO, { sync: { setting: both, barrierLsn: null } });
  const { effects } = sees(unproved, [attachedAs("b")]);
  assert.deepEqual(actionsIn(effects), [{ type: "set_sync", sync: both }]);
  const pending = leads(both, SOLO, { pendingSync: onlyB });
  assert.deepEqual(actionsIn(sees(pending, [attachedAs("b")]).effects), [
    { type: "set_sync", sync: onlyB },
  ]);
});

Deno.test("stepDurability() narrows the names before it promises less than they wait for", () => {
  const { state, effects } = sees(leads(both, SOLO), [attachedAs("b")]);
  assert.deepEqual(actionsIn(effects), [{ type: "set_sync", sync: onlyB }]);
  assert.ok(state.role.kind === "leader");
  assert.deepEqual(state.role.pendingSync, onlyB);
  assert.equal(state.durable.record, SOLO);
});

Deno.test("stepDurability() promises a standby only once it has flushed past the barrier", () => {
  const promised = (flushedLsn: bigint) =>
    sees(leads(onlyB, SOLO), [attachedAs("b", { flushedLsn })]).state.durable.record!;
  assert.deepEqual(promised(49n), SOLO);
  assert.deepEqual(promised(50n).electable, [inst("b")]);
  assert.equal(promised(50n).required, 1);
});

Deno.test("stepDurability() takes no second step before the record is committed", () => {
  const { state } = sees(leads(onlyB, SOLO), [attachedAs("b")]);
  const again = sees(state, [attachedAs("b"), attachedAs("c")], 100_100);
  assert.equal(again.state.durable.record, state.durable.record);
  assert.deepEqual(actionsIn(again.effects), []);
});

Deno.test("stepDurability() counts only standbys that stream from their present data directory", () => {
  const record = (standby: AttachedStandby) =>
    sees(leads(onlyB, SOLO), [standby]).state.durable.record;
  assert.equal(record(attachedAs("b", { state: "catchup" })), SOLO);
  assert.equal(record(attachedAs("b", inst("b", 2))), SOLO);
  assert.equal(record({ ...attachedAs("b"), node: "x" }), SOLO);
  const nofailover = leads(onlyB, SOLO);
  const settings = { ...nofailover.settings, nofailover: ["b"] };
  assert.equal(sees({ ...nofailover, settings }, [attachedAs("b")]).state.durable.record, SOLO);
});

Deno.test("stepDurability() keeps a standby that was just there, and drops it after the lease", () => {
  const seen = (atMs: number) =>
    leads(both, recordOf(), {
      seenAtMs: { [inst("c").incarnation]: atMs },
    });
  assert.deepEqual(actionsIn(sees(seen(97_001), [attachedAs("b")]).effects), []);
  assert.deepEqual(actionsIn(sees(seen(97_000), [attachedAs("b")]).effects), [
    { type: "set_sync", sync: onlyB },
  ]);
});

Deno.test("stepDurability() never relaxes: without any standby names and record stay", () => {
  const { state, effects } = sees(leads(both), []);
  assert.deepEqual(actionsIn(effects), []);
  assert.deepEqual(state.durable, durableOf());
});

/** Node a of five leads, with these told to it and these standbys attached. */
function ofFive(
  settings: Partial<Settings>,
  record: Promised,
  attached: readonly string[],
  seenAtMs: LeaderRole["seenAtMs"] = {},
): Promised {
  const told = settingsFor(["a", "b", "c", "d", "e"], "a", settings);
  const published = recordOf({ ...record, members: told.members });
  const state = leads(syncOf(record), published, {
    seenAtMs,
    peers: Object.fromEntries(
      ["b", "c", "d", "e"].map((node) => [node, { ...leaderOf().peers.b!, instance: inst(node) }]),
    ),
  });
  const after = sees({ ...state, settings: told }, attached.map((node) => attachedAs(node)));
  const { role, durable } = after.state;
  assert.ok(role.kind === "leader");
  if (role.pendingSync !== null) {
    return { electable: role.pendingSync.names as Instance[], required: role.pendingSync.required };
  }
  return { electable: durable.record!.electable, required: durable.record!.required };
}

const ofTwo = { electable: [inst("b"), inst("c"), inst("d"), inst("e")], required: 2 };

Deno.test("stepDurability() waits for more standbys when they are there, up to the wanted number", () => {
  const one = { electable: [inst("b")], required: 1 };
  const quorum = { durability: "quorum" } as const;
  assert.deepEqual(ofFive(quorum, one, ["b", "c"]), {
    electable: [inst("b"), inst("c")],
    required: 2,
  });
  assert.deepEqual(ofFive({ ...quorum, wantedStandbys: 1 }, one, ["b", "c"]), {
    electable: [inst("b"), inst("c")],
    required: 1,
  });
});

Deno.test("stepDurability() relaxes with quorum when too few are left for a lease, and not with strict", () => {
  const recently = { [inst("c").incarnation]: 97_001 };
  const quorum = { durability: "quorum" } as const;
  assert.deepEqual(ofFive(quorum, ofTwo, ["b"], recently), {
    electable: [inst("b"), inst("c")],
    required: 2,
  });
  assert.deepEqual(ofFive(quorum, ofTwo, ["b"]), { ...ofTwo, required: 1 }, "the record first");
  assert.deepEqual(ofFive(quorum, ofTwo, []), SOLO_PROMISE);
  assert.deepEqual(ofFive({ durability: "strict" }, ofTwo, ["b"]), ofTwo);
  assert.deepEqual(ofFive({ durability: "strict" }, ofTwo, []), ofTwo);
});

Deno.test("stepDurability() with strict promises nobody before the wanted number is there", () => {
  assert.deepEqual(ofFive({ durability: "strict" }, SOLO_PROMISE, ["b"]), SOLO_PROMISE);
  assert.deepEqual(ofFive({ durability: "strict" }, SOLO_PROMISE, ["b", "c"]).required, 2);
});

Deno.test("stepDurability() with async promises nothing, and names who lags by little enough", () => {
  const lax = { durability: "async" } as const;
  const both = { electable: [inst("b"), inst("c")], required: 0 };
  assert.deepEqual(ofFive(lax, SOLO_PROMISE, ["b", "c"]), both);
  // Node a's insert position is 200, and its standbys have flushed 100.
  assert.deepEqual(ofFive({ ...lax, maximumLagBytes: 100n }, SOLO_PROMISE, ["b", "c"]), both);
  assert.deepEqual(
    ofFive({ ...lax, maximumLagBytes: 99n }, SOLO_PROMISE, ["b", "c"]),
    SOLO_PROMISE,
  );
  assert.deepEqual(ofFive(lax, both, []), SOLO_PROMISE, "nobody has been there for a lease");
});

Deno.test("stepDurability() goes from one policy to another one lawful step at a time", () => {
  const lax = { electable: [inst("b"), inst("c")], required: 0 };
  const firm = { electable: [inst("b"), inst("c")], required: 2 };
  // Names first where it tightens, and the record first where it relaxes.
  assert.deepEqual(ofFive({ durability: "quorum" }, lax, ["b", "c"]), firm);
  assert.deepEqual(ofFive({ durability: "async" }, firm, ["b", "c"]), lax);
});

Deno.test("initialSync() waits for the wanted number, or for as many as voted", () => {
  const names = ["a", "b", "c", "d", "e"];
  const five = (durability: Settings["durability"], votes: string[], record = SOLO) => {
    const settings = settingsFor(names, "a", { durability });
    const role = leaderOf({ votes });
    const durable = durableOf({ record: { ...record, members: settings.members } });
    return initialSync({ ...stateOf("a", { role, durable }), settings });
  };
  const sizes = (sync: SyncSetting) => [sync.names.length, sync.required];
  assert.deepEqual(sizes(five("strict", ["a", "b", "c"])), [4, 2]);
  assert.deepEqual(sizes(five("quorum", names)), [4, 2]);
  assert.deepEqual(sizes(five("quorum", ["a", "b"])), [1, 1]);
  assert.deepEqual(sizes(five("quorum", ["a"])), [0, 0]);
  assert.deepEqual(sizes(five("async", names)), [0, 0]);
  assert.deepEqual(sizes(five("async", names, recordOf())), [4, 1], "a promise is kept");
});

Deno.test("hasReadySuccessor() asks for enough electable standbys seen within the lease", () => {
  const ready = (role: Partial<LeaderRole>) => {
    const state = leaderState(role);
    return hasReadySuccessor({ state, effects: [], nowMs: 100_000 }, leaderOf(role));
  };
  const seen = (bAtMs: number, cAtMs: number) => ({
    seenAtMs: { [inst("b").incarnation]: bAtMs, [inst("c").incarnation]: cAtMs },
  });
  assert.equal(ready(seen(97_001, 97_001)), true);
  assert.equal(ready(seen(97_001, 97_000)), false, "with k = 1 each of the two may lack commits");
  const all = recordOf({ required: 2 });
  assert.equal(ready({ ...seen(97_001, 97_000), published: [all] }), true);
  assert.equal(ready({ ...seen(97_000, 97_000), published: [all] }), false);
  assert.equal(ready({ seenAtMs: { [inst("b", 2).incarnation]: 100_000 } }), false);
  assert.equal(ready({ ...seen(100_000, 100_000), published: [SOLO] }), false);
  const asynchronous = recordOf({ required: 0 });
  assert.equal(ready({ ...seen(100_000, 100_000), published: [asynchronous] }), false);
  assert.equal(ready({ ...seen(100_000, 100_000), committed: { term: 1, seq: 3 } }), false);
});

Deno.test("step() has commits wait for as many standbys as a changed configuration wants", () => {
  const world = createWorld(["n1", "n2", "n3"], () => ({ durability: "quorum" }));
  world.until(() => everyoneStreams(world), 40_000, "the first start");
  const required = () => world.nodes.get("n1")!.durable.record!.required;
  assert.equal(required(), 1);
  world.configure("n1", { wantedStandbys: 2 });
  world.until(() => required() === 2, 10_000, "a record that says two");
  world.configure("n1", { wantedStandbys: 1, durability: "strict" });
  world.until(() => required() === 1, 10_000, "a record that says one");
  assert.equal(world.nodes.get("n1")!.state!.settings.durability, "strict");
  assert.deepEqual(world.violations, []);
});
