import assert from "node:assert/strict";
import {
  coverage,
  type Grant,
  isBetter,
  isElectable,
  objection,
} from "../../src/core/candidate.ts";
import type { Position } from "../../src/core/record.ts";
import { inst, recordOf, SYSTEM } from "./fixtures.ts";

const at = (lsn: number, timeline = 1): Position => ({ timeline, lsn: BigInt(lsn) });
const grant = (node: string, position: Position | null): Grant => ({
  instance: inst(node),
  position,
});

Deno.test("coverage() elects nobody who could lack an acknowledged commit, by enumeration", () => {
  const names = ["b", "c", "d", "e"];
  let elected = 0;
  for (let size = 1; size <= 4; size++) {
    const electable = names.slice(0, size);
    for (let required = 1; required <= size; required++) {
      const record = recordOf({ electable: electable.map((node) => inst(node)), required });
      // Each member's flushed position: 0, 1 or 2; each grants with it, without it, or not at all.
      for (let draw = 0; draw < 9 ** size; draw++) {
        const digits = electable.map((_, index) => Math.floor(draw / 9 ** index) % 9);
        const lsns = digits.map((digit) => digit % 3);
        const grants = electable.flatMap((node, index) => {
          const kind = Math.floor(digits[index]! / 3);
          if (kind === 2) return [];
          return [grant(node, kind === 0 ? at(lsns[index]!) : null)];
        });
        const own = grants.find(({ instance }) => instance?.node === "b")?.position ?? null;
        const { covered } = coverage({ record, candidate: inst("b"), position: own, grants });
        if (!covered) continue;
        elected++;
        // A commit at LSN x may be acknowledged where `required` members have flushed it.
        for (const x of [1, 2]) {
          const acknowledged = lsns.filter((lsn) => lsn >= x).length >= required;
          assert.ok(!acknowledged || lsns[0]! >= x, JSON.stringify({ size, required, digits }));
        }
      }
    }
  }
  assert.ok(elected > 1000, "and it does elect somebody");
});

Deno.test("coverage() asks for exactly |E| − k + 1 members", () => {
  const electable = ["b", "c", "d", "e"].map((node) => inst(node));
  for (let required = 1; required <= 4; required++) {
    const record = recordOf({ electable, required });
    for (let given = 1; given <= 4; given++) {
      const grants = electable.slice(0, given).map(({ node }) => grant(node, at(5)));
      const found = coverage({ record, candidate: inst("b"), position: at(5), grants });
      assert.equal(found.needed, 4 - required + 1);
      assert.equal(found.counted, given);
      assert.equal(found.covered, given >= 4 - required + 1);
    }
  }
});

Deno.test("coverage() accepts the record's own leader without any position", () => {
  const found = coverage({ record: recordOf(), candidate: inst("a"), position: null, grants: [] });
  assert.equal(found.covered, true);
});

Deno.test("coverage() takes the old leader's final position for everybody's", () => {
  const options = { record: recordOf(), candidate: inst("b"), position: at(5) };
  const own = grant("b", at(5));
  assert.equal(coverage({ ...options, grants: [own, grant("a", at(5))] }).covered, true);
  assert.equal(coverage({ ...options, grants: [own, grant("a", at(6))] }).covered, false);
  assert.equal(coverage({ ...options, grants: [own, grant("a", null)] }).covered, false);
});

Deno.test("coverage() compares positions on one timeline only, and counts data directories", () => {
  const options = { record: recordOf(), candidate: inst("b"), position: at(5) };
  const own = grant("b", at(5));
  assert.equal(coverage({ ...options, grants: [own, grant("c", at(4))] }).covered, true);
  assert.equal(coverage({ ...options, grants: [own, grant("c", at(4, 2))] }).covered, false);
  assert.equal(coverage({ ...options, grants: [own, grant("c", at(4, 0))] }).covered, false);
  const cloned = { instance: inst("c", 2), position: at(4) };
  assert.equal(coverage({ ...options, grants: [own, cloned] }).covered, false);
  const nameless = { instance: null, position: at(4) };
  assert.equal(coverage({ ...options, grants: [own, nameless] }).covered, false);
});

Deno.test("coverage() counts a member once, however often it granted", () => {
  const own = grant("b", at(5));
  const options = { record: recordOf(), candidate: inst("b"), position: at(5) };
  assert.equal(coverage({ ...options, grants: [own, own, own] }).covered, false);
});

Deno.test("coverage() elects nobody under a record that is solo or makes no sense", () => {
  const grants = [grant("b", at(5)), grant("c", at(5))];
  for (
    const change of [
      { electable: [], required: 0 },
      { required: 0 },
      { required: -1 },
      { required: 3 },
      { required: 7 },
      { required: NaN },
      { electable: [inst("c")], required: 1 },
    ]
  ) {
    const record = recordOf(change);
    const found = coverage({ record, candidate: inst("b"), position: at(5), grants });
    assert.equal(found.covered, false, JSON.stringify(change));
  }
});

Deno.test("isElectable() names data directories, not hosts", () => {
  assert.equal(isElectable(recordOf(), inst("a")), true);
  assert.equal(isElectable(recordOf(), inst("b")), true);
  assert.equal(isElectable(recordOf(), inst("a", 2)), false);
  assert.equal(isElectable(recordOf(), inst("b", 2)), false);
  assert.equal(isElectable(recordOf(), null), false);
});

Deno.test("isBetter() is a strict order wherever positions share a timeline", () => {
  const standings = ["a", "b", "c"].flatMap((node) =>
    [null, at(1), at(2)].flatMap((position) =>
      [100, 200].map((priority) => ({ node, position, priority }))
    )
  );
  for (const one of standings) {
    assert.equal(isBetter(one, one), false);
    for (const two of standings) {
      if (one.node === two.node) continue;
      assert.notEqual(isBetter(one, two), isBetter(two, one), `${one.node} and ${two.node}`);
      for (const three of standings) {
        if (three.node === one.node || three.node === two.node) continue;
        if (isBetter(one, two) && isBetter(two, three)) assert.ok(isBetter(one, three));
      }
    }
  }
});

Deno.test("objection() lets the newest record say who is electable, and in which cluster", () => {
  const given = { newest: recordOf(), candidate: inst("b"), candidateSystemIdentifier: SYSTEM };
  assert.equal(objection(given), null);
  assert.equal(objection({ ...given, newest: null }), null);
  assert.match(objection({ ...given, candidate: inst("b", 2) })!, /not electable under record 1.4/);
  assert.match(objection({ ...given, candidate: null })!, /not electable/);
  assert.match(objection({ ...given, candidateSystemIdentifier: "8" })!, /another cluster/);
});
