import assert from "node:assert/strict";
import fc from "fast-check";
import { fromBase64, toBase64 } from "../../src/wire/base64.ts";

/** The runtime's own, which takes more than it should. */
function reference(text: string): Uint8Array | null {
  try {
    const binary = atob(text);
    return btoa(binary) === text ? Uint8Array.from(binary, (char) => char.charCodeAt(0)) : null;
  } catch {
    return null;
  }
}

Deno.test("toBase64() and fromBase64() are each other's inverse", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    const text = toBase64(bytes);
    assert.equal(text, btoa(String.fromCharCode(...bytes)));
    assert.deepEqual(fromBase64(text), bytes);
  }));
});

Deno.test("fromBase64() takes what encodes back to the same text, and nothing else", () => {
  const almost = fc.array(fc.constantFrom(..."AQgw9+/= =\n\u00e9-_"), { maxLength: 12 });
  fc.assert(
    fc.property(almost, (chars) => {
      assert.deepEqual(fromBase64(chars.join("")), reference(chars.join("")));
    }),
    { numRuns: 5000 },
  );
});
