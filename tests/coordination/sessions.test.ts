import assert from "node:assert/strict";
import { admit, createSessions } from "../../src/coordination/sessions.ts";
import type { RequestEnvelope } from "../../src/coordination/signature.ts";

const FIRST: RequestEnvelope = {
  sender: "node2",
  recipient: "node1",
  boot: "a".repeat(32),
  counter: 1,
  challenge: "none",
  bodyHash: "0".repeat(64),
};

function challengeFor(sessions: ReturnType<typeof createSessions>, request: RequestEnvelope) {
  const freshness = admit(sessions, request);
  assert.ok(freshness.type === "stale");
  return freshness.challenge;
}

Deno.test("admit() asks a new sender for the same challenge until it is used", () => {
  const sessions = createSessions();
  const challenge = challengeFor(sessions, FIRST);
  assert.match(challenge, /^[0-9a-f]{32}$/);
  assert.equal(challengeFor(sessions, { ...FIRST, counter: 2 }), challenge);
  assert.equal(challengeFor(sessions, { ...FIRST, challenge: "b".repeat(32) }), challenge);
});

Deno.test("admit() opens a session with the challenge, for that boot and fresh counters", () => {
  const sessions = createSessions();
  const challenge = challengeFor(sessions, FIRST);
  const inSession = { ...FIRST, challenge };
  assert.deepEqual(admit(sessions, { ...inSession, counter: 3 }), { type: "fresh" });
  assert.deepEqual(admit(sessions, { ...inSession, counter: 2 }), { type: "fresh" });
  assert.equal(admit(sessions, { ...inSession, counter: 3 }).type, "stale");
  assert.equal(admit(sessions, { ...inSession, boot: "b".repeat(32), counter: 9 }).type, "stale");
});

Deno.test("admit() uses each challenge for one session only", () => {
  const sessions = createSessions();
  const first = challengeFor(sessions, FIRST);
  admit(sessions, { ...FIRST, challenge: first, counter: 2 });
  const second = challengeFor(sessions, FIRST);
  assert.notEqual(second, first);
  assert.deepEqual(admit(sessions, { ...FIRST, challenge: second, counter: 1 }), { type: "fresh" });
  assert.equal(admit(sessions, { ...FIRST, challenge: first, counter: 3 }).type, "stale");
});

Deno.test("admit() takes a sender back whose counters went back, with a new challenge", () => {
  const sessions = createSessions();
  const challenge = challengeFor(sessions, FIRST);
  admit(sessions, { ...FIRST, challenge, counter: 5000 });
  const resumed = { ...FIRST, challenge, counter: 100 };
  const renewed = challengeFor(sessions, resumed);
  assert.deepEqual(admit(sessions, { ...resumed, challenge: renewed, counter: 101 }), {
    type: "fresh",
  });
});

Deno.test("admit() keeps senders apart", () => {
  const sessions = createSessions();
  const mine = challengeFor(sessions, FIRST);
  const theirs = challengeFor(sessions, { ...FIRST, sender: "node3" });
  assert.notEqual(mine, theirs);
  assert.equal(admit(sessions, { ...FIRST, sender: "node3", challenge: mine }).type, "stale");
});
