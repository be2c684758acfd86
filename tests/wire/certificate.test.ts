import assert from "node:assert/strict";
import fc from "fast-check";
import { bindingHashOf } from "../../src/wire/certificate.ts";

const element = (tag: number, ...content: number[][]): number[] => {
  const body = content.flat();
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255];
  return [tag, ...length, ...body];
};

/** The outline of a certificate: a body that is passed over, the algorithm, the signature. */
function certificate(identifier: number[], bodyBytes = 300): Uint8Array {
  return Uint8Array.from(element(
    0x30,
    element(0x30, new Array(bodyBytes).fill(0x30)),
    element(0x30, element(0x06, identifier), [0x05, 0x00]),
    element(0x03, [0, 1, 2, 3]),
  ));
}

const RSA = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
const ECDSA = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];

Deno.test("bindingHashOf() gives the signature's hash, and SHA-256 for weaker ones", () => {
  const cases: [number[], string | null][] = [
    [[...RSA, 4], "sha256"],
    [[...RSA, 5], "sha256"],
    [[...RSA, 11], "sha256"],
    [[...RSA, 12], "sha384"],
    [[...RSA, 13], "sha512"],
    [[...RSA, 10], null],
    [[...ECDSA, 1], "sha256"],
    [[...ECDSA, 3, 2], "sha256"],
    [[...ECDSA, 3, 3], "sha384"],
    [[...ECDSA, 3, 4], "sha512"],
    [[0x2b, 0x65, 0x70], null],
  ];
  for (const [identifier, hash] of cases) {
    for (const bodyBytes of [5, 300]) {
      assert.equal(bindingHashOf(certificate(identifier, bodyBytes)), hash);
    }
  }
});

Deno.test("bindingHashOf() gives null for what was cut, and survives any bytes", () => {
  const whole = certificate([...RSA, 11]);
  for (let end = 0; end < whole.length; end++) {
    assert.equal(bindingHashOf(whole.subarray(0, end)), null);
  }
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void bindingHashOf(bytes)));
});
