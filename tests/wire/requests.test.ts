import assert from "node:assert/strict";
import fc from "fast-check";
import { concatBytes, cStringBytes, int32Bytes } from "../../src/wire/bytes.ts";
import {
  closeStatementBytes,
  parseBind,
  parseDataRow,
  parseExecute,
  parseParse,
  parseQuery,
  parseTarget,
  syncBytes,
} from "../../src/wire/requests.ts";

const name = fc.string({ maxLength: 20 }).filter((text) => !text.includes("\0"));

Deno.test("the readers of requests give back what was written", () => {
  fc.assert(fc.property(name, name, fc.nat(1_000_000), (a, b, limit) => {
    assert.equal(parseQuery(cStringBytes(a)), a);
    const parse = concatBytes([cStringBytes(a), cStringBytes(b), Uint8Array.of(0, 0)]);
    assert.deepEqual(parseParse(parse), { name: a, text: b });
    const bind = concatBytes([cStringBytes(a), cStringBytes(b), new Uint8Array(6)]);
    assert.deepEqual(parseBind(bind), { portal: a, statement: b });
    const execute = concatBytes([cStringBytes(a), int32Bytes(limit)]);
    assert.deepEqual(parseExecute(execute), { portal: a, limit });
    assert.deepEqual(parseTarget(closeStatementBytes(a).subarray(5)), {
      kind: "statement",
      name: a,
    });
  }));
});

Deno.test("the readers of requests give null for anything cut short, and never throw", () => {
  const readers = [parseQuery, parseParse, parseBind, parseExecute, parseTarget, parseDataRow];
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    for (const reader of readers) reader(bytes);
  }));
  for (const reader of readers) assert.equal(reader(new Uint8Array(0)), null);
  assert.equal(parseTarget(Uint8Array.of(0x58, 0)), null);
  assert.equal(parseDataRow(Uint8Array.of(0, 1, 0, 0, 0, 9, 1)), null);
});

Deno.test("syncBytes() is a header alone", () => {
  assert.deepEqual(syncBytes(), Uint8Array.of(0x53, 0, 0, 0, 4));
});
