import assert from "node:assert/strict";
import { acknowledged, outageMs } from "./compose/ledger.ts";

const LOG = `client_1  | 2026-01-01T00:00:01.000000000Z 00:00:01  row 1 is on node1
client-1  | 2026-01-01T00:00:02.500000000Z 00:00:02  row 2: psql: error: it is gone
client-1  | 2026-01-01T00:00:04.000000000Z 00:00:04  writes go on after 3000 ms, on node2
client-1  | 2026-01-01T00:00:04.000000000Z 00:00:04  row 3 is on node2
client-1  | 2026-01-01T00:00:04.250000000Z 00:00:04  row 4 is on node2
Attaching to client_1`;

Deno.test("acknowledged() reads rows that returned, of either program's log", () => {
  const rows = acknowledged(LOG);
  assert.deepEqual(rows.map(({ number, node }) => [number, node]), [
    [1, "node1"],
    [3, "node2"],
    [4, "node2"],
  ]);
  assert.equal(rows[2]!.atMs - rows[0]!.atMs, 3250);
});

Deno.test("outageMs() is the longest gap that touches the span", () => {
  const rows = acknowledged(LOG);
  const at = (second: number) => Date.parse("2026-01-01T00:00:00Z") + second * 1000;
  assert.equal(outageMs(rows, { fromMs: at(2), toMs: at(3) }), 3000);
  assert.equal(outageMs(rows, { fromMs: at(4), toMs: at(4.2) }), 3000);
  assert.equal(outageMs(rows, { fromMs: at(4.1), toMs: at(4.25) }), 250);
  assert.equal(outageMs(rows, { fromMs: at(4.1), toMs: at(9) }), 4750);
});
