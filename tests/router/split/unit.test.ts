import assert from "node:assert/strict";
import fc from "fast-check";
import { concatBytes, cStringBytes, int32Bytes, messageBytes } from "../../../src/wire/bytes.ts";
import { queryBytes } from "../../../src/wire/messages.ts";
import { closeStatementBytes, syncBytes } from "../../../src/wire/requests.ts";
import { createClassifier } from "../../../src/sql/classify.ts";
import { loadParser } from "../../../src/sql/parser.ts";
import { type Book, createBook } from "../../../src/router/split/book.ts";
import { planSingle } from "../../../src/router/split/single.ts";
import { isWholeUnit, planBatch, planMany, planQuery } from "../../../src/router/split/unit.ts";
import { sampleCatalogue } from "../../sql/catalogue.ts";

const PARSER = await loadParser();
const classifier = createClassifier({
  parser: PARSER,
  catalogue: sampleCatalogue(),
  maximumBytes: 100_000,
});

function judging(book: Book = createBook(10_000), route: "auto" | "standby" | "primary" = "auto") {
  const prepared = new Set(["by_sql"]);
  const { classify, classifyBytes } = classifier;
  return { classify, classifyBytes, stamp: classifier.stamp(), route, book, prepared };
}

const P = (name: string, text: string) =>
  messageBytes("P", cStringBytes(name), cStringBytes(text), Uint8Array.of(0, 0));
const B = (statement: string, portal = "") =>
  messageBytes("B", cStringBytes(portal), cStringBytes(statement), new Uint8Array(6));
const E = (portal = "") => messageBytes("E", cStringBytes(portal), int32Bytes(0));
const D = (kind: "S" | "P", name: string) =>
  messageBytes("D", Uint8Array.of(kind.charCodeAt(0)), cStringBytes(name));
const H = messageBytes("H");
const S = syncBytes();
const C = closeStatementBytes;

function bookOf(...statements: readonly [name: string, text: string][]): Book {
  const book = createBook(10_000);
  for (const [name, text] of statements) {
    book.set({
      name,
      text,
      parse: P(name, text),
      judged: classifier.classify(text),
      stamp: null,
      gone: false,
    });
  }
  return book;
}

const READ = "SELECT id FROM item";
const WRITE = "UPDATE item SET id = 1";

Deno.test("planQuery() sends reads anywhere and the rest to the primary", () => {
  const plan = (text: string, route?: "standby" | "primary") =>
    planQuery(queryBytes(text), judging(undefined, route ?? "auto"));
  assert.equal(plan(READ).place, "standby");
  assert.equal(plan(READ).repeatable, true);
  assert.equal(plan(READ).insists, false);
  assert.equal(plan(READ, "primary").place, "primary");
  assert.equal(plan(READ, "standby").insists, true);
  assert.equal(plan(`/* metako: standby */ ${READ}`).insists, true);
  assert.equal(plan("BEGIN READ ONLY").insists, true);
  assert.equal(plan("SELECT full_name('a')").repeatable, false);
  assert.deepEqual([plan(WRITE).place, plan(WRITE).writes], ["primary", true]);
  assert.deepEqual([plan("BEGIN").place, plan("BEGIN").writes], ["primary", false]);
  assert.equal(plan("SHOW transaction_read_only").writes, false);
});

Deno.test("units may run twice where nobody can notice", () => {
  const query = (text: string, route: "auto" | "primary" = "auto") =>
    planQuery(queryBytes(text), judging(undefined, route)).repeatable;
  assert.ok(query("BEGIN") && query("START TRANSACTION ISOLATION LEVEL SERIALIZABLE"));
  assert.ok(query("SHOW work_mem") && query("BEGIN READ ONLY"));
  for (const text of ["COMMIT", "BEGIN; SELECT 1", "SET a.b = 1", "SELECT txid_current()", ""]) {
    assert.equal(query(text), false, text);
  }
  const batch = (...messages: Uint8Array[]) =>
    planBatch(concatBytes([...messages, S]), true, judging()).repeatable;
  assert.ok(batch(P("", "BEGIN"), B(""), E()));
  // Where the answer to its Parse was heard the next primary has it already.
  assert.equal(batch(P("s", "BEGIN"), B("s"), E()), false);
  assert.equal(batch(P("", "BEGIN"), B(""), E(), P("", WRITE), B(""), E()), false);
  assert.equal(batch(P("", WRITE), B(""), E()), false);
});

Deno.test("planQuery() takes a text without its end for what it is: nothing that is known", () => {
  const plan = planQuery(messageBytes("Q", Uint8Array.of(0x53)), judging());
  assert.deepEqual([plan.place, plan.touches], ["primary", [{ type: "opaque" }]]);
});

const known = bookOf(["r", READ], ["w", WRITE], ["", READ]);
const CASES: readonly [what: string, messages: Uint8Array[], complete: boolean, place: string][] = [
  ["an unnamed read", [P("", READ), B(""), D("P", ""), E(), S], true, "standby"],
  ["an unnamed write", [P("", WRITE), B(""), E(), S], true, "primary"],
  ["a read and a write", [P("", READ), B(""), E(), P("", WRITE), B(""), E(), S], true, "primary"],
  ["two reads", [P("", READ), B(""), E(), B("r", "p"), E("p"), S], true, "standby"],
  ["a named statement that is made", [P("n", READ), B("n"), E(), S], true, "primary"],
  ["a named read that is known", [B("r"), E(), S], true, "standby"],
  ["a named write that is known", [B("w"), E(), S], true, "primary"],
  ["a statement nobody knows", [B("x"), E(), S], true, "primary"],
  ["a portal of another batch", [E("p"), S], true, "primary"],
  ["a description of such a portal", [D("P", "p"), B("r"), E(), S], true, "primary"],
  ["a Close", [B("r"), E(), C("r"), S], true, "primary"],
  ["nothing but Sync", [S], true, "primary"],
  ["a description, with nothing run", [P("", READ), D("S", ""), S], true, "primary"],
  ["a description that is waited for", [P("", READ), D("S", ""), H], false, "standby"],
  ["one of a write", [P("", WRITE), D("S", ""), H], false, "primary"],
  ["results that are waited for", [P("", READ), B(""), E(), H], false, "primary"],
  ["BEGIN READ ONLY alone", [P("", "BEGIN READ ONLY"), B(""), E(), S], true, "standby"],
  [
    "BEGIN READ ONLY and more",
    [P("", "BEGIN READ ONLY"), B(""), E(), B("r"), E(), S],
    true,
    "primary",
  ],
];
for (const [what, messages, complete, place] of CASES) {
  Deno.test(`planBatch() sends ${what} to ${place === "standby" ? "any server" : "the primary"}`, () => {
    assert.equal(planBatch(concatBytes(messages), complete, judging(known)).place, place);
  });
}

Deno.test("planBatch() names what must be there before, what it makes, and what it closes", () => {
  const plan = planBatch(
    concatBytes([B("r"), E(), P("n", WRITE), B("n"), E(), C("w"), S]),
    true,
    judging(known),
  );
  assert.deepEqual(plan.needs.map(({ name }) => name), ["r"]);
  assert.deepEqual(plan.makes.map(({ name }) => name), ["n"]);
  assert.deepEqual(plan.closes, ["w"]);
  assert.equal(plan.writes, true);
  assert.deepEqual(plan.texts, [READ, WRITE]);
});

Deno.test("planBatch() has a name that is taken made where it is refused", () => {
  const plan = planBatch(concatBytes([P("r", WRITE), S]), true, judging(known));
  assert.deepEqual(plan.needs, [known.get("r")]);
});

Deno.test("planBatch() keeps a statement where it is that the book has no room for", () => {
  const book = createBook(10);
  const made = planBatch(concatBytes([P("", READ), B(""), E(), S]), true, judging(book)).makes[0]!;
  assert.deepEqual([made.parse, made.text], [null, null]);
  book.set(made);
  assert.equal(planBatch(concatBytes([B(""), E(), S]), true, judging(book)).place, "primary");
});

Deno.test("planBatch() tells whether a transaction ends in a batch, and whether more follows", () => {
  const ends = (...messages: Uint8Array[]) =>
    planBatch(concatBytes(messages), true, judging(known)).ends;
  const run = (text: string) => concatBytes([P("", text), B(""), E()]);
  assert.equal(ends(run(READ), S), null);
  assert.equal(ends(run("COMMIT"), S), "last");
  assert.equal(ends(run(READ), run("COMMIT"), S), "last");
  assert.equal(ends(run("COMMIT"), run(WRITE), S), "early");
  assert.equal(ends(run("COMMIT"), run("ROLLBACK"), S), "early");
});

Deno.test("planBatch() counts what is bound as run, and what was sent to be made as there", () => {
  const book = bookOf(["s", READ]);
  const plan = (...messages: Uint8Array[]) => planBatch(concatBytes(messages), true, judging(book));
  const bound = plan(P("", WRITE), B(""), H);
  assert.deepEqual([bound.place, bound.writes], ["primary", true]);
  const made = plan(P("s", WRITE), S).makes[0]!;
  book.expect(made);
  assert.deepEqual([plan(B("s"), E(), S).writes, plan(B("s"), E(), S).needs], [true, [made]]);
  // A Parse of a name that is taken fails, and what is run is the one that was there.
  const harmless = plan(P("s", READ), S).makes[0]!;
  book.set(made);
  book.expect(harmless);
  assert.deepEqual([plan(B("s"), E(), S).writes, plan(B("s"), E(), S).place], [true, "primary"]);
  book.abandon(harmless);
  book.set(bookOf(["s", READ]).get("s")!);
  assert.equal(plan(B("s"), E(), S).place, "standby");
  // SQL's PREPARE made it, and it may be anything.
  assert.deepEqual(plan(B("by_sql"), E(), S).touches, [{ type: "opaque" }]);
  assert.deepEqual(plan(B("nowhere"), E(), S).touches, []);
});

Deno.test("planBatch() trusts no batch that it cannot read", () => {
  const broken = messageBytes("B", Uint8Array.of(0x41));
  const plan = planBatch(concatBytes([broken, S]), true, judging(known));
  assert.deepEqual([plan.place, plan.touches], ["primary", [{ type: "opaque" }]]);
});

Deno.test("createBook() gives the room of what is forgotten back", () => {
  const book = bookOf(["a", READ]);
  const room = book.room();
  book.set({ ...book.get("a")!, parse: concatBytes([book.get("a")!.parse!, new Uint8Array(5)]) });
  assert.equal(book.room(), room - 5);
  book.delete("a");
  assert.equal(book.room(), 10_000);
  assert.equal(book.get("a"), null);
});

Deno.test("planBatch() keeps one copy of an unnamed statement that is made again and again", () => {
  const book = bookOf(["", READ]);
  const again = planBatch(concatBytes([P("", READ), B(""), E(), S]), true, judging(book)).makes[0]!;
  assert.notEqual(again, book.get(""));
  assert.equal(again.parse, book.get("")!.parse);
  const other = planBatch(concatBytes([P("", WRITE), B(""), E(), S]), true, judging(book));
  assert.deepEqual(other.makes[0]!.parse, P("", WRITE));
});

Deno.test("planBatch() judges a kept statement again once a standby has refused its text", () => {
  const fresh = createClassifier({
    parser: PARSER,
    catalogue: sampleCatalogue(),
    maximumBytes: 100_000,
  });
  const book = bookOf(["r", READ]);
  const place = () =>
    planBatch(concatBytes([B("r"), E(), S]), true, {
      prepared: new Set(),
      classify: fresh.classify,
      classifyBytes: fresh.classifyBytes,
      stamp: fresh.stamp(),
      route: "auto",
      book,
    }).place;
  assert.equal(place(), "standby");
  assert.equal(place(), "standby");
  fresh.remember(READ);
  assert.equal(place(), "primary");
});

const WHOLE: readonly [what: string, messages: Uint8Array[], whole: boolean][] = [
  ["a simple query", [queryBytes(READ)], true],
  ["a batch", [P("", READ), B(""), D("P", ""), E(), S], true],
  ["a Sync alone", [S], true],
  ["two simple queries", [queryBytes(READ), queryBytes(READ)], false],
  ["a simple query and more", [queryBytes(READ), S], false],
  ["a batch and more", [B("r"), E(), S, B("r")], false],
  ["two batches", [B("r"), E(), S, B("r"), E(), S], false],
  ["a batch without its end", [B("r"), E()], false],
  ["a batch that is flushed", [B("r"), E(), H], false],
  ["a batch that closes", [C("r"), S], false],
  ["a length that cannot be", [Uint8Array.of(0x42, 0, 0, 0, 3), S], false],
  ["nothing", [], false],
];
for (const [what, messages, whole] of WHOLE) {
  Deno.test(`isWholeUnit() ${whole ? "takes" : "does not take"} ${what}`, () => {
    const bytes = concatBytes(messages);
    assert.equal(isWholeUnit(bytes), whole);
    for (let cut = 0; cut < bytes.length; cut++) {
      // What is cut off may be a unit by itself only where a whole one stood before.
      if (whole) assert.equal(isWholeUnit(bytes.subarray(0, cut)), false);
    }
  });
}

Deno.test("planSingle() judges what it takes as planMany() does, and takes nothing broken", () => {
  const texts = [READ, WRITE, "BEGIN READ ONLY", "COMMIT", "SELECT full_name('a')", "SELEC", ""];
  const message = fc.oneof(
    fc.record({ name: fc.constantFrom("", "r", "n"), text: fc.constantFrom(...texts) })
      .map(({ name, text }) => P(name, text)),
    fc.constantFrom("", "r", "w", "nobody").map((name) => B(name)),
    fc.constantFrom(B("r", "p"), E(), E("p"), D("P", ""), D("P", "p"), D("S", "r"), H, S, C("r")),
  );
  const usual = fc.constantFrom(
    [B("r"), E(), S],
    [B("r"), D("P", ""), E(), S],
    [P("", READ), B(""), D("P", ""), E(), S],
    [P("", WRITE), B(""), E(), S],
    [B("w"), E(), S],
  );
  let taken = 0;
  fc.assert(
    fc.property(
      fc.oneof(fc.array(message, { maxLength: 6 }), usual),
      fc.nat(200),
      fc.boolean(),
      (messages, at, damaged) => {
        const bytes = concatBytes(messages);
        if (damaged && bytes.length > 0) bytes[at % bytes.length]! ^= 1;
        const by = judging(known);
        const single = planSingle(bytes, by);
        if (single === null) return;
        taken++;
        // Each makes a statement of its own.
        assert.deepEqual(single, planMany(bytes, true, by));
      },
    ),
    { numRuns: 3000 },
  );
  assert.ok(taken > 300, `${taken} taken`);
});
