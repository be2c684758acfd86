import assert from "node:assert/strict";
import fc from "fast-check";
import {
  compareRecords,
  fingerprint,
  includesInstance,
  isVirgin,
  newerRecord,
  type RecordMark,
  sameInstance,
} from "../../src/core/record.ts";
import { inst, MEMBERS, recordOf } from "./fixtures.ts";

Deno.test("sameInstance() tells two data directories of one host apart", () => {
  assert.equal(sameInstance(inst("a"), inst("a")), true);
  assert.equal(sameInstance(inst("a"), inst("a", 2)), false);
  assert.equal(sameInstance(inst("a"), { ...inst("a"), node: "b" }), false);
});

Deno.test("includesInstance() looks for the data directory, not for the host", () => {
  assert.equal(includesInstance([inst("a"), inst("b")], inst("b")), true);
  assert.equal(includesInstance([inst("a"), inst("b", 2)], inst("b")), false);
  assert.equal(includesInstance([], inst("b")), false);
});

Deno.test("compareRecords() orders by term, then by seq, and absence before everything", () => {
  const inOrder: (RecordMark | null)[] = [
    null,
    { term: 0, seq: 9 },
    { term: 1, seq: 1 },
    { term: 1, seq: 2 },
    { term: 2, seq: 0 },
  ];
  inOrder.forEach((a, i) =>
    inOrder.forEach((b, j) => {
      assert.equal(Math.sign(compareRecords(a, b)), Math.sign(i - j), JSON.stringify([a, b]));
    })
  );
});

Deno.test("newerRecord() keeps the first of two that are equally new", () => {
  const [one, same] = [recordOf(), recordOf()];
  assert.equal(newerRecord(one, same), one);
  assert.equal(newerRecord(one, null), one);
  assert.equal(newerRecord(null, one), one);
  assert.equal(newerRecord(null, null), null);
  const newer = recordOf({ term: 2, seq: 1 });
  assert.equal(newerRecord(one, newer), newer);
});

Deno.test("isVirgin() is true until a PostgreSQL was initialised under the record", () => {
  assert.equal(isVirgin(null), true);
  assert.equal(isVirgin(recordOf({ systemIdentifier: null })), true);
  assert.equal(isVirgin(recordOf()), false);
});

Deno.test("fingerprint() is the same for any order of members, and for no other list", () => {
  fc.assert(fc.property(fc.shuffledSubarray([...MEMBERS], { minLength: 3 }), (shuffled) => {
    assert.equal(fingerprint(shuffled), fingerprint(MEMBERS));
  }));
  assert.notEqual(fingerprint(MEMBERS.slice(1)), fingerprint(MEMBERS));
  assert.notEqual(
    fingerprint(MEMBERS.map((member) => ({ ...member, kind: "witness" as const }))),
    fingerprint(MEMBERS),
  );
  // A separator inside a name must not make two lists look alike.
  assert.notEqual(
    fingerprint([{ name: 'a","data"],["b', kind: "data" }]),
    fingerprint([{ name: "a", kind: "data" }, { name: "b", kind: "data" }]),
  );
});
