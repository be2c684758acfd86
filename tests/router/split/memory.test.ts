import assert from "node:assert/strict";
import type { Touch } from "../../../src/sql/verdict.ts";
import {
  createMemory,
  type Memory,
  noteTouches,
  takeBack,
  whyBound,
} from "../../../src/router/split/memory.ts";
import {
  quoted,
  readSettingsQuery,
  writeSettingsQuery,
} from "../../../src/router/split/settings.ts";
import { createPositions } from "../../../src/router/split/positions.ts";

function after(...touches: Touch[]): Memory {
  const memory = createMemory();
  noteTouches(memory, touches);
  if (memory.values === null && memory.bound.size === 0) memory.values = new Map();
  return memory;
}

const BINDS: readonly Touch[] = [
  { type: "temporary" },
  { type: "held_cursor" },
  { type: "advisory_lock" },
  { type: "listen" },
  { type: "opaque" },
  { type: "prepared", name: "p" },
  { type: "setting", name: "seed" },
];
for (const touch of BINDS) {
  Deno.test(`noteTouches() binds a session to its primary by ${JSON.stringify(touch)}`, () => {
    assert.notEqual(whyBound(after(touch)), null);
    const memory = after(touch, { type: "everything" });
    // Whether a DISCARD ALL comes to anything is known once it was answered.
    assert.notEqual(whyBound(memory), null);
    takeBack(memory, "everything");
    memory.values = new Map();
    assert.equal(whyBound(memory), null);
  });
}

Deno.test("noteTouches() keeps reads on the primary after what cannot be seen into", () => {
  assert.equal(after({ type: "listen" }).opaque, null);
  for (const type of ["opaque", "temporary"] as const) {
    assert.notEqual(after({ type }).opaque, null);
    const memory = after({ type }, { type: "everything" });
    takeBack(memory, "everything");
    assert.equal(memory.opaque, null);
  }
});

Deno.test("noteTouches() lets a session go on everywhere that is trusted, but for temporary tables", () => {
  const memory = createMemory(true);
  noteTouches(memory, [{ type: "opaque" }]);
  assert.deepEqual([memory.opaque, whyBound(memory), memory.generation], [null, null, 0]);
  noteTouches(memory, [{ type: "temporary" }]);
  assert.notEqual(memory.opaque, null);
});

Deno.test("whyBound() lets a session move only while its settings are known", () => {
  const memory = createMemory();
  assert.equal(whyBound(memory), null);
  noteTouches(memory, [{ type: "setting", name: "work_mem" }]);
  assert.match(whyBound(memory)!, /settings are not known/);
  memory.values = new Map([["work_mem", "8MB"]]);
  assert.equal(whyBound(memory), null);
  noteTouches(memory, [{ type: "all_settings" }]);
  assert.equal(memory.values, null);
});

Deno.test("takeBack() forgets one prepared statement, or all of them", () => {
  const [p, q] = [{ type: "prepared", name: "p" }, { type: "prepared", name: "q" }] as const;
  const memory = after(p, q, { type: "deallocated", name: "p" });
  assert.equal(memory.prepared.size, 2);
  takeBack(memory, { name: "p" });
  assert.deepEqual([...memory.prepared], ["q"]);
  assert.notEqual(whyBound(memory), null);
  noteTouches(memory, [p]);
  takeBack(memory, { name: null });
  assert.equal(whyBound(memory), null);
});

Deno.test("the queries about settings quote names and values, and set the role before the rest", () => {
  assert.equal(quoted("a'b\\c"), "E'a''b\\\\c'");
  assert.match(readSettingsQuery(["a'b"]), /E'a''b'/);
  const text = writeSettingsQuery(
    new Map([["work_mem", "8MB"], ["role", "app"], ["session_authorization", "boss"]]),
  );
  const order = [...text.matchAll(/set_config\(E'(\w+)'/g)].map(([, name]) => name);
  assert.deepEqual(order, ["session_authorization", "role", "work_mem"]);
});

Deno.test("createPositions() compares within one term, and by when the primary was asked", () => {
  const positions = createPositions();
  positions.sampled({ term: 3, askedAtMs: 100, lsn: 50n });
  assert.equal(positions.sampleSince(101, 3), null);
  assert.equal(positions.sampleSince(100, 4), null);
  assert.equal(positions.sampleSince(100, 3)?.lsn, 50n);
  positions.sampled({ term: 3, askedAtMs: 90, lsn: 60n });
  assert.equal(positions.sampleSince(0, 3)?.lsn, 50n);
  positions.replayed("b", 3, 50n);
  positions.replayed("b", 3, 40n);
  assert.equal(positions.hasReplayed("b", 3, 50n), true);
  assert.equal(positions.hasReplayed("b", 3, 51n), false);
  assert.equal(positions.hasReplayed("b", 4, 1n), false);
  assert.equal(positions.hasReplayed("c", 3, 1n), false);
});
