import assert from "node:assert/strict";
import { createEnder, ENDINGS, mustEnd } from "../../src/agent/ending.ts";
import { CONDITION_NAMES } from "../../src/agent/condition.ts";
import { durableOf, leaderState, stateOf } from "../core/fixtures.ts";

Deno.test("mustEnd() ends nothing but what hangs or lost its files, and nothing while it leads", () => {
  for (const condition of CONDITION_NAMES) {
    for (const leads of [false, true]) {
      for (const busy of [false, true]) {
        const ends = mustEnd(condition, { leads, busy, lastedMs: 3_600_000 });
        assert.equal(ends, condition in ENDINGS && !leads && !busy, condition);
      }
    }
  }
  assert.equal(mustEnd("hung", { leads: false, busy: false, lastedMs: 29_999 }), false);
});

Deno.test("createEnder() ends once at a time, and tries again after a failure", async () => {
  const said: unknown[] = [];
  const ends: PromiseWithResolvers<{ ok: true } | { ok: false; because: string }>[] = [];
  const ender = createEnder(() => {
    ends.push(Promise.withResolvers());
    return ends.at(-1)!.promise;
  }, (level, event, fields) => void said.push([level, event, fields?.outcome]));
  const state = stateOf("b");
  const orphaned = { name: "orphaned", since_ms: 0 };
  ender.look(leaderState(), orphaned);
  ender.look(stateOf("b", { durable: durableOf({ record: null }) }), orphaned);
  ender.look(state, { name: "hung", since_ms: 10 });
  assert.equal(ends.length, 0);
  ender.look(state, orphaned);
  ender.look(state, orphaned);
  assert.equal(ends.length, 1);
  ends[0]!.resolve({ ok: false, because: "no right to" });
  await ends[0]!.promise;
  await Promise.resolve();
  ender.look(state, orphaned);
  assert.equal(ends.length, 2);
  assert.deepEqual(said, [
    ["warning", "fence", "started"],
    ["error", "fence", "failed"],
    ["warning", "fence", "started"],
  ]);
});
