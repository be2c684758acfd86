import assert from "node:assert/strict";
import { findFreePorts } from "../../../src/cli/demo/ports.ts";

Deno.test("findFreePorts() gives distinct ports on which one can listen, below the outgoing range", () => {
  const ports = findFreePorts("127.0.0.1", 9);
  assert.ok(ports !== null);
  assert.equal(new Set(ports).size, 9);
  for (const port of ports) {
    assert.ok(port >= 20_000 && port < 32_000);
    Deno.listen({ hostname: "127.0.0.1", port }).close();
  }
});

Deno.test("findFreePorts() passes over a port that is taken", () => {
  const ports = findFreePorts("127.0.0.1", 1);
  assert.ok(ports !== null);
  const taken = Deno.listen({ hostname: "127.0.0.1", port: ports[0]! });
  try {
    const others = findFreePorts("127.0.0.1", 1, () => (ports[0]! - 20_000) / 12_000);
    assert.ok(others !== null);
    assert.notEqual(others[0], ports[0]);
  } finally {
    taken.close();
  }
});

Deno.test("findFreePorts() wraps at the end of its range", () => {
  const ports = findFreePorts("127.0.0.1", 3, () => 0.99999);
  assert.equal(ports?.length, 3);
});
