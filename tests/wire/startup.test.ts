import assert from "node:assert/strict";
import fc from "fast-check";
import { concatBytes, int32Bytes } from "../../src/wire/bytes.ts";
import {
  cancelRequestBytes,
  gssencRequestBytes,
  MAXIMUM_STARTUP_BYTES,
  parseStartup,
  sslRequestBytes,
  startupBytes,
} from "../../src/wire/startup.ts";

function sqlstateOf(bytes: Uint8Array): string {
  const parsed = parseStartup(bytes);
  return parsed.type === "invalid" ? parsed.complaint.sqlstate : parsed.type;
}

Deno.test("parseStartup() reads parameters, the minor version and nothing beyond the packet", () => {
  const packet = startupBytes({ user: "app", database: "shop", "_pq_.x": "1" }, 2);
  const parsed = parseStartup(concatBytes([packet, Uint8Array.of(1, 2, 3)]));
  assert.deepEqual(parsed, {
    type: "startup",
    bytes: packet.length,
    minor: 2,
    parameters: new Map([["user", "app"], ["database", "shop"], ["_pq_.x", "1"]]),
    userBytes: new TextEncoder().encode("app"),
  });
});

Deno.test("parseStartup() takes the last of two values, as PostgreSQL does", () => {
  const body = new TextEncoder().encode("user\0app\0user\0postgres\0\0");
  const packet = concatBytes([int32Bytes(8 + body.length), int32Bytes(3 << 16), body]);
  const parsed = parseStartup(packet);
  assert.equal(parsed.type === "startup" && parsed.parameters.get("user"), "postgres");
  assert.deepEqual(
    parsed.type === "startup" && parsed.userBytes,
    new TextEncoder().encode("postgres"),
  );
});

Deno.test("parseStartup() waits for more where any packet is cut at any byte", () => {
  const key = { processId: 7, secretKey: Uint8Array.of(1, 2, 3, 4) };
  const packets = [
    startupBytes({ user: "app" }),
    sslRequestBytes(),
    gssencRequestBytes(),
    cancelRequestBytes(key),
  ];
  for (const packet of packets) {
    for (let cut = 0; cut < packet.length; cut++) {
      assert.equal(parseStartup(packet.subarray(0, cut)).type, "incomplete");
    }
  }
  assert.deepEqual(parseStartup(sslRequestBytes()), { type: "ssl_request", bytes: 8 });
  assert.deepEqual(parseStartup(gssencRequestBytes()), { type: "gssenc_request", bytes: 8 });
});

Deno.test("parseStartup() reads cancel keys of 4 to 256 bytes and refuses others", () => {
  for (const length of [4, 32, 256]) {
    const key = { processId: -5, secretKey: new Uint8Array(length).fill(9) };
    const bytes = cancelRequestBytes(key);
    assert.deepEqual(parseStartup(bytes), { type: "cancel_request", bytes: bytes.length, key });
  }
  for (const length of [0, 3, 257]) {
    const key = { processId: 5, secretKey: new Uint8Array(length) };
    assert.equal(sqlstateOf(cancelRequestBytes(key)), "08P01");
  }
});

Deno.test("parseStartup() refuses lengths outside 8 to 10,000 before they are buffered", () => {
  for (const length of [-1, -2147483648, 0, 4, 7, MAXIMUM_STARTUP_BYTES + 1, 2147483647]) {
    assert.equal(sqlstateOf(int32Bytes(length)), "08P01", String(length));
  }
  assert.equal(parseStartup(int32Bytes(MAXIMUM_STARTUP_BYTES)).type, "incomplete");
});

Deno.test("parseStartup() knows TLS from its first byte, and refuses protocol 2.0 and HTTP", () => {
  assert.equal(sqlstateOf(concatBytes([int32Bytes(8), int32Bytes(2 << 16)])), "0A000");
  assert.equal(parseStartup(Uint8Array.of(0x16, 3, 1, 2, 0)).type, "tls_handshake");
  assert.equal(sqlstateOf(new TextEncoder().encode("GET / HTTP/1.1\r\n")), "08P01");
});

Deno.test("parseStartup() refuses parameters without terminators, and bytes behind the last", () => {
  const bodies = ["user", "user\0", "user\0app", "user\0app\0", "user\0app\0\0hidden\0"];
  for (const body of bodies) {
    const bytes = new TextEncoder().encode(body);
    const packet = concatBytes([int32Bytes(8 + bytes.length), int32Bytes(3 << 16), bytes]);
    assert.equal(sqlstateOf(packet), "08P01", JSON.stringify(body));
  }
});

Deno.test("parseStartup() gives an answer to any bytes, the same through a view", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(9), (bytes, offset) => {
    const view = concatBytes([new Uint8Array(offset), bytes]).subarray(offset);
    assert.deepEqual(parseStartup(view), parseStartup(bytes));
  }));
});
