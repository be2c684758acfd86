import assert from "node:assert/strict";
import fc from "fast-check";
import { coverage } from "../../src/core/candidate.ts";
import {
  type DurabilitySituation,
  nextDurabilityStep,
  type Promised,
  samePromise,
  sameSync,
  satisfiesC,
  satisfiesH,
  syncOf,
} from "../../src/core/durability.ts";
import type { Instance } from "../../src/core/record.ts";
import type { SyncSetting } from "../../src/core/server.ts";
import { inst, recordOf } from "./fixtures.ts";

const STANDBYS = ["b", "c", "d", "e"].map((node) => inst(node));

/** A promise over any of the four standbys; solo, or asynchronous, now and then. */
const anyPromise: fc.Arbitrary<Promised> = fc.subarray(STANDBYS).chain((electable) =>
  fc.integer({ min: 0, max: electable.length }).map((required) => ({ electable, required }))
);
const anySync: fc.Arbitrary<SyncSetting> = anyPromise.map(syncOf);

/** Every way in which a commit can be acknowledged meets every way in which one is elected. */
function meets(sync: SyncSetting, promised: Promised): boolean {
  if (promised.required === 0) return true;
  if (sync.required === 0) return false;
  const names = sync.names as readonly Instance[];
  for (const quorum of subsets(names).filter((one) => one.length === sync.required)) {
    const inside = quorum.filter((one) => promised.electable.includes(one));
    if (inside.length < promised.required) return false;
  }
  return true;
}

function subsets<T>(of: readonly T[]): T[][] {
  return Array.from(
    { length: 2 ** of.length },
    (_, bits) => of.filter((_, index) => bits & (1 << index)),
  );
}

Deno.test("satisfiesC() is true exactly where every commit quorum holds k members of E", () => {
  for (const names of subsets(STANDBYS)) {
    for (let kp = names.length === 0 ? 0 : 1; kp <= names.length; kp++) {
      for (const electable of subsets(STANDBYS)) {
        for (let k = electable.length === 0 ? 0 : 1; k <= electable.length; k++) {
          const [sync, promised] = [{ names, required: kp }, { electable, required: k }];
          assert.equal(
            satisfiesC(sync, promised),
            meets(sync, promised),
            JSON.stringify([sync, promised]),
          );
        }
      }
    }
  }
});

Deno.test("satisfiesC() counts a name without a data directory as outside of E", () => {
  const names = [inst("b"), { node: "c", incarnation: null }];
  const promised = { electable: [inst("b"), inst("c")], required: 1 };
  assert.equal(satisfiesC({ names, required: 1 }, promised), false);
  assert.equal(satisfiesC({ names, required: 2 }, promised), true);
});

Deno.test("satisfiesH() counts members of E that flushed past the barrier, and no others", () => {
  const promised = { electable: [inst("b"), inst("c")], required: 2 };
  const at = (node: string, lsn: bigint, generation = 1) => ({
    instance: inst(node, generation),
    lsn,
  });
  assert.equal(satisfiesH(promised, 10n, [at("b", 10n), at("c", 11n)]), true);
  assert.equal(satisfiesH(promised, 10n, [at("b", 10n), at("c", 9n)]), false);
  assert.equal(satisfiesH(promised, 10n, [at("b", 10n), at("d", 99n)]), false);
  assert.equal(satisfiesH(promised, 10n, [at("b", 10n), at("c", 99n, 2)]), false);
});

Deno.test("nextDurabilityStep() takes no step that breaks C, H or S, from any lawful situation", () => {
  const situations = fc.record({
    sync: anySync,
    records: fc.array(anyPromise, { minLength: 1, maxLength: 3 }),
    flushed: fc.subarray(STANDBYS),
    desired: anyPromise,
  }).filter(({ sync, records }) => records.every((record) => satisfiesC(sync, record)));
  const seen = { publish: 0, set_sync: 0 };
  fc.assert(
    fc.property(situations, ({ sync, records, flushed, desired }) => {
      const situation: DurabilitySituation = {
        sync,
        records,
        barrierLsn: 10n,
        flushed: flushed.map((instance) => ({ instance, lsn: 10n })),
      };
      const step = nextDurabilityStep(situation, desired);
      if (step === null) return;
      seen[step.type]++;
      if (step.type === "set_sync") {
        for (const record of records) assert.ok(meets(step.sync, record), "C for the names");
        return;
      }
      const { electable, required } = step.promised;
      assert.ok(required <= electable.length);
      if (desired.required > 0) assert.ok(required > 0, "async only where that is the goal");
      assert.ok(meets(sync, step.promised), "C for the record");
      const past = electable.filter((one) => flushed.includes(one)).length;
      assert.ok(past >= required, "H");
      if (required > 0) assert.ok(sync.required > 0, "S: names before the record leaves solo");
    }),
    { numRuns: 20_000, seed: 1 },
  );
  assert.ok(seen.publish > 500 && seen.set_sync > 500, JSON.stringify(seen));
});

Deno.test("nextDurabilityStep() reaches every goal once only the goal's own standbys keep up", () => {
  const lawful = fc.tuple(anySync, anyPromise).filter(([sync, record]) => satisfiesC(sync, record));
  const seen = { lowered: 0, raised: 0, exchanged: 0 };
  fc.assert(
    fc.property(lawful, anyPromise, ([first, start], goal) => {
      let [sync, record] = [first, start];
      if (start.required > goal.required && goal.required > 0) seen.lowered++;
      if (start.required < goal.required && start.required > 0) seen.raised++;
      const kept = goal.electable.filter((one) => start.electable.includes(one)).length;
      if (kept === 0 && goal.required > 0 && start.required > 0) seen.exchanged++;
      // Those that are to be dropped are dead.
      const flushed = goal.electable.map((instance) => ({ instance, lsn: 10n }));
      for (let steps = 0;; steps++) {
        assert.ok(steps <= 4, "it does not go in circles");
        const step = nextDurabilityStep(
          { sync, records: [record], barrierLsn: 10n, flushed },
          goal,
        );
        if (step === null) break;
        if (step.type === "set_sync") sync = step.sync;
        else record = step.promised;
        assert.ok(meets(sync, record), "C after each step");
      }
      assert.ok(samePromise(record, goal), "the record");
      assert.ok(sameSync(sync, syncOf(goal)), "the names");
    }),
    { numRuns: 20_000, seed: 1 },
  );
  for (const count of Object.values(seen)) assert.ok(count > 100, JSON.stringify(seen));
});

Deno.test("nextDurabilityStep() waits for H rather than promise what is not flushed yet", () => {
  const situation = {
    sync: { names: [inst("b")], required: 1 },
    records: [{ electable: [], required: 0 }],
    barrierLsn: 10n,
  };
  const desired = { electable: [inst("b")], required: 1 };
  const behind = [{ instance: inst("b"), lsn: 9n }];
  assert.equal(nextDurabilityStep({ ...situation, flushed: behind }, desired), null);
  const past = [{ instance: inst("b"), lsn: 10n }];
  assert.deepEqual(nextDurabilityStep({ ...situation, flushed: past }, desired), {
    type: "publish",
    promised: desired,
  });
});

Deno.test("nextDurabilityStep() keeps C against records that are not known to be superseded", () => {
  const sync = { names: [inst("b"), inst("c")], required: 1 };
  const both = { electable: [inst("b"), inst("c")], required: 1 };
  const three = { electable: [inst("b"), inst("c"), inst("d")], required: 1 };
  const flushed = STANDBYS.map((instance) => ({ instance, lsn: 10n }));
  const wanted = { names: three.electable, required: 1 };
  const settled = { sync, records: [three], barrierLsn: 10n, flushed };
  assert.deepEqual(nextDurabilityStep(settled, three), { type: "set_sync", sync: wanted });
  assert.equal(nextDurabilityStep({ ...settled, records: [both, three] }, three), null);
});

/**
 * The whole of it: rows are committed, replicated and acknowledged while names and records move one
 * step at a time towards goals that change, and at any moment some candidate may be elected.
 */
Deno.test("nextDurabilityStep() never lets a lawful election miss an acknowledged commit", () => {
  const counts = { acknowledged: 0, elections: 0, records: 0 };
  const move = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ do: "commit" as const }) },
    { weight: 6, arbitrary: fc.nat(3).map((who) => ({ do: "flush" as const, who })) },
    { weight: 3, arbitrary: fc.constant({ do: "step" as const }) },
    { weight: 3, arbitrary: fc.constant({ do: "settle" as const }) },
    { weight: 1, arbitrary: anyPromise.map((goal) => ({ do: "aim" as const, goal })) },
    { weight: 2, arbitrary: fc.nat(2 ** 12 - 1).map((bits) => ({ do: "elect" as const, bits })) },
  );
  fc.assert(
    fc.property(anyPromise, fc.array(move, { minLength: 20, maxLength: 80 }), (first, moves) => {
      let insertLsn = 1n;
      const flushed = new Map(STANDBYS.map((one) => [one, 0n]));
      const waiting = new Set<bigint>();
      let safeLsn = 0n;
      let sync: SyncSetting = { names: [], required: 1 };
      let pending: SyncSetting | null = syncOf(first);
      let barrierLsn: bigint | null = null;
      let records: Promised[] = [{ electable: [], required: 0 }];
      let goal = first;
      if (first.required === 0) return;

      const acknowledge = () => {
        for (const setting of pending === null ? [sync] : [sync, pending]) {
          const names = setting.names as readonly Instance[];
          for (const lsn of waiting) {
            if (names.filter((one) => flushed.get(one)! >= lsn).length < setting.required) continue;
            waiting.delete(lsn);
            counts.acknowledged++;
            if (lsn > safeLsn) safeLsn = lsn;
          }
        }
      };

      for (const next of moves) {
        switch (next.do) {
          case "commit":
            waiting.add(++insertLsn);
            break;
          case "flush":
            flushed.set(STANDBYS[next.who]!, insertLsn);
            break;
          case "aim":
            // Going solo with names still asked for is the next form's business (S).
            if (next.goal.required > 0) goal = next.goal;
            break;
          case "settle":
            if (pending !== null) {
              [sync, pending, barrierLsn] = [pending, null, insertLsn];
            } else records = [records.at(-1)!];
            break;
          case "step": {
            if (pending !== null || barrierLsn === null || records.length > 1) break;
            const step = nextDurabilityStep({
              sync,
              records,
              barrierLsn,
              flushed: STANDBYS.map((instance) => ({ instance, lsn: flushed.get(instance)! })),
            }, goal);
            if (step?.type === "set_sync") pending = step.sync;
            if (step?.type === "publish") {
              records = [...records, step.promised];
              counts.records++;
            }
            break;
          }
          case "elect": {
            const record = recordOf(records[next.bits % records.length]!);
            const grants = STANDBYS.filter((_, index) => next.bits & (1 << (2 + index)))
              .map((instance) => ({
                instance,
                position: { timeline: 1, lsn: flushed.get(instance)! },
              }));
            for (const candidate of STANDBYS) {
              const position = { timeline: 1, lsn: flushed.get(candidate)! };
              const found = coverage({ record, candidate, position, grants });
              if (!found.covered) continue;
              counts.elections++;
              assert.ok(position.lsn >= safeLsn, "an acknowledged commit is missing");
            }
          }
        }
        acknowledge();
      }
    }),
    { numRuns: 5000, seed: 1 },
  );
  for (const count of Object.values(counts)) assert.ok(count > 1000, JSON.stringify(counts));
});
