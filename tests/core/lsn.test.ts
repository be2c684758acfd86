import assert from "node:assert/strict";
import fc from "fast-check";
import { formatLsn, parseLsn } from "../../src/core/lsn.ts";

Deno.test("parseLsn() reads both halves as hexadecimal", () => {
  assert.equal(parseLsn("0/0"), 0n);
  assert.equal(parseLsn("1/0"), 0x1_0000_0000n);
  assert.equal(parseLsn("16/b374d848"), 0x16_B374_D848n);
  assert.equal(parseLsn("FFFFFFFF/FFFFFFFF"), 2n ** 64n - 1n);
});

Deno.test("parseLsn() refuses text that is not two hexadecimal halves", () => {
  for (
    const text of [
      "",
      "/",
      "0",
      "0/",
      "/0",
      "0/0/0",
      " 0/0",
      "0/0 ",
      "0/0\n",
      "-1/0",
      "0x1/0",
      "G/0",
      "123456789/0",
      "0/123456789",
    ]
  ) {
    assert.equal(parseLsn(text), null, JSON.stringify(text));
  }
});

Deno.test("formatLsn() pads nothing and writes upper case, as PostgreSQL does", () => {
  assert.equal(formatLsn(0n), "0/0");
  assert.equal(formatLsn(0xABn), "0/AB");
  assert.equal(formatLsn(0x2_0000_000Fn), "2/F");
});

Deno.test("parseLsn() reads back whatever formatLsn() writes", () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (lsn) => {
    assert.equal(parseLsn(formatLsn(lsn)), lsn);
  }));
});
