import assert from "node:assert/strict";
import { admit, createSessions, OPERATOR_SESSION_MS } from "../../src/coordination/sessions.ts";
import type { RequestEnvelope } from "../../src/coordination/signature.ts";

const FIRST: RequestEnvelope = {
  sender: "node2",
  recipient: "node1",
  boot: "a".repeat(32),
  counter: 1,
  challenge: "none",
  bodyHash: "0".repeat(64),
};

const NOW_MS = 5000;

function challengeFor(sessions: ReturnType<typeof createSessions>, request: RequestEnvelope) {
  const freshness = admit(sessions, request, NOW_MS);
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
  assert.deepEqual(admit(sessions, { ...inSession, counter: 3 }, NOW_MS), { type: "fresh" });
  assert.deepEqual(admit(sessions, { ...inSession, counter: 2 }, NOW_MS), { type: "fresh" });
  assert.equal(admit(sessions, { ...inSession, counter: 3 }, NOW_MS).type, "stale");
  assert.equal(
    admit(sessions, { ...inSession, boot: "b".repeat(32), counter: 9 }, NOW_MS).type,
    "stale",
  );
});

Deno.test("admit() uses each challenge for one session only", () => {
  const sessions = createSessions();
  const first = challengeFor(sessions, FIRST);
  admit(sessions, { ...FIRST, challenge: first, counter: 2 }, NOW_MS);
  const second = challengeFor(sessions, FIRST);
  assert.notEqual(second, first);
  assert.deepEqual(admit(sessions, { ...FIRST, challenge: second, counter: 1 }, NOW_MS), {
    type: "fresh",
  });
  assert.equal(admit(sessions, { ...FIRST, challenge: first, counter: 3 }, NOW_MS).type, "stale");
});

Deno.test("admit() takes a sender back whose counters went back, with a new challenge", () => {
  const sessions = createSessions();
  const challenge = challengeFor(sessions, FIRST);
  admit(sessions, { ...FIRST, challenge, counter: 5000 }, NOW_MS);
  const resumed = { ...FIRST, challenge, counter: 100 };
  const renewed = challengeFor(sessions, resumed);
  assert.deepEqual(admit(sessions, { ...resumed, challenge: renewed, counter: 101 }, NOW_MS), {
    type: "fresh",
  });
});

Deno.test("admit() keeps senders apart", () => {
  const sessions = createSessions();
  const mine = challengeFor(sessions, FIRST);
  const theirs = challengeFor(sessions, { ...FIRST, sender: "node3" });
  assert.notEqual(mine, theirs);
  assert.equal(
    admit(sessions, { ...FIRST, sender: "node3", challenge: mine }, NOW_MS).type,
    "stale",
  );
});

const OPERATOR: RequestEnvelope = { ...FIRST, sender: "@operator" };

/** Opens a session of the process `boot`; gives a request of it. */
function opened(
  sessions: ReturnType<typeof createSessions>,
  first: RequestEnvelope,
  nowMs = NOW_MS,
) {
  const { challenge } = admit(sessions, first, nowMs) as { challenge: string };
  const request = { ...first, challenge };
  assert.deepEqual(admit(sessions, request, nowMs), { type: "fresh" });
  return request;
}

Deno.test("admit() lets operators work at the same time, and members not", () => {
  const boots = ["b", "c"].map((digit) => digit.repeat(32));
  for (const [first, expected] of [[OPERATOR, "fresh"], [FIRST, "stale"]] as const) {
    const sessions = createSessions();
    const [older] = boots.map((boot) => opened(sessions, { ...first, boot }));
    assert.equal(admit(sessions, { ...older!, counter: 2 }, NOW_MS).type, expected);
    assert.equal(admit(sessions, older!, NOW_MS).type, "stale", "a replay");
  }
});

Deno.test("admit() forgets the oldest of too many operators", () => {
  const sessions = createSessions();
  const requests = Array.from(
    { length: 17 },
    (_, index) => opened(sessions, { ...OPERATOR, boot: String(index).padStart(32, "0") }),
  );
  const again = requests.map((request) => admit(sessions, { ...request, counter: 2 }, NOW_MS).type);
  assert.deepEqual(again, ["stale", ...Array(16).fill("fresh")]);
});

Deno.test("admit() takes no request of an operator's session that was held back for too long", () => {
  const sessions = createSessions();
  const request = opened(sessions, OPERATOR);
  const lateMs = NOW_MS + OPERATOR_SESSION_MS;
  assert.equal(admit(sessions, { ...request, counter: 2 }, lateMs - 1).type, "fresh");
  assert.equal(admit(sessions, { ...request, counter: 3 }, lateMs).type, "stale");
  const member = opened(sessions, FIRST);
  assert.equal(admit(sessions, { ...member, counter: 3 }, lateMs).type, "fresh");
});
