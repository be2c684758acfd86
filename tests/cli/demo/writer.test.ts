import assert from "node:assert/strict";
import { newLedger } from "../../../src/cli/demo/ledger.ts";
import { type RowSink, startWriter } from "../../../src/cli/demo/writer.ts";

/** Runs a writer for `rows` rows; `insert` says what each one does. */
async function write(
  rows: number,
  routerCount: number,
  insert: (router: number, row: number) => Promise<void>,
) {
  const opened: number[] = [];
  const closed: number[] = [];
  let clockMs = 0;
  let done = 0;
  const routers = Array.from({ length: routerCount }, (_, router) => (): RowSink => {
    opened.push(router);
    return { insert: (row) => insert(router, row), close: () => void closed.push(router) };
  });
  const reached = Promise.withResolvers<void>();
  const writer = startWriter({
    ledger: newLedger(),
    routers,
    now: () => clockMs,
    pauseMs: 10,
    sleep: (ms) => {
      clockMs += ms;
      done += 1;
      if (done >= rows) reached.resolve();
      return new Promise((resolve) => setTimeout(resolve, 0));
    },
  });
  await reached.promise;
  await writer.stop();
  return { writer, opened, closed };
}

Deno.test("startWriter() takes the routers in turn and keeps their connections", async () => {
  const seen: [number, number][] = [];
  const { writer, opened, closed } = await write(6, 2, (router, row) => {
    seen.push([router, row]);
    return Promise.resolve();
  });
  assert.deepEqual(seen.slice(0, 4), [[1, 1], [0, 2], [1, 3], [0, 4]]);
  assert.deepEqual(opened, [1, 0]);
  assert.deepEqual(closed.sort(), [0, 1]);
  const rows = writer.ledger.acknowledged.map(({ row }) => row);
  assert.deepEqual(rows, rows.map((_, index) => index + 1));
  assert.equal(writer.lastError(), null);
});

Deno.test("startWriter() leaves a failed row open, reconnects, and never repeats it", async () => {
  const attempts: number[] = [];
  const { writer, opened } = await write(5, 1, (_router, row) => {
    attempts.push(row);
    return row === 2 ? Promise.reject(new Error("lost")) : Promise.resolve();
  });
  assert.deepEqual(writer.ledger.open, [2]);
  assert.ok(!writer.ledger.acknowledged.some(({ row }) => row === 2));
  assert.equal(new Set(attempts).size, attempts.length);
  assert.deepEqual(opened, [0, 0]);
  assert.equal(writer.lastError(), "lost");
});
