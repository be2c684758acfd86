import assert from "node:assert/strict";
import type { StandbyFacts } from "../../src/postgres/facts.ts";
import { type LookFacts, UNASKED } from "../../src/postgres/look.ts";
import { observationOf, observed } from "../../src/postgres/observe.ts";
import type { RoleSettings } from "../../src/postgres/settings.ts";

const facts: StandbyFacts = {
  systemIdentifier: "7",
  dataDir: "/data",
  role: "standby",
  receivedLsn: 90n,
  replayedLsn: 80n,
  replayPaused: false,
  receiver: { status: "streaming", host: "10.0.0.2", port: 5432 },
  namesUpstream: true,
  receiverPid: 4,
  startupWaitsFor: null,
};
const role: RoleSettings = {
  role: "standby",
  following: { node: "b", host: "10.0.0.2", port: 5432 },
};

function standby(changed: Partial<StandbyFacts>, settings: RoleSettings | null = role) {
  const sight = {
    ok: true,
    facts: { ...facts, ...changed },
    position: { timeline: 3, lsn: 90n },
  } as const;
  const seen = observationOf(sight, "0000000a", settings);
  assert.equal(seen.state, "standby");
  return seen as Extract<typeof seen, { state: "standby" }>;
}

Deno.test("observationOf() takes the larger of received and replayed, on the server's timeline", () => {
  assert.deepEqual(standby({}).position, { timeline: 3, lsn: 90n });
  assert.deepEqual(standby({ replayedLsn: 95n }).position, { timeline: 3, lsn: 95n });
});

Deno.test("observationOf() names the upstream only while WAL comes from where the settings say", () => {
  assert.equal(standby({}).streamingFrom, "b");
  const waiting = { status: "waiting", host: "10.0.0.2", port: 5432 };
  assert.equal(standby({ receiver: waiting }).streamingFrom, null);
  const elsewhere = { status: "streaming", host: "10.0.0.3", port: 5432 };
  assert.equal(standby({ receiver: elsewhere }).streamingFrom, null);
  assert.equal(standby({ receiver: null }).streamingFrom, null);
  assert.equal(standby({}, null).streamingFrom, null);
});

Deno.test("observationOf() follows nobody where the server's settings name nobody", () => {
  assert.equal(standby({}).following, "b");
  assert.equal(standby({ namesUpstream: false }).following, null);
});

Deno.test("observed() puts a finding into the core's terms", () => {
  const primary = { state: "unresponsive", because: "stands for a primary" } as const;
  const state = (facts: Partial<LookFacts>, before: typeof primary | null = null) =>
    observed({ ...UNASKED, ...facts }, { because: "x", before }).server;
  assert.deepEqual(state({ fresh: "cannot_now" }), { state: "starting", because: "x" });
  assert.deepEqual(state({ fresh: "refused" }), { state: "starting", because: "x" });
  assert.deepEqual(state({ fresh: "silent" }), { state: "unresponsive", because: "x" });
  assert.deepEqual(state({ process: "orphaned" }), { state: "refused", because: "x" });
  assert.deepEqual(state({ process: "none", data: "unfinished" }), { state: "absent" });
  // Too many connections are no reason to end a primary, and no news where nothing was known.
  assert.equal(state({ fresh: "crowded" }, primary), primary);
  assert.deepEqual(state({ fresh: "crowded" }), { state: "starting", because: "x" });
});
