import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeLine, encodeLine, type TimedStep } from "../../src/coordination/progress.ts";
import { KEYS, keysFrom, signed } from "./support.ts";

const { envelope } = signed({ sender: "@operator" });
const ring = KEYS.operator;
const STEP: TimedStep = { step: "holding writes", outcome: "running", elapsedMs: 12 };

Deno.test("decodeLine() gives back every step that encodeLine() wrote, on one line", () => {
  const steps = fc.record({
    step: fc.string({ unit: "grapheme", maxLength: 300 }),
    outcome: fc.constantFrom("running" as const, "succeeded", "failed", "refused"),
    elapsedMs: fc.nat(),
  });
  fc.assert(fc.property(steps, fc.nat(), (step, index) => {
    const line = encodeLine(ring, envelope, index, step);
    assert.equal(line.indexOf("\n"), line.length - 1);
    assert.deepEqual(decodeLine(ring, envelope, index, line), { ok: true, step: { ...step } });
  }));
});

Deno.test("decodeLine() refuses a line that was changed, left out, or meant for another request", () => {
  const line = encodeLine(ring, envelope, 0, STEP);
  const refused: Record<string, ReturnType<typeof decodeLine>> = {
    step: decodeLine(ring, envelope, 0, line.replace("holding", "dropping")),
    outcome: decodeLine(ring, envelope, 0, line.replace("running", "succeeded")),
    time: decodeLine(ring, envelope, 0, line.replace(":12,", ":13,")),
    index: decodeLine(ring, envelope, 1, line),
    relabelled: decodeLine(ring, envelope, 0, line.replace('"index":0', '"index":1')),
    renumbered: decodeLine(ring, envelope, 1, line.replace('"index":0', '"index":1')),
    nonce: decodeLine(ring, { ...envelope, counter: 2 }, 0, line),
    recipient: decodeLine(ring, { ...envelope, recipient: "node3" }, 0, line),
    keys: decodeLine(keysFrom("another secret, long enough").operator, envelope, 0, line),
  };
  for (const [what, read] of Object.entries(refused)) {
    const because = "a line of the answer is forged or missing";
    assert.deepEqual(read, { ok: false, because }, what);
  }
});

Deno.test("decodeLine() refuses every cut of a line without throwing", () => {
  const line = encodeLine(ring, envelope, 0, STEP).trimEnd();
  for (let end = 0; end < line.length; end++) {
    assert.equal(decodeLine(ring, envelope, 0, line.slice(0, end)).ok, false);
  }
});

Deno.test("encodeLine() cuts a step that is too long, so that it can be read", () => {
  const line = encodeLine(ring, envelope, 0, { ...STEP, step: "\u{1F418}".repeat(3000) });
  assert.equal(decodeLine(ring, envelope, 0, line).ok, true);
});
