import assert from "node:assert/strict";
import fc from "fast-check";
import type { z } from "zod";
import type { Answer, Request } from "../../src/core/message.ts";
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
} from "../../src/coordination/messages.ts";
import type { answerSchema, requestSchema } from "../../src/coordination/schemas.ts";

type Same<A, B> = [A] extends [B] ? [B] extends [A] ? true : false : false;
const SCHEMAS_ARE_THE_CORES_TYPES: [
  Same<z.output<typeof requestSchema>, Request>,
  Same<z.output<typeof answerSchema>, Answer>,
] = [true, true];

const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,63}$/);
const ordinal = fc.nat();
const lsn = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const timeline = fc.nat({ max: 0xFFFF_FFFF });
const incarnation = fc.stringMatching(/^[0-9a-f]{8}$/);
const systemIdentifier = fc.stringMatching(/^[0-9]{1,20}$/);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const instance = fc.record({ node: name, incarnation });
const position = fc.record({ timeline, lsn });
const because = fc.string({ maxLength: 500, unit: "grapheme" }).map((text) => text.slice(0, 400));
const contact = fc.record({ host: fc.string({ maxLength: 255 }), port: fc.nat({ max: 65535 }) });
const handover = fc.record({ term: ordinal, leader: name, to: name });
const record = fc.record({
  term: ordinal,
  seq: ordinal,
  members: fc.array(
    fc.record(
      { name, kind: fc.constantFrom("data" as const, "witness" as const), memory: incarnation },
      { requiredKeys: ["name", "kind"] },
    ),
    { maxLength: 31 },
  ),
  systemIdentifier: maybe(systemIdentifier),
  leader: instance,
  timeline,
  startLsn: lsn,
  electable: fc.array(instance, { maxLength: 31 }),
  required: fc.nat({ max: 31 }),
});
const claim = {
  fingerprint: fc.string({ maxLength: 4096 }),
  term: ordinal,
  instance: maybe(instance),
  systemIdentifier: maybe(systemIdentifier),
  record: maybe(record),
  position: maybe(position),
  priority: fc.nat({ max: 1000 }),
  handover: maybe(handover),
  forced: fc.boolean(),
};
const request: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ type: fc.constant("pre_vote" as const), ...claim }),
  fc.record({ type: fc.constant("vote" as const), ...claim }),
  fc.record({
    type: fc.constant("heartbeat" as const),
    fingerprint: claim.fingerprint,
    term: ordinal,
    leaseMs: fc.nat({ max: 600_000 }),
    record: maybe(record),
    writable: fc.boolean(),
    yielding: fc.boolean(),
    alone: fc.boolean(),
    admit: fc.boolean(),
    contact,
    insertLsn: maybe(lsn),
  }),
  fc.record({ type: fc.constant("confirm" as const), term: ordinal, checkpoint: position }),
  fc.record({ type: fc.constant("handover" as const), handover }),
  fc.record({ type: fc.constant("resigned" as const), term: ordinal }),
);
const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({
    type: fc.constant("pre_vote_answer" as const),
    term: ordinal,
    granted: fc.boolean(),
    because,
    record: maybe(record),
  }),
  fc.record({
    type: fc.constant("vote_answer" as const),
    term: ordinal,
    granted: fc.boolean(),
    because,
    record: maybe(record),
    instance: maybe(instance),
    position: maybe(position),
    memory: maybe(incarnation),
    heard: maybe(fc.record({ leader: instance, position, agoMs: fc.nat() })),
  }),
  fc.record({
    type: fc.constant("heartbeat_answer" as const),
    term: ordinal,
    accepted: fc.boolean(),
    because,
    persisted: maybe(fc.record({ term: ordinal, seq: ordinal })),
    admitted: fc.boolean(),
    memory: maybe(incarnation),
    proposes: fc.string({ maxLength: 4096 }),
    instance: maybe(instance),
    contact,
    server: fc.record({
      state: fc.string({ maxLength: 63 }),
      timeline: maybe(timeline),
      lsn: maybe(lsn),
    }),
  }),
  fc.record({
    type: fc.constant("confirm_answer" as const),
    term: ordinal,
    reached: fc.boolean(),
    position: maybe(position),
  }),
  fc.record({ type: fc.constant("noted" as const), term: ordinal }),
  fc.record({ type: fc.constant("denied" as const), term: ordinal, because }),
);

/** fast-check's records have no prototype, which strict equality would see. */
const plain = <T>(value: T): T => structuredClone(value);

Deno.test("requestSchema and answerSchema have the core's types as their output", () => {
  assert.deepEqual(SCHEMAS_ARE_THE_CORES_TYPES, [true, true]);
});

Deno.test("decodeRequest() gives back every request that encodeRequest() wrote", () => {
  fc.assert(fc.property(request, (message) => {
    assert.deepEqual(decodeRequest(encodeRequest(message)), { ok: true, message: plain(message) });
  }));
});

Deno.test("decodeAnswer() gives back every answer that encodeAnswer() wrote", () => {
  fc.assert(fc.property(answer, (message) => {
    assert.deepEqual(decodeAnswer(encodeAnswer(message)), { ok: true, message: plain(message) });
  }));
});

Deno.test("encodeRequest() writes an LSN the way PostgreSQL does", () => {
  assert.equal(
    encodeRequest({ type: "confirm", term: 1, checkpoint: { timeline: 2, lsn: 0x16B3748n } }),
    '{"type":"confirm","term":1,"checkpoint":{"timeline":2,"lsn":"0/16B3748"}}',
  );
});

Deno.test("encodeAnswer() cuts a sentence that is too long, between characters", () => {
  const because = "x".repeat(499) + "\u{1F418}";
  const decoded = decodeAnswer(encodeAnswer({ type: "denied", term: 1, because }));
  assert.deepEqual(decoded, {
    ok: true,
    message: { type: "denied", term: 1, because: "x".repeat(499) + "\uFFFD" },
  });
});

const heartbeat: Request = {
  type: "heartbeat",
  fingerprint: "",
  term: 1,
  leaseMs: 3000,
  record: {
    term: 1,
    seq: 1,
    members: [{ name: "a", kind: "data" }],
    systemIdentifier: "1",
    leader: { node: "a", incarnation: "00000000" },
    timeline: 1,
    startLsn: 0n,
    electable: [],
    required: 0,
  },
  writable: true,
  yielding: false,
  alone: false,
  admit: false,
  contact: { host: "127.0.0.1", port: 5432 },
  insertLsn: 1n,
};

/** Each changes one thing in the JSON of `heartbeat`. */
// deno-lint-ignore no-explicit-any
const REFUSED: Record<string, (json: any) => void> = {
  "an unknown type": (json) => json.type = "heart_beat",
  "an unknown key": (json) => json.surprise = 1,
  "an unknown key inside": (json) => json.record.surprise = 1,
  "a missing key": (json) => delete json.admit,
  "a negative term": (json) => json.term = -1,
  "a fractional term": (json) => json.term = 1.5,
  "a term beyond exact integers": (json) => json.term = 2 ** 53,
  "a term as text": (json) => json.term = "1",
  "an LSN as number": (json) => json.insertLsn = 1,
  "an LSN of three parts": (json) => json.insertLsn = "0/0/1",
  "an LSN beyond 64 bits": (json) => json.insertLsn = "100000000/0",
  "a name of 64 characters": (json) => json.record.leader.node = "a".repeat(64),
  "a name with a newline": (json) => json.record.leader.node = "a\nb",
  "an incarnation of 9 digits": (json) => json.record.leader.incarnation = "000000000",
  "32 members": (json) => json.record.members = Array(32).fill({ name: "a", kind: "data" }),
  "an unknown kind of member": (json) => json.record.members[0].kind = "arbiter",
  "a fingerprint of 4097 characters": (json) => json.fingerprint = "x".repeat(4097),
  "a port of 65536": (json) => json.contact.port = 65536,
  "a lease longer than ten minutes": (json) => json.leaseMs = 600_001,
};

for (const [what, change] of Object.entries(REFUSED)) {
  Deno.test(`decodeRequest() refuses ${what}`, () => {
    const json = JSON.parse(encodeRequest(heartbeat));
    change(json);
    const decoded = decodeRequest(JSON.stringify(json));
    assert.equal(decoded.ok, false);
    assert.ok(!decoded.ok && decoded.because.length > 0 && decoded.because.length < 400);
  });
}

Deno.test("decodeRequest() refuses what is not JSON, and any other JSON, without throwing", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
    assert.equal(decodeRequest(text).ok, false);
    assert.equal(decodeAnswer(text).ok, false);
  }));
  assert.deepEqual(decodeRequest("[".repeat(200_000)), {
    ok: false,
    because: "the text is not JSON",
  });
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  assert.equal(decodeRequest(deep).ok, false);
  assert.equal(decodeRequest(`{"type":"resigned","term":${deep}}`).ok, false);
});

Deno.test("decodeRequest() takes no key from a prototype", () => {
  assert.equal(decodeRequest('{"type":"resigned","term":1,"__proto__":{"x":1}}').ok, false);
  assert.equal(decodeRequest('{"type":"resigned","__proto__":{"term":1}}').ok, false);
});
