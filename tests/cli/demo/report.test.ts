import assert from "node:assert/strict";
import { type DemoReport, judge, renderReport } from "../../../src/cli/demo/report.ts";

const GOOD: DemoReport = {
  postgresql: "15.18",
  nodes: 3,
  start_ms: 4200.4,
  crash: { from: "node1", to: "node2", outage_ms: 3801.6 },
  backends_outlived_ms: 12,
  rejoin_ms: 2500,
  switchover: { from: "node2", to: "node1", outage_ms: 640 },
  rows: {
    acknowledged: 812,
    missing: [],
    open: 2,
    open_present: 1,
    on_standbys: [{ node: "node2", rows: 813 }, { node: "node3", rows: 813 }],
    on_primary: 813,
  },
  terms: [{ term: 1, primary: "node1" }, { term: 2, primary: "node2" }],
  left_over: [],
  stopped_because: null,
};

Deno.test("judge() passes a report in which nothing is wrong", () => {
  assert.deepEqual(judge(GOOD), []);
});

Deno.test("judge() fails a report for each thing that must not be", () => {
  const bad: [Partial<DemoReport>, RegExp][] = [
    [{ rows: { ...GOOD.rows, missing: [7] } }, /^1 acknowledged rows are missing: 7\.$/],
    [{ rows: { ...GOOD.rows, missing: null } }, /did not reach its end/],
    [{ rows: { ...GOOD.rows, acknowledged: 0 } }, /nothing was proved/],
    [
      { rows: { ...GOOD.rows, on_standbys: [{ node: "node2", rows: 812 }] } },
      /^node2 holds 812 rows, the primary 813\.$/,
    ],
    [{ left_over: ["pid 7 postgres"] }, /^Processes were left over: pid 7 postgres\.$/],
    [{ crash: { from: "a", to: "b", outage_ms: null } }, /not resume after the crash/],
    [{ switchover: { from: "a", to: "b", outage_ms: null } }, /not resume after the switchover/],
    [{ rejoin_ms: null }, /did not reach its end/],
    [{ stopped_because: "node1 did not come back." }, /^node1 did not come back\.$/],
  ];
  for (const [change, pattern] of bad) {
    const faults = judge({ ...GOOD, ...change });
    assert.equal(faults.length, 1, JSON.stringify(change));
    assert.match(faults[0]!, pattern);
  }
});

Deno.test("renderReport() prints both outages, the rows and the terms", () => {
  assert.deepEqual(renderReport(GOOD).split("\n"), [
    "PostgreSQL 15.18, 3 nodes",
    "  cluster up after         4200 ms",
    "  host crash               3802 ms outage (node1 -> node2)",
    "  backends outlived it by  12 ms",
    "  killed host back after   2500 ms",
    "  switchover               640 ms outage (node2 -> node1)",
    "  rows acknowledged        812 (and 2 unanswered, 1 of them in the table)",
    "  rows missing             0",
    "  rows on standbys         node2 813, node3 813",
    "  primary of each term     1: node1, 2: node2",
    "  processes left over      0",
    "Passed.",
  ]);
});

Deno.test("renderReport() ends with every fault where it failed", () => {
  const text = renderReport({ ...GOOD, rows: { ...GOOD.rows, missing: [1, 2] } });
  assert.match(text, /\nFAILED: 2 acknowledged rows are missing: 1, 2\.$/);
  assert.doesNotMatch(text, /Passed/);
});
