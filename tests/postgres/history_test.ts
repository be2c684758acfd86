import assert from "node:assert/strict";
import fc from "fast-check";
import {
  descent,
  forkPoint,
  historyFileName,
  type Lineage,
  parseHistory,
} from "../../src/postgres/history.ts";

const upstream: Lineage = {
  timeline: 4,
  ancestors: [
    { timeline: 1, switchLsn: 100n },
    { timeline: 2, switchLsn: 200n },
  ],
};

function verdict(timeline: number, lsn: bigint, own: Lineage): string {
  return descent({ timeline, lsn }, own, upstream, 300n).verdict;
}

Deno.test("descent() accepts every end up to the switch away from an ancestor", () => {
  const first: Lineage = { timeline: 1, ancestors: [] };
  assert.equal(verdict(1, 0n, first), "prefix");
  assert.equal(verdict(1, 100n, first), "prefix");
  assert.equal(verdict(1, 101n, first), "diverged");
});

Deno.test("descent() accepts the upstream's own timeline up to its end", () => {
  assert.equal(verdict(4, 300n, upstream), "prefix");
  assert.equal(verdict(4, 301n, upstream), "diverged");
});

Deno.test("descent() refuses a timeline that is not among the upstream's", () => {
  const third: Lineage = { timeline: 3, ancestors: upstream.ancestors };
  assert.equal(verdict(3, 200n, third), "diverged");
});

Deno.test("descent() refuses the same number that was made elsewhere", () => {
  const twin: Lineage = { timeline: 2, ancestors: [{ timeline: 1, switchLsn: 90n }] };
  assert.equal(verdict(2, 95n, twin), "diverged");
  const real: Lineage = { timeline: 2, ancestors: [{ timeline: 1, switchLsn: 100n }] };
  assert.equal(verdict(2, 150n, real), "prefix");
});

Deno.test("descent() refuses a local lineage that is longer than the upstream's", () => {
  const own: Lineage = {
    timeline: 5,
    ancestors: [...upstream.ancestors, { timeline: 4, switchLsn: 250n }],
  };
  assert.equal(verdict(5, 260n, own), "diverged");
});

Deno.test("descent() says where both ends lie", () => {
  const found = descent({ timeline: 1, lsn: 0x3000528n }, { timeline: 1, ancestors: [] }, {
    timeline: 2,
    ancestors: [{ timeline: 1, switchLsn: 0x3000400n }],
  }, 0x4000000n);
  assert.deepEqual(found, {
    verdict: "diverged",
    because:
      "the local WAL reaches 0/3000528 on timeline 1, the upstream's ends at 0/3000400 there (296 bytes less)",
  });
});

Deno.test("parseHistory() reads what a history file holds, comments aside", () => {
  const text =
    "# made by a person\n1\t0/64\tno recovery target specified\n\n2\t0/C8\tbefore 2026\n";
  assert.deepEqual(parseHistory(4, text), upstream);
});

Deno.test("parseHistory() refuses what does not ascend, or reaches its own timeline", () => {
  assert.equal(parseHistory(4, "2\t0/1\tx\n1\t0/2\tx\n"), null);
  assert.equal(parseHistory(2, "2\t0/1\tx\n"), null);
  assert.equal(parseHistory(3, ""), null);
  assert.equal(parseHistory(3, "0\t0/1\tx\n"), null);
  assert.equal(parseHistory(3, "1\tnowhere\tx\n"), null);
});

Deno.test("parseHistory() never throws, whatever the bytes", () => {
  fc.assert(fc.property(fc.string(), fc.nat(), (text, timeline) => {
    const found = parseHistory(timeline, text);
    assert.ok(found === null || found.timeline === timeline);
  }));
});

Deno.test("historyFileName() has eight upper-case digits", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 0x7fffffff }), (timeline) => {
    const name = historyFileName(timeline);
    assert.match(name, /^[0-9A-F]{8}\.history$/);
    assert.equal(Number.parseInt(name, 16), timeline);
  }));
});

Deno.test("forkPoint() is the last position that both histories have", () => {
  const at = (timeline: number, switchLsn: bigint) => ({ timeline, switchLsn });
  const line = (timeline: number, ...ancestors: ReturnType<typeof at>[]) => ({
    timeline,
    ancestors,
  });
  const cases = [
    // The upstream left timeline 1, or still is on it.
    [line(1), line(2, at(1, 30n)), { timeline: 1, lsn: 30n }],
    [line(1), line(1), { timeline: 1, lsn: 90n }],
    // Both left it, at different places, or for different timelines.
    [line(2, at(1, 20n)), line(2, at(1, 30n)), { timeline: 1, lsn: 20n }],
    [line(2, at(1, 40n)), line(3, at(1, 30n)), { timeline: 1, lsn: 30n }],
    [line(2, at(1, 30n)), line(4, at(1, 30n)), { timeline: 1, lsn: 30n }],
    [line(2, at(1, 30n)), line(3, at(1, 30n), at(2, 50n)), { timeline: 2, lsn: 50n }],
    // They have nothing in common.
    [line(2), line(3), { timeline: 0, lsn: 0n }],
  ] as const;
  for (const [own, upstream, fork] of cases) {
    assert.deepEqual(forkPoint(own, upstream, 90n), fork);
  }
});
