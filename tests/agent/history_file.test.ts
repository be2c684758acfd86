import assert from "node:assert/strict";
import { openHistoryFile } from "../../src/agent/history_file.ts";
import type { OperatorRequest } from "../../src/coordination/history.ts";

function entry(term: number): OperatorRequest {
  return {
    type: "operator",
    at: "2026-01-01T00:00:00.000Z",
    node: "node1",
    term,
    asked_by: "10.0.0.9",
    operator: null,
    tool: null,
    action: "failover",
    to: "node2",
    outcome: "succeeded",
    because: "node2 is the primary",
  };
}

async function withFolder(
  body: (
    stateDir: string,
    open: (kept?: number) => ReturnType<typeof openHistoryFile>,
    said: string[],
  ) => Promise<void>,
): Promise<void> {
  const stateDir = await Deno.makeTempDir();
  const said: string[] = [];
  const log = (_: string, event: string, fields: Readonly<Record<string, unknown>> = {}) =>
    void said.push(`${event} ${fields.because}`);
  try {
    await body(stateDir, (kept = 3) => openHistoryFile({ stateDir, log, kept }), said);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
}

const terms = (entries: readonly { term: number }[]) => entries.map(({ term }) => term);

Deno.test("openHistoryFile() keeps the newest entries across a restart", async () => {
  await withFolder(async (stateDir, open, said) => {
    const file = await open();
    assert.deepEqual(file.entries(), []);
    for (const term of [1, 2, 3, 4]) await file.add(entry(term));
    assert.deepEqual(terms(file.entries()), [2, 3, 4]);
    assert.deepEqual((await open()).entries(), [2, 3, 4].map(entry));
    const { mode } = await Deno.stat(`${stateDir}/history.jsonl`);
    assert.equal(mode! & 0o777, 0o600);
    assert.deepEqual(said, []);
  });
});

Deno.test("add() bounds the file on disk", async () => {
  await withFolder(async (stateDir, open) => {
    const file = await open();
    await Promise.all(Array.from({ length: 20 }, (_, term) => file.add(entry(term))));
    const text = await Deno.readTextFile(`${stateDir}/history.jsonl`);
    const lines = text.trimEnd().split("\n");
    assert.ok(lines.length <= 6, `${lines.length} lines`);
    assert.deepEqual(terms((await open()).entries()), [17, 18, 19]);
  });
});

Deno.test("openHistoryFile() skips what a crash cut short, and the next entry is whole", async () => {
  await withFolder(async (stateDir, open) => {
    const file = await open();
    await file.add(entry(1));
    await Deno.writeTextFile(`${stateDir}/history.jsonl`, '{"type":"oper', { append: true });
    const again = await open();
    assert.deepEqual(terms(again.entries()), [1]);
    await again.add(entry(2));
    await again.add(entry(3));
    assert.deepEqual(terms((await open()).entries()), [1, 2, 3]);
  });
});

Deno.test("add() keeps in memory what the disk does not take, and says so", async () => {
  await withFolder(async (stateDir, open, said) => {
    await Deno.mkdir(`${stateDir}/history.jsonl`);
    const file = await open();
    await file.add(entry(1));
    assert.deepEqual(terms(file.entries()), [1]);
    assert.match(said[0] ?? "", /^history_file Cannot read .*history\.jsonl/);
    assert.match(said[1] ?? "", /^history_file Cannot write .*history\.jsonl.*Free or repair/);
  });
});

Deno.test("openHistoryFile() reads entries that were written before operators had names", async () => {
  await withFolder(async (stateDir, open) => {
    const { operator: _, ...earlier } = entry(1);
    await Deno.writeTextFile(`${stateDir}/history.jsonl`, `${JSON.stringify(earlier)}\n`);
    assert.deepEqual((await open()).entries(), [{ ...entry(1), operator: null }]);
  });
});
