import assert from "node:assert/strict";
import fc from "fast-check";
import { concatBytes, messageBytes } from "../../src/wire/bytes.ts";
import { atBoundary, createFraming, type FrameEvent, scan } from "../../src/wire/framing.ts";

const WATCH = { Z: 1, E: 16, Q: 0 };

function scanAll(chunks: readonly Uint8Array[]): FrameEvent[] {
  const framing = createFraming(WATCH);
  return chunks.flatMap((chunk) => [...scan(framing, chunk)]);
}

const STREAM = concatBytes([
  messageBytes("R", Uint8Array.of(0, 0, 0, 0)),
  messageBytes("Z", Uint8Array.of(0x49)),
  messageBytes("Q"),
  messageBytes("D", new Uint8Array(40).fill(7)),
  messageBytes("E", Uint8Array.from({ length: 30 }, (_, i) => i)),
  messageBytes("Z", Uint8Array.of(0x54)),
]);

const EVENTS: FrameEvent[] = [
  { type: "message", code: "Z", payload: Uint8Array.of(0x49), payloadBytes: 1, endsAt: 15 },
  { type: "message", code: "Q", payload: new Uint8Array(0), payloadBytes: 0, endsAt: 20 },
  {
    type: "message",
    code: "E",
    payload: Uint8Array.from({ length: 16 }, (_, i) => i),
    payloadBytes: 30,
    endsAt: 100,
  },
  { type: "message", code: "Z", payload: Uint8Array.of(0x54), payloadBytes: 1, endsAt: 106 },
];

Deno.test("scan() finds every watched message in many joined ones", () => {
  assert.deepEqual(scanAll([STREAM]), EVENTS);
});

Deno.test("scan() gives the same events where the stream is cut at any one byte", () => {
  for (let cut = 0; cut <= STREAM.length; cut++) {
    assert.deepEqual(scanAll([STREAM.subarray(0, cut), STREAM.subarray(cut)]), EVENTS, `at ${cut}`);
  }
});

Deno.test("scan() reads views with a byteOffset as what they show", () => {
  const padded = concatBytes([new Uint8Array(13).fill(0xFF), STREAM, new Uint8Array(9).fill(0xFF)]);
  assert.deepEqual(scanAll([padded.subarray(13, 13 + STREAM.length)]), EVENTS);
});

Deno.test("scan() gives the same events for any messages in any chunking", () => {
  const message = fc.record({
    code: fc.constantFrom("Z", "E", "Q", "D", "S"),
    payload: fc.uint8Array({ maxLength: 60 }),
  });
  const cuts = fc.array(fc.nat(400), { maxLength: 30 });
  fc.assert(fc.property(fc.array(message, { maxLength: 12 }), cuts, (messages, at) => {
    const stream = concatBytes(messages.map(({ code, payload }) => messageBytes(code, payload)));
    const edges = [
      0,
      ...at.filter((cut) => cut < stream.length).sort((a, b) => a - b),
      stream.length,
    ];
    const chunks = edges.slice(1).map((edge, i) => stream.subarray(edges[i], edge));
    const events = scanAll(chunks);
    assert.deepEqual(events, scanAll([stream]));
    assert.deepEqual(
      events.map((event) => event.type === "message" && event.code),
      messages.filter(({ code }) => code in WATCH).map(({ code }) => code),
    );
  }));
});

Deno.test("atBoundary() is true between messages only", () => {
  const message = messageBytes("D", Uint8Array.of(1, 2, 3));
  const framing = createFraming(WATCH);
  const seen = [...message].map((byte) => {
    scan(framing, Uint8Array.of(byte));
    return atBoundary(framing);
  });
  assert.deepEqual(seen, [false, false, false, false, false, false, false, true]);
});

Deno.test("scan() reports a length below 4 once, and is silent after it", () => {
  for (const length of [[0, 0, 0, 3], [0xFF, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0]]) {
    const framing = createFraming(WATCH);
    const events = scan(framing, concatBytes([messageBytes("Q"), Uint8Array.of(0x44, ...length)]));
    assert.deepEqual(events.map((event) => event.type), ["message", "violation"]);
    assert.equal(events[1]!.type === "violation" && events[1]!.at, 5);
    assert.equal(atBoundary(framing), false);
    assert.deepEqual(scan(framing, messageBytes("Q")), []);
  }
});

Deno.test("scan() keeps no more of a 1 GB message than it was asked to", () => {
  const framing = createFraming({ D: 8 });
  scan(framing, Uint8Array.of(0x44, 0x3F, 0xFF, 0xFF, 0xFF));
  const chunk = new Uint8Array(65_536);
  let left = 0x3FFFFFFF - 4;
  let events: readonly FrameEvent[] = [];
  while (left > 0) {
    const taken = Math.min(left, chunk.length);
    events = scan(framing, chunk.subarray(0, taken));
    left -= taken;
  }
  assert.deepEqual(events, [{
    type: "message",
    code: "D",
    payload: new Uint8Array(8),
    payloadBytes: 0x3FFFFFFF - 4,
    endsAt: 0x3FFFFFFF + 1,
  }]);
});
