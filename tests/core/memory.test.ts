/**
 * What becomes of a vote whose voter has forgotten it. (docs/decisions/2026-11-25-votes-carry-a-memory.md)
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Effect } from "../../src/core/effect.ts";
import type { Event } from "../../src/core/event.ts";
import type { Answer, Request } from "../../src/core/message.ts";
import { majoritySize } from "../../src/core/quorum.ts";
import { fingerprint } from "../../src/core/record.ts";
import type { State } from "../../src/core/state.ts";
import {
  answerIn,
  durableOf,
  heartbeatOf,
  inst,
  leaderState,
  primaryServer,
  recordOf,
  request,
  standbyServer,
  stateOf,
  take,
} from "./fixtures.ts";
import { settingsFor } from "./world.ts";

/** Two data members, a and b, and three witnesses: three votes elect. */
const NAMES = ["a", "b", "w1", "w2", "w3"];
const MEMBERS = settingsFor(NAMES, "a").members;
const FINGERPRINT = fingerprint(MEMBERS);
const RECORD = recordOf({ members: MEMBERS, electable: [inst("b")] });

function member(name: string, change: Partial<State> = {}): State {
  const state = stateOf(name, {
    durable: durableOf({ record: RECORD, memory: name.padStart(8, "0").replace("w", "c") }),
    server: name === "b" ? standbyServer("b") : { state: "absent" },
    ...change,
  });
  return { ...state, settings: settingsFor(NAMES, name) };
}

function sentTo(effects: readonly Effect[], to: string): Request {
  const found = effects.find((effect) => effect.type === "send" && effect.to === to);
  assert.ok(found?.type === "send", `nothing is sent to ${to}`);
  return found.message;
}

/** Gives `state` the answer of `from` to what it last sent there. */
function hears(state: State, from: string, message: Answer, nowMs: number) {
  const found = Object.entries(state.outstanding).findLast(([, sent]) => sent.to === from);
  assert.ok(found !== undefined, `nothing was asked of ${from}`);
  return take(state, { type: "answer", nowMs, request: Number(found[0]), from, message });
}

/** Node b asks for votes in term 2, and its own position is final. */
function campaigning(): { state: State; vote: Request } {
  const idle = { ...member("b"), campaignFailure: "it has asked before" };
  let step = take({ ...idle, role: { ...idle.role, campaignAtMs: 0 } as State["role"] }, {
    type: "tick",
    nowMs: 100_000,
  });
  const agree: Answer = {
    type: "pre_vote_answer",
    term: 1,
    granted: true,
    because: "",
    record: RECORD,
  };
  for (const name of ["w1", "w2", "w3"]) step = hears(step.state, name, agree, 100_001);
  step = hears(step.state, "a", { ...agree, granted: false }, 100_001);
  const vote = sentTo(step.effects, "w1");
  assert.equal(vote.type, "vote");
  const revoked: Event = {
    type: "action_done",
    nowMs: 100_002,
    operation: step.state.operation!.id,
    result: { type: "revoked", position: { timeline: 1, lsn: 100n } },
  };
  return { state: take(step.state, revoked).state, vote };
}

Deno.test("step() counts no vote that its voter forgot before a leader of an older term took it back", () => {
  const { state: candidate, vote } = campaigning();

  // w1 votes for b, loses its state file, and hears the leader of term 1 again.
  const given = take(member("w1"), request("b", vote, 100_003));
  const forgotten = answerIn(given.effects)!;
  const lost = durableOf({ term: 0, votedFor: null, record: null, admitted: false, memory: null });
  const reborn = take(
    member("w1", { durable: lost }),
    request("a", heartbeatOf({ record: RECORD, fingerprint: FINGERPRINT }), 100_010),
  );
  const asks = answerIn(reborn.effects)!;
  assert.ok(asks.type === "heartbeat_answer" && !asks.admitted && asks.memory !== null);

  // The leader names the new memory in a record; only when w2 and w3 hold it is w1 taken back.
  const acked = { ackedSentAtMs: 100_000, persisted: { term: 1, seq: 4 }, admitted: true };
  const peer = (name: string) => ({
    ...acked,
    lost: null,
    memory: null,
    heardSentAtMs: 100_000,
    proposes: FINGERPRINT,
    instance: name === "b" ? inst("b") : null,
  });
  const leading = leaderState({
    published: [RECORD],
    peers: { b: peer("b"), w1: peer("w1"), w2: peer("w2"), w3: peer("w3") },
  });
  let leader = take(
    {
      ...leading,
      settings: settingsFor(NAMES, "a"),
      durable: durableOf({ record: RECORD }),
      server: primaryServer("a"),
    },
    { type: "tick", nowMs: 100_500 },
  );
  leader = hears(leader.state, "w1", asks, 100_510);
  const naming = sentTo(leader.effects, "w2");
  assert.ok(naming.type === "heartbeat" && naming.record?.seq === 5);
  assert.equal(naming.admit, false);
  const voters = new Map(["w2", "w3"].map((name) => {
    const held = take(member(name), request("a", naming, 100_520));
    leader = hears(leader.state, name, answerIn(held.effects)!, 100_530);
    return [name, held.state];
  }));
  leader = take(leader.state, { type: "tick", nowMs: 101_030 });
  const offer = sentTo(leader.effects, "w1");
  assert.ok(offer.type === "heartbeat" && offer.admit);
  assert.equal(take(reborn.state, request("a", offer, 101_040)).state.durable.admitted, true);

  // The vote request that was on its way to w2 all the time arrives, and w2 grants it.
  const late = take(voters.get("w2")!, request("b", vote, 104_900));
  const granted = answerIn(late.effects)!;
  assert.ok(granted.type === "vote_answer" && granted.granted);

  const counted = hears(hears(candidate, "w1", forgotten, 100_004).state, "w2", granted, 101_100);
  assert.equal(counted.state.role.kind, "candidate", "b, w2, and one that knows of no vote");
});

Deno.test("every majority with a forgotten vote meets those who hold the record that names the new memory", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 7 }),
      fc.nat({ max: 7 }),
      fc.nat({ max: 127 }),
      fc.nat({ max: 127 }),
      (members, minimum, electing, holding) => {
        const needed = majoritySize(members, minimum);
        const others = 2 ** (members - 1) - 1;
        const size = (set: number) =>
          [...(set & others).toString(2)].filter((bit) => bit === "1").length;
        // One more vote is the forgotten one; it is never among those who hold the record.
        if (size(electing) + 1 < needed || size(holding) < members - needed + 1) return;
        assert.notEqual(electing & holding & others, 0);
      },
    ),
    { numRuns: 20_000 },
  );
});

Deno.test("step() begins a new memory where a newer record names another than its own", () => {
  const members = MEMBERS.map((entry) =>
    entry.name === "w1" ? { ...entry, memory: "0000beef" } : entry
  );
  const record = { ...RECORD, seq: 5, members };
  const own = member("w1");
  const heartbeat = heartbeatOf({ record, fingerprint: FINGERPRINT });
  const { state } = take(own, request("a", heartbeat));
  assert.equal(state.durable.admitted, false);
  assert.notEqual(state.durable.memory, own.durable.memory);
  assert.notEqual(state.durable.memory, "0000beef");
});
