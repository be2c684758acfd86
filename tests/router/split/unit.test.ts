import assert from "node:assert/strict";
import { concatBytes, cStringBytes, int32Bytes, messageBytes } from "../../../src/wire/bytes.ts";
import { queryBytes } from "../../../src/wire/messages.ts";
import { closeStatementBytes, syncBytes } from "../../../src/wire/requests.ts";
import { createClassifier } from "../../../src/sql/classify.ts";
import { loadParser } from "../../../src/sql/parser.ts";
import { type Book, createBook } from "../../../src/router/split/book.ts";
import { type Message, planBatch, planQuery } from "../../../src/router/split/unit.ts";
import { sampleCatalogue } from "../../sql/catalogue.ts";

const classifier = createClassifier({
  parser: await loadParser(),
  catalogue: sampleCatalogue(),
  maximumBytes: 100_000,
});

function judging(book: Book = createBook(10_000), route: "auto" | "standby" | "primary" = "auto") {
  return { classify: classifier.classify, route, book };
}

const P = (name: string, text: string) =>
  message(messageBytes("P", cStringBytes(name), cStringBytes(text), Uint8Array.of(0, 0)));
const B = (statement: string, portal = "") =>
  message(messageBytes("B", cStringBytes(portal), cStringBytes(statement), new Uint8Array(6)));
const E = (portal = "") => message(messageBytes("E", cStringBytes(portal), int32Bytes(0)));
const D = (kind: "S" | "P", name: string) =>
  message(messageBytes("D", Uint8Array.of(kind.charCodeAt(0)), cStringBytes(name)));
const H = message(messageBytes("H"));
const S = message(syncBytes());
const C = (name: string) => message(closeStatementBytes(name));

function message(bytes: Uint8Array): Message {
  return { code: String.fromCharCode(bytes[0]!), bytes };
}

function bookOf(...statements: readonly [name: string, text: string][]): Book {
  const book = createBook(10_000);
  for (const [name, text] of statements) {
    book.set({ name, text, parse: P(name, text).bytes, judged: classifier.classify(text) });
  }
  return book;
}

const READ = "SELECT id FROM item";
const WRITE = "UPDATE item SET id = 1";

Deno.test("planQuery() sends reads anywhere and the rest to the primary", () => {
  const plan = (text: string, route?: "standby" | "primary") =>
    planQuery(message(queryBytes(text)), judging(undefined, route ?? "auto"));
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

Deno.test("planQuery() takes a text without its end for what it is: nothing that is known", () => {
  const plan = planQuery(message(messageBytes("Q", Uint8Array.of(0x53))), judging());
  assert.deepEqual([plan.place, plan.touches], ["primary", [{ type: "opaque" }]]);
});

const known = bookOf(["r", READ], ["w", WRITE], ["", READ]);
const CASES: readonly [what: string, messages: Message[], complete: boolean, place: string][] = [
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
    assert.equal(planBatch(messages, complete, judging(known)).place, place);
  });
}

Deno.test("planBatch() names what must be there before, what it makes, and what it closes", () => {
  const plan = planBatch(
    [B("r"), E(), P("n", WRITE), B("n"), E(), C("w"), S],
    true,
    judging(known),
  );
  assert.deepEqual(plan.needs.map(({ name }) => name), ["r"]);
  assert.deepEqual(plan.makes.map(({ name }) => name), ["n"]);
  assert.deepEqual(plan.closes, ["w"]);
  assert.equal(plan.writes, true);
  assert.deepEqual(plan.texts, [READ, WRITE]);
});

Deno.test("planBatch() keeps a statement where it is that the book has no room for", () => {
  const book = createBook(10);
  const made = planBatch([P("", READ), B(""), E(), S], true, judging(book)).makes[0]!;
  assert.deepEqual([made.parse, made.text], [null, null]);
  book.set(made);
  assert.equal(planBatch([B(""), E(), S], true, judging(book)).place, "primary");
});

Deno.test("planBatch() trusts no batch that it cannot read", () => {
  const broken = message(messageBytes("B", Uint8Array.of(0x41)));
  const plan = planBatch([broken, S], true, judging(known));
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
