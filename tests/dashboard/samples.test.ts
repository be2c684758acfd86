import assert from "node:assert/strict";
import { createSamples, KEPT_SAMPLES, sampleOf } from "../../src/dashboard/samples.ts";
import { standby, STATUS } from "./support.ts";

Deno.test("sampleOf() takes a node's numbers, and null where it does not answer", () => {
  const statuses = new Map([
    ["node1", STATUS],
    ["node2", standby("node2", { lag_bytes: 512, router: null, lsn: null })],
    ["node3", null],
  ]);
  const nothing = {
    lag_bytes: null,
    wal_bytes: null,
    sessions: null,
    waiting: null,
    connections: null,
  };
  assert.deepEqual(sampleOf(7, statuses), {
    at_ms: 7,
    nodes: {
      node1: { lag_bytes: 0, wal_bytes: 0x16B3748, sessions: 2, waiting: 0, connections: 9 },
      node2: { ...nothing, lag_bytes: 512 },
      node3: nothing,
    },
  });
});

Deno.test("createSamples() keeps an hour, and forgets the oldest", () => {
  const samples = createSamples();
  for (let at = 0; at < KEPT_SAMPLES + 5; at++) samples.add(sampleOf(at, new Map()));
  assert.equal(samples.all().length, KEPT_SAMPLES);
  assert.equal(samples.all()[0]?.at_ms, 5);
  assert.equal(samples.all().at(-1)?.at_ms, KEPT_SAMPLES + 4);
});
