import assert from "node:assert/strict";
import fc from "fast-check";
import { createClassifier } from "../../src/sql/classify.ts";
import { loadParser } from "../../src/sql/parser.ts";
import { createRecall, writeShape } from "../../src/sql/recall.ts";
import { shapeOf } from "../../src/sql/shape.ts";
import { sampleCatalogue } from "./catalogue.ts";
import { CERTAIN, READS, UNCERTAIN } from "./statements.ts";

const zeroEnded = (text: string) => new TextEncoder().encode(`${text}\0`);

/** The shape as text; null where there is none. */
function written(text: string, room = 1024): string | null {
  const into = new Uint8Array(room);
  const length = writeShape(zeroEnded(text), 0, into);
  return length < 0 ? null : new TextDecoder().decode(into.subarray(0, length));
}

const TEXTS = [...READS, ...UNCERTAIN, ...CERTAIN].flatMap(({ texts }) => texts);

Deno.test("writeShape() makes of bytes the shape that shapeOf() makes of the text, or none", () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        "select ",
        "a1",
        "'it''s 5'",
        '"q 5"',
        "$1",
        "$a$",
        "--",
        "/*",
        "-",
        "/",
        "\\",
      ),
      fc.constantFrom("12", "1234567890", "1.5", ".", "_", "e", ";", " ", "'", "é", "0x1F"),
      fc.string({ unit: "binary-ascii", maxLength: 5 }).filter((text) => !text.includes("\0")),
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(pieces, (parts) => {
      const text = parts.join("");
      const shape = written(text);
      if (shape !== null) assert.equal(shape, shapeOf(text));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("writeShape() shapes what clients send most, and neither comments nor what is not ASCII", () => {
  const shaped = TEXTS.filter((text) => written(text) !== null).length;
  assert.ok(shaped > TEXTS.length / 2, `${shaped} of ${TEXTS.length}`);
  for (const text of ["select 'é'", "select 1 -- 2", "select $$1$$", "select e'\\''", "select '"]) {
    assert.equal(written(text), null, text);
  }
});

Deno.test("writeShape() wants a zero, and room for what it writes", () => {
  const into = new Uint8Array(40);
  assert.equal(writeShape(new TextEncoder().encode("select 1"), 0, into), -1);
  assert.equal(written("select 12 + a", 25), "select 0 + a");
  for (let room = 10; room < 60; room++) {
    const texts = [`select ${"1234567890 ".repeat(5)}`, `select a${"1".repeat(40)}`];
    for (const text of [...texts, `select '${"x".repeat(30)}'`]) {
      const shape = written(text, room);
      assert.ok(shape === null || shape === shapeOf(text), `${room}`);
    }
  }
});

Deno.test("a recall finds what it keeps by shape, and nothing else", () => {
  const recall = createRecall<string>();
  recall.keep(zeroEnded("select 1"), 0, "one");
  recall.keep(zeroEnded("select 'é'"), 0, "not ASCII");
  assert.equal(recall.find(zeroEnded("select 23"), 0), "one");
  assert.equal(recall.find(zeroEnded("ab select 23"), 3), "one");
  assert.equal(recall.find(zeroEnded("select 1234567890"), 0), null);
  assert.equal(recall.find(zeroEnded("select a"), 0), null);
  assert.equal(recall.find(zeroEnded("select 'é'"), 0), null);
  recall.clear();
  assert.equal(recall.find(zeroEnded("select 1"), 0), null);
});

Deno.test("classifyBytes() judges as classify() does, the first time and from memory", async () => {
  const parser = await loadParser();
  const make = () =>
    createClassifier({ parser, catalogue: sampleCatalogue(), maximumBytes: 1 << 20 });
  const classifier = make();
  for (let round = 0; round < 2; round++) {
    for (const text of TEXTS) {
      const bytes = zeroEnded(round === 0 ? text : text.replaceAll(/\b7\b/g, "12345"));
      assert.deepEqual(classifier.classifyBytes(bytes, 0), make().classify(text), text);
    }
  }
  assert.equal(classifier.classifyBytes(new TextEncoder().encode("select 1"), 0), null);
});

Deno.test("classifyBytes() goes by what a standby has refused", async () => {
  const parser = await loadParser();
  const classifier = createClassifier({
    parser,
    catalogue: sampleCatalogue(),
    maximumBytes: 1 << 20,
  });
  const place = (text: string) => classifier.classifyBytes(zeroEnded(text), 0)?.verdict.place;
  assert.equal(place("SELECT 1"), "standby");
  classifier.remember("SELECT 2");
  assert.equal(place("SELECT 3"), "primary");
});
