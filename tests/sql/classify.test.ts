import assert from "node:assert/strict";
import { createClassifier, MAXIMUM_TEXT_LENGTH } from "../../src/sql/classify.ts";
import { loadParser, type Parser } from "../../src/sql/parser.ts";
import { placeOf, type Touch } from "../../src/sql/verdict.ts";
import { sampleCatalogue } from "./catalogue.ts";
import { CERTAIN, type Group, READS, UNCERTAIN } from "./statements.ts";

const parser = await loadParser();
const catalogue = sampleCatalogue();
const fresh = () => createClassifier({ parser, catalogue, maximumBytes: 1 << 20 });

function judged(groups: readonly Group[]): string[] {
  const classifier = fresh();
  return groups.flatMap(({ reason, because, texts }) =>
    texts.flatMap((text) => {
      const { verdict } = classifier.classify(text);
      const place = groups === READS ? "standby" : "primary";
      return verdict.reason === reason && verdict.place === place
        ? []
        : [`${text}: ${verdict.place} for ${verdict.reason}, not ${reason} (${because})`];
    })
  );
}

Deno.test("classify() lets reads go anywhere", () => {
  assert.deepEqual(judged(READS), []);
});

Deno.test("classify() keeps what is uncertain on the primary unless the client insists", () => {
  assert.deepEqual(judged(UNCERTAIN), []);
  const classifier = fresh();
  const refused = UNCERTAIN.flatMap(({ texts }) => texts).filter((text) =>
    placeOf(classifier.classify(text).verdict, "standby") !== "standby"
  );
  assert.deepEqual(refused, []);
});

Deno.test("classify() keeps everything else on the primary, hints or not", () => {
  assert.deepEqual(judged(CERTAIN), []);
  const classifier = fresh();
  const misled = CERTAIN.flatMap(({ texts }) => texts).filter((text) =>
    placeOf(classifier.classify(text).verdict, "standby") === "standby"
  );
  assert.deepEqual(misled, []);
});

Deno.test("The tables hold at least 300 statements, none of them twice", () => {
  const texts = [...READS, ...UNCERTAIN, ...CERTAIN].flatMap((group) => group.texts);
  assert.ok(texts.length >= 300, `${texts.length}`);
  assert.equal(new Set(texts).size, texts.length);
});

Deno.test("classify() agrees with itself when asked twice, and with comments in front", () => {
  const classifier = fresh();
  for (const text of [...READS, ...UNCERTAIN, ...CERTAIN].flatMap((group) => group.texts)) {
    const first = classifier.classify(text).verdict;
    assert.deepEqual(classifier.classify(text).verdict, first);
    assert.deepEqual(classifier.classify(`/* a */ -- b\n ${text}`).verdict, first, text);
  }
});

Deno.test("classify() without a catalogue takes no statement with a function for a read", () => {
  const classifier = createClassifier({ parser, catalogue: null, maximumBytes: 1 << 20 });
  assert.equal(classifier.classify("select count(*) from t").verdict.reason, "unknown_function");
  assert.equal(classifier.classify("select a + 1 from t").verdict.reason, "read");
});

const TOUCHES: readonly (readonly [string, readonly Touch[]])[] = [
  ["set Search_Path to a", [{ type: "setting", name: "search_path" }]],
  ["set search_path to a, pg_temp", [{ type: "setting", name: "search_path" }, {
    type: "temporary",
  }]],
  ["set local a.b to 'c'", []],
  ["set time zone 'UTC'", [{ type: "setting", name: "timezone" }]],
  ["set names 'latin1'", [{ type: "setting", name: "client_encoding" }]],
  ["set role x", [{ type: "setting", name: "role" }]],
  ["reset role", [{ type: "setting", name: "role" }]],
  ["reset all", [{ type: "all_settings" }]],
  ["discard all", [{ type: "everything" }]],
  ["discard sequences", []],
  ["set transaction isolation level serializable", []],
  ["set session characteristics as transaction isolation level serializable, read only", [
    { type: "setting", name: "default_transaction_isolation" },
    { type: "setting", name: "default_transaction_read_only" },
  ]],
  ["select set_config('A.b', 'c', false)", [{ type: "setting", name: "a.b" }]],
  ["select set_config('a.b', 'c', true)", []],
  ["select set_config($1, 'c', false)", [{ type: "opaque" }]],
  ["select set_config('a.b', 'c', $1)", [{ type: "setting", name: "a.b" }]],
  ["insert into t select set_config('a.b', 'c', false)", [{ type: "setting", name: "a.b" }]],
  ["prepare p as select add_order(1)", [{ type: "prepared", name: "p" }, { type: "opaque" }]],
  ["deallocate p", [{ type: "deallocated", name: "p" }]],
  ["deallocate prepare all", [{ type: "deallocated", name: null }]],
  ["set metako.route = standby", [{ type: "route", route: "standby" }]],
  ["set metako.route to 'PRIMARY'", [{ type: "route", route: "primary" }]],
  ["set metako.route to default", [{ type: "route", route: "auto" }]],
  ["reset metako.route", [{ type: "route", route: "auto" }]],
  ["set metako.route = 'anywhere'", [{ type: "setting", name: "metako.route" }]],
  ["create temp table t (a int)", [{ type: "temporary" }]],
  ["create temp view v as select 1", [{ type: "temporary" }]],
  ["create table pg_temp.t (a int)", [{ type: "temporary" }]],
  ["create temp table t as select 1", [{ type: "temporary" }]],
  ["select 1 into temp t", [{ type: "temporary" }]],
  ["select 1 into t", []],
  ["create table t (a int)", []],
  ["declare c cursor with hold for select 1", [{ type: "held_cursor" }]],
  ["declare c cursor for select 1", []],
  ["select pg_advisory_lock(1)", [{ type: "advisory_lock" }]],
  ["select pg_advisory_xact_lock(1)", [{ type: "transaction_lock" }]],
  ["listen a", [{ type: "listen" }]],
  ["do 'begin end'", [{ type: "opaque" }]],
  ["call p()", [{ type: "opaque" }]],
  ["select add_order(1)", [{ type: "opaque" }]],
  ["update t set a = add_order(1)", [{ type: "opaque" }]],
  ["update t set a = left(b, 1)", [{ type: "opaque" }]],
  ["update t set a = lower(b)", []],
  ["update t set a = 1", []],
  ["update t set a = t.area", [{ type: "opaque" }]],
  ["delete from t where a <->! b", [{ type: "opaque" }]],
  ["explain analyze insert into t values (add_order(1))", [{ type: "opaque" }]],
  ["select setseed(0)", [{ type: "opaque" }]],
  ["selekt", [{ type: "opaque" }]],
  ["select 1; set a.b = 'c'; create temp table t (a int)", [
    { type: "setting", name: "a.b" },
    { type: "temporary" },
  ]],
  ["create or replace function f() returns int language sql as 'select 1'", [{
    type: "catalogue",
  }]],
  ["create extension pgcrypto", [{ type: "catalogue" }]],
];

Deno.test("classify() tells what of the session a statement touches", () => {
  const classifier = fresh();
  for (const [text, touches] of TOUCHES) {
    assert.deepEqual(classifier.classify(text).verdict.touches, touches, text);
  }
});

Deno.test("classify() tells how a statement moves the borders of transactions", () => {
  const classifier = fresh();
  const boundary = (text: string) => classifier.classify(text).verdict.boundary;
  assert.equal(boundary("begin"), "begin");
  assert.equal(boundary("start transaction"), "begin");
  assert.equal(boundary("begin read only"), "begin_read_only");
  assert.equal(boundary("begin isolation level serializable read only"), "begin");
  assert.equal(boundary("commit"), "end");
  assert.equal(boundary("savepoint a"), "none");
  assert.equal(boundary("begin; commit"), "none");
});

Deno.test("classify() reads hints in front of the statement, the first one first", () => {
  const classifier = fresh();
  const hint = (text: string) => classifier.classify(text).hint;
  assert.equal(hint("/* metako: primary */ select 1"), "primary");
  assert.equal(hint("/*metako:standby*/ select 1"), "standby");
  assert.equal(hint("-- a\n/* b */ /* METAKO: Standby */ select 1"), "standby");
  assert.equal(hint("/* metako: primary */ /* metako: standby */ select 1"), "primary");
  assert.equal(hint("select /* metako: primary */ 1"), null);
  assert.equal(hint("/* metako: elsewhere */ select 1"), null);
  assert.equal(hint("/* /* metako: primary */ */ select 1"), null);
  assert.equal(hint("select '/* metako: primary */'"), null);
  const { verdict } = classifier.classify("select 1");
  assert.equal(placeOf(verdict, "primary"), "primary");
  assert.equal(placeOf(verdict, "auto"), "standby");
});

Deno.test("placeOf() lets no hint split a session's state", () => {
  const { verdict } = fresh().classify("select set_config('a.b', 'c', false), add_order(1)");
  assert.equal(placeOf(verdict, "standby"), "primary");
});

Deno.test("classify() keeps a text without a parse when it is too long", () => {
  const classifier = fresh();
  const long = `select '${"a".repeat(MAXIMUM_TEXT_LENGTH)}'`;
  assert.equal(classifier.classify(long).verdict.reason, "too_large");
  const fits = `select '${"a".repeat(MAXIMUM_TEXT_LENGTH - 9)}'`;
  assert.equal(classifier.classify(fits).verdict.reason, "read");
});

Deno.test("classify() parses again what a standby refused only to send it to the primary", () => {
  const classifier = fresh();
  classifier.classify("select * from view_that_writes");
  classifier.remember("/* any */ select * from view_that_writes");
  const { verdict } = classifier.classify("select * from view_that_writes");
  assert.equal(verdict.place, "primary");
  assert.equal(placeOf(verdict, "standby"), "primary");
});

Deno.test("classify() stays within its bytes, and forgets the oldest first", () => {
  let parses = 0;
  const counting: Parser = {
    ...parser,
    parse(text) {
      parses++;
      return parser.parse(text);
    },
  };
  const classifier = createClassifier({ parser: counting, catalogue, maximumBytes: 40_000 });
  for (let n = 0; n < 500; n++) classifier.classify(`select a${n}`);
  assert.ok(classifier.cachedBytes() <= 40_000, `${classifier.cachedBytes()}`);
  assert.equal(parses, 500);
  classifier.classify("select a499");
  assert.equal(parses, 500);
  classifier.classify("select a0");
  assert.equal(parses, 501);
  const before = classifier.cachedBytes();
  classifier.classify(`select '${"a".repeat(10_000)}'`);
  assert.equal(classifier.cachedBytes(), before);
});

Deno.test("classify() keeps what is asked for again and again, whatever else comes", () => {
  let parses = 0;
  const counting: Parser = {
    ...parser,
    parse(text) {
      if (text === "select kept") parses++;
      return parser.parse(text);
    },
  };
  const classifier = createClassifier({ parser: counting, catalogue, maximumBytes: 40_000 });
  for (let n = 0; n < 1000; n++) {
    classifier.classify("select kept");
    classifier.classify(`select a${n}`);
  }
  assert.equal(parses, 1);
});
