import assert from "node:assert/strict";
import {
  acknowledgedSince,
  missingRows,
  newLedger,
  outageMs,
  survivingOpenRows,
} from "../../../src/cli/demo/ledger.ts";

const at = (...times: number[]) => times.map((atMs, index) => ({ row: index + 1, atMs }));

Deno.test("outageMs() measures the longest gap that overlaps the window", () => {
  // The gap of 900 ms was over before the event, the one of 2000 ms came after the window.
  const acknowledged = at(0, 900, 910, 1400, 1410, 3410);
  assert.equal(outageMs(acknowledged, { fromMs: 905, untilMs: 1500 }), 490);
});

Deno.test("outageMs() starts the gap at the last acknowledgement before the event", () => {
  assert.equal(outageMs(at(100, 1100), { fromMs: 600, untilMs: 1500 }), 1000);
});

Deno.test("outageMs() starts at the event where nothing was acknowledged before it", () => {
  assert.equal(outageMs(at(1100), { fromMs: 600, untilMs: 1500 }), 500);
});

Deno.test("outageMs() is null where nothing was acknowledged after the event", () => {
  assert.equal(outageMs(at(1, 2, 3), { fromMs: 10, untilMs: 5000 }), null);
  assert.equal(outageMs(at(1, 2, 6000), { fromMs: 10, untilMs: 5000 }), null);
  assert.equal(outageMs([], { fromMs: 0, untilMs: 1 }), null);
});

Deno.test("outageMs() is null where a late acknowledgement came and then nothing more", () => {
  assert.equal(outageMs(at(100, 101), { fromMs: 100, untilMs: 5000 }), null);
});

Deno.test("missingRows() lists acknowledged rows only, in order", () => {
  const ledger = newLedger();
  ledger.acknowledged.push({ row: 3, atMs: 3 }, { row: 1, atMs: 4 }, { row: 2, atMs: 5 });
  ledger.open.push(4, 5);
  assert.deepEqual(missingRows(ledger, new Set([2, 5])), [1, 3]);
  assert.equal(survivingOpenRows(ledger, new Set([2, 5])), 1);
});

Deno.test("acknowledgedSince() counts what came after a moment", () => {
  const ledger = newLedger();
  ledger.acknowledged.push(...at(1, 2, 3, 4));
  assert.equal(acknowledgedSince(ledger, 2), 2);
  assert.equal(acknowledgedSince(ledger, 0), 4);
  assert.equal(acknowledgedSince(ledger, 4), 0);
});
