import assert from "node:assert/strict";
import { agreed, majoritySize, newestAgreementMs } from "../../src/core/quorum.ts";
import { MEMBERS } from "./fixtures.ts";

Deno.test("majoritySize() makes any two majorities share a member, whatever is configured", () => {
  for (let members = 1; members <= 9; members++) {
    for (let minimum = 0; minimum <= 12; minimum++) {
      const size = majoritySize(members, minimum);
      assert.ok(2 * size > members, `${size} of ${members}`);
      assert.ok(size <= members, `${size} of ${members} can never be reached`);
      assert.ok(size >= Math.min(minimum, members));
    }
  }
});

Deno.test("agreed() counts every member once and strangers never", () => {
  assert.equal(agreed(MEMBERS, ["a", "b"], 2), true);
  assert.equal(agreed(MEMBERS, ["a", "a", "a"], 2), false);
  assert.equal(agreed(MEMBERS, ["a", "x", "y"], 2), false);
  assert.equal(agreed(MEMBERS, [], 0), true);
});

Deno.test("newestAgreementMs() is the latest moment that enough members had reached, by trial", () => {
  const times = [5, 30, 30, 70, 100];
  for (let subset = 0; subset < 2 ** times.length; subset++) {
    const given = times.filter((_, index) => subset & (1 << index));
    for (let needed = 1; needed <= 5; needed++) {
      const reached = given.filter((atMs) =>
        given.filter((other) => other >= atMs).length >= needed
      );
      const expected = reached.length === 0 ? null : Math.max(...reached);
      assert.equal(newestAgreementMs(given, needed), expected, `${needed} of ${given}`);
    }
  }
});
