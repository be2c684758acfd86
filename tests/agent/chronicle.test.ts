import assert from "node:assert/strict";
import { createChronicle } from "../../src/agent/chronicle.ts";
import type { Decision } from "../../src/core/effect.ts";
import type { FollowerRole, LeaderRole, State } from "../../src/core/state.ts";
import { describe } from "../../src/core/view.ts";
import {
  durableOf,
  inst,
  leaderState,
  recordOf,
  standbyServer,
  stateOf,
} from "../core/fixtures.ts";

const NOW_MS = 100_000;

/** Node b follows `leader` in `term`, and last heard it at `heardAtMs`. */
function following(term: number, leader: string | null, heardAtMs = NOW_MS): State {
  const durable = durableOf({
    term,
    record: recordOf({ term, leader: inst(leader ?? "a"), timeline: term }),
  });
  const state = stateOf("b", { durable, server: standbyServer("b") });
  const role: FollowerRole = {
    ...state.role as FollowerRole,
    leader,
    leaderContact: { host: leader ?? "", port: 5432 },
    writable: leader !== null,
    heardAtMs,
  };
  return { ...state, role };
}

function decision(event: string, change: Partial<Decision> = {}): Decision {
  return { event, outcome: "done", because: `because of ${event}`, ...change };
}

/** A chronicle of node b that has seen node a lead term 1 at {@linkcode NOW_MS}. */
function afterTermOne() {
  const chronicle = createChronicle({ term: 1, to: "a" });
  const look = (state: State, nowMs: number) =>
    chronicle.look(state, describe(state, nowMs), nowMs);
  assert.equal(look(following(1, "a"), NOW_MS), null);
  return { chronicle, look };
}

Deno.test("look() writes the first primary down that it ever sees", () => {
  const chronicle = createChronicle(null);
  const state = following(1, "a");
  chronicle.note(decision("vote", { outcome: "granted" }));
  assert.deepEqual(chronicle.look(state, describe(state, NOW_MS), NOW_MS), {
    node: "b",
    term: 1,
    timeline: 1,
    from: null,
    to: "a",
    kind: "first",
    rule: "vote",
    because: "because of vote",
    votes: null,
    outage_ms: null,
    loss: null,
    loss_because: null,
    asked_by: null,
    operator: null,
    tool: null,
  });
  assert.equal(chronicle.look(state, describe(state, NOW_MS + 1), NOW_MS + 1), null);
});

Deno.test("look() measures an outage from the last sign of the old primary", () => {
  const { chronicle, look } = afterTermOne();
  assert.equal(look(following(1, "a", NOW_MS + 500), NOW_MS + 700), null);
  chronicle.note(decision("leader_lost", { outcome: "noted" }));
  assert.equal(look(following(1, null), NOW_MS + 4000), null);
  assert.deepEqual(chronicle.counts(NOW_MS + 5000), { outages: 0, outageMs: 0, runningMs: 4500 });
  chronicle.note(decision("vote", { outcome: "granted", because: "the promise is over" }));
  const change = look(following(2, "c", NOW_MS + 6000), NOW_MS + 6000);
  assert.equal(change?.outage_ms, 5500);
  assert.deepEqual([change?.from, change?.to, change?.kind], ["a", "c", "unplanned"]);
  assert.deepEqual([change?.rule, change?.because], ["leader_lost", "because of leader_lost"]);
  assert.deepEqual(chronicle.counts(NOW_MS + 7000), {
    outages: 1,
    outageMs: 5500,
    runningMs: null,
  });
});

Deno.test("look() counts an outage of the same primary, and writes nothing down", () => {
  const { chronicle, look } = afterTermOne();
  chronicle.note(decision("server_died"));
  assert.equal(look(following(1, null), NOW_MS + 100), null);
  assert.equal(look(following(1, "a", NOW_MS + 900), NOW_MS + 900), null);
  assert.equal(chronicle.counts(NOW_MS + 900).outageMs, 900);
  // What led to nothing then is no reason of what comes later.
  look(following(2, "c", NOW_MS + 950), NOW_MS + 950);
  const change = look(following(3, "a", NOW_MS + 990), NOW_MS + 990);
  assert.equal(change?.rule, null);
});

Deno.test("look() calls a change planned where a handover was part of it, on each node", () => {
  for (
    const noted of [
      decision("handover"),
      decision("vote", { outcome: "granted", because: "handover" }),
      decision("campaign", { outcome: "started", because: "handover" }),
    ]
  ) {
    const { chronicle, look } = afterTermOne();
    chronicle.note(noted);
    assert.equal(look(following(2, "c"), NOW_MS)?.kind, "planned");
  }
  const { chronicle, look } = afterTermOne();
  chronicle.note(decision("handover", { outcome: "failed" }));
  assert.equal(look(following(2, "c"), NOW_MS)?.kind, "unplanned");
});

/** Node a leads `term`, elected by itself and b. */
function leading(term: number, role: Partial<LeaderRole> = {}): State {
  return leaderState({ votes: ["a", "b"], leaseUntilMs: NOW_MS + 9000, ...role }, {
    durable: durableOf({ term, record: recordOf({ term }) }),
  });
}

Deno.test("look() on the new primary knows the votes and what may be lost", () => {
  const look = (state: State, ...noted: Decision[]) => {
    const chronicle = createChronicle({ term: 1, to: "b" });
    noted.forEach(chronicle.note);
    return chronicle.look(state, describe(state, NOW_MS), NOW_MS);
  };
  const safe = look(leading(2), decision("elected"));
  assert.deepEqual([safe?.votes, safe?.loss], [["a", "b"], "none"]);
  const possibleLoss = { fromLsn: 100n, knownBytes: 5n, heardAgoMs: 20 };
  const lossy = look(leading(2, { possibleLoss }));
  assert.equal(lossy?.loss, "possible");
  assert.match(lossy?.loss_because ?? "", /^commits after 0\/64 may be lost/);
  const forced = look(
    leading(2),
    decision("leader_lost"),
    decision("forced", { because: "an operator accepted it", fields: { loss: "possible" } }),
  );
  assert.deepEqual([forced?.kind, forced?.rule, forced?.loss], ["forced", "forced", "possible"]);
  const covered = look(leading(2), decision("forced", { fields: { loss: "none" } }));
  assert.deepEqual([covered?.kind, covered?.loss], ["forced", "none"]);
});

Deno.test("look() names who asked, where it is what was asked for that came about", () => {
  const { chronicle, look } = afterTermOne();
  chronicle.asked({ source: "10.0.0.9", operator: "alice@ops1", tool: null, to: "c" });
  const change = look(following(2, "c"), NOW_MS);
  assert.deepEqual([change?.asked_by, change?.operator], ["10.0.0.9", "alice@ops1"]);
  chronicle.asked({ source: "10.0.0.9", operator: "alice@ops1", tool: null, to: "c" });
  assert.equal(look(following(3, "a"), NOW_MS)?.asked_by, null);
});
