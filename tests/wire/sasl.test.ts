import assert from "node:assert/strict";
import fc from "fast-check";
import {
  mechanismListBytes,
  parseMechanismList,
  parsePassword,
  parseSaslInitial,
  passwordBytes,
  saslInitialBytes,
} from "../../src/wire/sasl.ts";
import {
  parseStartup,
  plainStartup,
  protocolOptions,
  startupBytes,
} from "../../src/wire/startup.ts";

const text = () => fc.string({ minLength: 1 }).filter((value) => !value.includes("\0"));

Deno.test("parseSaslInitial() reads back what saslInitialBytes() builds, and no part of it", () => {
  fc.assert(fc.property(text(), fc.string(), (mechanism, data) => {
    const payload = saslInitialBytes(mechanism, data).subarray(5);
    assert.deepEqual(parseSaslInitial(payload), { mechanism, data });
    for (let end = 0; end < payload.length; end++) {
      assert.equal(parseSaslInitial(payload.subarray(0, end)), null);
    }
  }));
});

Deno.test("parseMechanismList() reads back what mechanismListBytes() builds, and no part of it", () => {
  fc.assert(fc.property(fc.array(text(), { maxLength: 4 }), (mechanisms) => {
    const payload = Uint8Array.of(0, 0, 0, 10, ...mechanismListBytes(mechanisms));
    assert.deepEqual(parseMechanismList(payload), mechanisms);
    for (let end = 4; end < payload.length; end++) {
      assert.equal(parseMechanismList(payload.subarray(0, end)), null);
    }
  }));
});

Deno.test("parsePassword() accepts one terminated text", () => {
  assert.equal(parsePassword(passwordBytes("secret").subarray(5)), "secret");
  for (const bytes of [[], [65], [65, 0, 66, 0], [0xff, 0]]) {
    assert.equal(parsePassword(Uint8Array.from(bytes)), null);
  }
});

Deno.test("plainStartup() keeps every parameter but the protocol's own options", () => {
  const packet = startupBytes({ user: "app", "_pq_.a": "1", options: "-c x=1", "_pq_.b": "" }, 2);
  const told = parseStartup(packet);
  assert.ok(told.type === "startup");
  assert.deepEqual(protocolOptions(told.parameters), ["_pq_.a", "_pq_.b"]);
  const plain = parseStartup(plainStartup(packet));
  assert.ok(plain.type === "startup");
  assert.equal(plain.minor, 0);
  assert.deepEqual([...plain.parameters], [["user", "app"], ["options", "-c x=1"]]);
});
