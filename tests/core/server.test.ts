import assert from "node:assert/strict";
import fc from "fast-check";
import { parseStandbyName, standbyName } from "../../src/core/server.ts";

Deno.test("standbyName() of an unknown data directory is a name that no standby bears", () => {
  assert.equal(standbyName({ node: "b", incarnation: null }), "b");
  assert.equal(parseStandbyName("b"), null);
});

Deno.test("parseStandbyName() reads back what standbyName() writes", () => {
  const node = fc.stringMatching(/^[A-Za-z0-9_-]{1,63}$/);
  const incarnation = fc.stringMatching(/^[0-9a-f]{8}$/);
  fc.assert(fc.property(node, incarnation, (node, incarnation) => {
    assert.deepEqual(parseStandbyName(standbyName({ node, incarnation })), { node, incarnation });
  }));
});

Deno.test("parseStandbyName() refuses names of other programs", () => {
  for (const text of ["", "psql", "-0a1b2c3d", "b-0A1B2C3D", "b-0a1b2c3", "b-0a1b2c3d "]) {
    assert.equal(parseStandbyName(text), null, text);
  }
});
