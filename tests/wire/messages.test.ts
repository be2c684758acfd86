import assert from "node:assert/strict";
import { cStringBytes, messageBytes, readInt32 } from "../../src/wire/bytes.ts";
import { endsSession, fatalBytes, parseErrorFields, warningBytes } from "../../src/wire/errors.ts";
import {
  authenticationBytes,
  backendKeyDataBytes,
  negotiateProtocolVersionBytes,
  parameterStatusBytes,
  parseAuthentication,
  parseBackendKeyData,
  parseNegotiateProtocolVersion,
  parseParameterStatus,
  parseReadyForQuery,
  queryBytes,
  readyForQueryBytes,
  terminateBytes,
} from "../../src/wire/messages.ts";

const payloadOf = (message: Uint8Array) => message.subarray(5);

Deno.test("fatalBytes() is read back field by field", () => {
  const bytes = fatalBytes({ sqlstate: "57P03", message: "no primary — yet", hint: "wait" });
  assert.equal(readInt32(bytes, 1), bytes.length - 1);
  assert.deepEqual(parseErrorFields(payloadOf(bytes)), {
    severity: "FATAL",
    sqlstate: "57P03",
    message: "no primary — yet",
    detail: null,
    hint: "wait",
  });
});

Deno.test("fatalBytes() keeps a zero in a text from ending its field", () => {
  const fields = parseErrorFields(payloadOf(fatalBytes({ sqlstate: "08006", message: "a\0Mb" })));
  assert.equal(fields.message, "a Mb");
});

Deno.test("parseErrorFields() takes fields as missing where they are, or were cut", () => {
  const whole = payloadOf(fatalBytes({ sqlstate: "57P01", message: "going" }));
  assert.deepEqual(parseErrorFields(new Uint8Array(0)).sqlstate, null);
  const cut = parseErrorFields(whole.subarray(0, whole.length - 4));
  assert.equal(cut.sqlstate, "57P01");
  assert.equal(cut.message, null);
});

Deno.test("endsSession() is true for FATAL and PANIC, from old servers too", () => {
  const severities = (text: string) => endsSession(parseErrorFields(cStringBytes(text)));
  assert.equal(severities("SFATAL"), true);
  assert.equal(severities("VPANIC"), true);
  assert.equal(severities("VERROR"), false);
  assert.equal(endsSession(parseErrorFields(payloadOf(warningBytes({ message: "x" })))), false);
});

Deno.test("parseAuthentication() reads what authenticationBytes() wrote", () => {
  const steps = ["ok", "cleartext_password", "md5_password", "gss", "sasl", "sasl_final"] as const;
  for (const step of steps) {
    assert.equal(parseAuthentication(payloadOf(authenticationBytes(step))), step);
  }
  assert.equal(parseAuthentication(Uint8Array.of(0, 0)), null);
});

Deno.test("parseBackendKeyData() reads keys of 4 to 256 bytes and refuses others", () => {
  for (const length of [4, 256]) {
    const key = { processId: 4711, secretKey: new Uint8Array(length).fill(3) };
    assert.deepEqual(parseBackendKeyData(payloadOf(backendKeyDataBytes(key))), key);
  }
  assert.equal(parseBackendKeyData(new Uint8Array(7)), null);
  assert.equal(parseBackendKeyData(new Uint8Array(261)), null);
});

Deno.test("parseReadyForQuery() reads the three states and refuses a fourth", () => {
  for (const status of ["idle", "in_transaction", "failed"] as const) {
    assert.equal(parseReadyForQuery(payloadOf(readyForQueryBytes(status))), status);
  }
  assert.equal(parseReadyForQuery(Uint8Array.of(0x21)), null);
});

Deno.test("parseParameterStatus() reads a pair and refuses half of one", () => {
  const payload = payloadOf(parameterStatusBytes("TimeZone", ""));
  assert.deepEqual(parseParameterStatus(payload), { name: "TimeZone", value: "" });
  assert.equal(parseParameterStatus(cStringBytes("TimeZone")), null);
  assert.equal(parseParameterStatus(new TextEncoder().encode("TimeZone\0UTC")), null);
});

Deno.test("parseNegotiateProtocolVersion() reads the offer and checks its count", () => {
  const offer = { minor: 0, unknownOptions: ["_pq_.a", "_pq_.b"] };
  const payload = payloadOf(negotiateProtocolVersionBytes(offer));
  assert.deepEqual(parseNegotiateProtocolVersion(payload), offer);
  const miscounted = payload.slice();
  miscounted[7] = 3;
  assert.equal(parseNegotiateProtocolVersion(miscounted), null);
});

Deno.test("queryBytes() and terminateBytes() are what PostgreSQL expects", () => {
  assert.deepEqual(queryBytes("x"), Uint8Array.of(0x51, 0, 0, 0, 6, 0x78, 0));
  assert.deepEqual(terminateBytes(), messageBytes("X"));
});

Deno.test("cStringBytes() refuses text with a zero in it", () => {
  assert.throws(() => cStringBytes("a\0b"), RangeError);
});
