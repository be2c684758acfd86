import assert from "node:assert/strict";
import type { Event } from "../../src/core/event.ts";
import type { AttachedStandby, SyncSetting } from "../../src/core/server.ts";
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

Deno.test("hasReadySuccessor() asks for an electable standby that was seen within the lease", () => {
  const ready = (role: Partial<LeaderRole>) => {
    const state = leaderState(role);
    return hasReadySuccessor({ state, effects: [], nowMs: 100_000 }, leaderOf(role));
  };
  const seen = (atMs: number) => ({ seenAtMs: { [inst("b").incarnation]: atMs } });
  assert.equal(ready(seen(97_001)), true);
  assert.equal(ready(seen(97_000)), false);
  assert.equal(ready({ seenAtMs: { [inst("b", 2).incarnation]: 100_000 } }), false);
  assert.equal(ready({ ...seen(100_000), published: [SOLO] }), false);
  assert.equal(ready({ ...seen(100_000), committed: { term: 1, seq: 3 } }), false);
});
