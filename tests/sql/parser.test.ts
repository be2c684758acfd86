import assert from "node:assert/strict";
import { createClassifier } from "../../src/sql/classify.ts";
import { loadParser } from "../../src/sql/parser.ts";

/** Deep enough to exhaust the stack whatever its size is, within the cap of a text's length. */
const DEEP: readonly string[] = [
  `select ${"1+".repeat(16_000)}1`,
  `select ${"not ".repeat(8_000)}true`,
  `select 1${"::a".repeat(10_000)}`,
  `select ${"f(".repeat(10_000)}1${")".repeat(10_000)}`,
  `select ${"case when true then ".repeat(1_200)}1${" end".repeat(1_200)}`,
];

Deno.test("parse() outlives any number of texts that break an instance", async () => {
  const parser = await loadParser();
  for (let round = 0; round < 30; round++) {
    for (const text of DEEP) {
      parser.parse(text);
      await parser.settled();
      const next = parser.parse("select 1");
      assert.equal(next.type === "parsed" && next.statements.length, 1);
    }
  }
  assert.ok(parser.replaced() > 0);
});

Deno.test("parse() answers unavailable until the broken instance is replaced", async () => {
  const parser = await loadParser();
  const classifier = createClassifier({ parser, catalogue: null, maximumBytes: 1 << 20 });
  assert.equal(parser.parse(DEEP[0]!).type, "unavailable");
  assert.equal(parser.parse("select 1").type, "unavailable");
  assert.equal(classifier.classify("select 1").verdict.reason, "not_parsed");
  await parser.settled();
  assert.equal(classifier.classify("select 1").verdict.reason, "read");
});

Deno.test("parse() tells syntax errors and empty texts apart, and throws for neither", async () => {
  const parser = await loadParser();
  assert.deepEqual(parser.parse("selekt"), { type: "syntax_error" });
  assert.deepEqual(parser.parse(""), { type: "parsed", statements: [] });
  assert.deepEqual(parser.parse("a\0b"), { type: "unavailable" });
  assert.equal(parser.replaced(), 0);
});
