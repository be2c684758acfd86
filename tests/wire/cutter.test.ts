import assert from "node:assert/strict";
import fc from "fast-check";
import { concatBytes, messageBytes } from "../../src/wire/bytes.ts";
import {
  createCutter,
  cut,
  isBetween,
  type Piece,
  watch,
  WATCH_ALL,
} from "../../src/wire/cutter.ts";

const messages = fc.array(
  fc.record({
    code: fc.constantFrom("Z", "D", "E", "T"),
    payload: fc.uint8Array({ maxLength: 40 }),
  }),
  { maxLength: 12 },
);
const cuts = fc.array(fc.nat(600), { maxLength: 10 });

/** The stream in chunks that end at these places. */
function chunksOf(stream: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [...new Set(at.filter((place) => place > 0 && place < stream.length))]
    .sort((a, b) => a - b);
  return [0, ...places].map((from, i) => stream.subarray(from, places[i] ?? stream.length));
}

function cutAll(chunks: readonly Uint8Array[], watched: Uint8Array): Piece[] {
  const cutter = createCutter();
  const pieces = chunks.flatMap((chunk) => [...cut(cutter, chunk, watched)]);
  assert.equal(isBetween(cutter), true);
  return pieces;
}

const bytesOf = (piece: Piece) => piece.type === "violation" ? new Uint8Array(0) : piece.bytes;

Deno.test("cut() loses nothing and invents nothing, wherever chunks end", () => {
  fc.assert(fc.property(messages, cuts, (list, at) => {
    const stream = concatBytes(list.map(({ code, payload }) => messageBytes(code, payload)));
    for (const watched of [watch("ZE"), watch(""), WATCH_ALL]) {
      const pieces = cutAll(chunksOf(stream, at), watched);
      assert.deepEqual(concatBytes(pieces.map(bytesOf)), stream);
    }
  }));
});

Deno.test("cut() gives each watched message whole and in order", () => {
  fc.assert(fc.property(messages, cuts, (list, at) => {
    const stream = concatBytes(list.map(({ code, payload }) => messageBytes(code, payload)));
    const whole: { code: string; bytes: Uint8Array }[] = [];
    let parts: Uint8Array[] = [];
    for (const piece of cutAll(chunksOf(stream, at), watch("ZE"))) {
      if (piece.type !== "part") {
        assert.equal(parts.length, 0, "a run in the middle of a message");
        continue;
      }
      assert.equal(piece.first, parts.length === 0);
      parts.push(piece.bytes);
      if (!piece.last) continue;
      whole.push({ code: piece.code, bytes: concatBytes(parts) });
      assert.equal(whole.at(-1)!.bytes.length, piece.payloadBytes + 5);
      parts = [];
    }
    assert.deepEqual(parts, []);
    const expected = list.filter(({ code }) => code === "Z" || code === "E");
    assert.deepEqual(
      whole,
      expected.map(({ code, payload }) => ({ code, bytes: messageBytes(code, payload) })),
    );
  }));
});

Deno.test("cut() says once that a length is impossible, and is silent then", () => {
  const cutter = createCutter();
  const bad = Uint8Array.of(0x5A, 0, 0, 0, 3, 0x49);
  assert.deepEqual(cut(cutter, bad, WATCH_ALL), [
    { type: "violation", because: "a message's length must be at least 4, is 3" },
  ]);
  assert.deepEqual(cut(cutter, messageBytes("Z", Uint8Array.of(0x49)), WATCH_ALL), []);
  assert.equal(isBetween(cutter), false);
});

Deno.test("isBetween() is false within a header and within a payload", () => {
  const message = messageBytes("E", new Uint8Array(3));
  for (let length = 1; length < message.length; length++) {
    const cutter = createCutter();
    cut(cutter, message.subarray(0, length), watch(""));
    assert.equal(isBetween(cutter), false, `after ${length} bytes`);
  }
});
