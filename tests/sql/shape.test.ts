import assert from "node:assert/strict";
import fc from "fast-check";
import { createClassifier } from "../../src/sql/classify.ts";
import { loadParser } from "../../src/sql/parser.ts";
import { shapeOf } from "../../src/sql/shape.ts";
import { sampleCatalogue } from "./catalogue.ts";
import { CERTAIN, READS, UNCERTAIN } from "./statements.ts";

const SHAPES: readonly [what: string, text: string, shape: string][] = [
  ["a number", "select 17", "select 0"],
  ["every number", "select 1+2, f(3) limit 4;", "select 0+0, f(0) limit 0;"],
  ["the longest integer", "select 123456789", "select 0"],
  ["longer numbers alike", "select 1234567890", "select 9999999999"],
  ["a negative number", "where a = -5", "where a = -0"],
  ["digits of a name", "select a1, b2c from t3", "select a1, b2c from t3"],
  ["a fraction", "select 1.5, .5, 5.", "select 1.5, .5, 5."],
  ["an exponent", "select 1e5, 0x1F, 1_000", "select 1e5, 0x1F, 1_000"],
  ["a parameter", "select $1, $12 + 3", "select $1, $12 + 0"],
  ["a string", "select '5' , 'a 5 b', 6", "select '5' , 'a 5 b', 0"],
  ["a doubled quote", "select 'it''s 5 ', 6", "select 'it''s 5 ', 0"],
  ["a quoted name", 'select " 5 ", 6', 'select " 5 ", 0'],
  ["what follows a backslash", "select 1, e'\\' 5 ', 6", "select 0, e'\\' 5 ', 6"],
  ["what follows a string without end", "select 1, ' 5 ", "select 0, ' 5 "],
  ["what follows a dollar quote", "select 1, $$ 5 $$, 6", "select 0, $$ 5 $$, 6"],
  ["what follows a tag", "select 1, $a$ 5 $a$, 6", "select 0, $a$ 5 $a$, 6"],
  ["what follows a comment", "select 1 -- 5 \n, 6", "select 0 -- 5 \n, 6"],
  ["what follows a longer comment", "select 1 /* 5 */, 6", "select 0 /* 5 */, 6"],
  ["minus and divided", "select 6 - 5, 4 / 2", "select 0 - 0, 0 / 0"],
  ["letters beyond ASCII", "select é5, 5é", "select é5, 5é"],
];
for (const [what, text, shape] of SHAPES) {
  Deno.test(`shapeOf(): ${what}`, () => assert.equal(shapeOf(text), shape));
}

Deno.test("shapeOf() gives a shape for any text, which is its own shape", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme-ascii", maxLength: 60 }), (text) => {
    const shape = shapeOf(text);
    assert.equal(shapeOf(shape), shape);
  }));
});

Deno.test("shapeOf() never joins texts that are judged differently", async () => {
  const parser = await loadParser();
  const catalogue = sampleCatalogue();
  for (const sql of [...READS, ...UNCERTAIN, ...CERTAIN].flatMap(({ texts }) => texts)) {
    const judge = (text: string) =>
      createClassifier({ parser, catalogue, maximumBytes: 1000 }).classify(text);
    assert.deepEqual(judge(shapeOf(sql)), judge(sql), sql);
  }
});
