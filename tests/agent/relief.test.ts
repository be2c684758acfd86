import assert from "node:assert/strict";
import type { NodeHealth } from "../../src/coordination/health.ts";
import { relieved } from "../../src/agent/relief.ts";
import {
  durableOf,
  inst,
  leaderState,
  primaryServer,
  recordOf,
  stateOf,
} from "../core/fixtures.ts";
import { STATUS } from "../coordination/support.ts";

const PRIMARY = primaryServer("a");
const FULL = "the disk under /data";
const LEADER = leaderState({}, {
  durable: durableOf({ record: recordOf({ electable: [inst("b")] }) }),
});

function peer(node: string, change: { freeBytes?: number; agent?: NodeHealth["agent"] } = {}) {
  const { freeBytes = 128 * 1024 ** 2, agent = "ok" } = change;
  const disk = { path: "/x", free_bytes: 200 * 1024 ** 2, total_bytes: 1e12, low: true };
  const disks = [
    { ...disk, folder: "state" as const, free_bytes: 0 },
    { ...disk, folder: "data" as const },
    { ...disk, folder: "wal" as const, free_bytes: freeBytes },
  ];
  return {
    node,
    agent,
    consecutiveFailures: 0,
    lastSeenMsAgo: 0,
    status: { ...STATUS, disks },
    because: null,
  };
}

Deno.test("relieved() gives way where the disk is full and an electable standby has room", () => {
  assert.deepEqual(relieved(PRIMARY, { state: LEADER, full: FULL, peers: [peer("b")] }), {
    state: "unresponsive",
    because: "the disk under /data is full, so that nothing can be written",
  });
});

Deno.test("relieved() changes nothing where nothing would be gained by it", () => {
  const given = { state: LEADER, full: FULL, peers: [peer("b")] };
  const cases = [
    { ...given, full: null },
    { ...given, state: stateOf("a") },
    { ...given, peers: [] },
    { ...given, peers: [peer("c")] },
    { ...given, peers: [peer("b", { freeBytes: 128 * 1024 ** 2 - 1 })] },
    { ...given, peers: [peer("b", { agent: "unhealthy" })] },
    { ...given, peers: [{ ...peer("b"), status: null }] },
    { ...given, peers: [{ ...peer("b"), status: { ...STATUS, disks: [] } }] },
  ];
  for (const sources of cases) assert.equal(relieved(PRIMARY, sources), PRIMARY);
  const starting = { state: "starting", because: "x" } as const;
  assert.equal(relieved(starting, given), starting);
});
