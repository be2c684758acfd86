import assert from "node:assert/strict";
import { fatalBytes } from "../../src/wire/errors.ts";
import { type AuthPhase, judgeStartup } from "../../src/wire/backend_auth.ts";
import {
  authenticationBytes,
  type AuthenticationStep,
  backendKeyDataBytes,
  parameterStatusBytes,
  readyForQueryBytes,
} from "../../src/wire/messages.ts";

function judge(messages: readonly Uint8Array[]): string[] {
  let phase: AuthPhase = "greeting";
  return messages.map((message) => {
    const judged = judgeStartup(phase, {
      code: String.fromCharCode(message[0]!),
      payload: message.subarray(5),
    });
    phase = judged.phase;
    return judged.verdict.type;
  });
}

const auth = (step: AuthenticationStep) => authenticationBytes(step);
const KEY = { processId: 1, secretKey: Uint8Array.of(1, 2, 3, 4) };

Deno.test("judgeStartup() follows a SCRAM exchange to the end", () => {
  assert.deepEqual(
    judge([
      auth("sasl"),
      auth("sasl_continue"),
      auth("sasl_final"),
      auth("ok"),
      parameterStatusBytes("TimeZone", "UTC"),
      backendKeyDataBytes(KEY),
      readyForQueryBytes("idle"),
    ]),
    ["challenged", "pending", "pending", "authenticated", "pending", "key", "ready"],
  );
});

Deno.test("judgeStartup() calls a server trusting that accepts without a challenge", () => {
  assert.deepEqual(judge([auth("ok")]), ["trusted"]);
  assert.deepEqual(judge([parameterStatusBytes("a", "b"), auth("ok")]), ["pending", "trusted"]);
});

Deno.test("judgeStartup() takes every kind of challenge as one", () => {
  const kinds = ["cleartext_password", "md5_password", "sasl", "gss", "sspi", "kerberos"] as const;
  for (const kind of kinds) {
    assert.deepEqual(judge([auth(kind), auth("ok")]), ["challenged", "authenticated"], kind);
  }
});

Deno.test("judgeStartup() does not take the rest of an exchange for a challenge", () => {
  for (const step of ["sasl_continue", "sasl_final", "gss_continue"] as const) {
    assert.deepEqual(judge([auth(step)]), ["violation"], step);
  }
});

Deno.test("judgeStartup() refuses messages out of their order", () => {
  assert.deepEqual(judge([readyForQueryBytes("idle")]), ["violation"]);
  assert.deepEqual(judge([backendKeyDataBytes(KEY)]), ["violation"]);
  assert.deepEqual(judge([auth("sasl"), readyForQueryBytes("idle")]), ["challenged", "violation"]);
  assert.deepEqual(judge([auth("sasl"), auth("ok"), auth("sasl")]).at(-1), "violation");
});

Deno.test("judgeStartup() hands on the server's refusal", () => {
  const { phase, verdict } = judgeStartup("challenged", {
    code: "E",
    payload: fatalBytes({ sqlstate: "28000", message: "no" }).subarray(5),
  });
  assert.equal(phase, "failed");
  assert.equal(verdict.type === "refused" && verdict.error.sqlstate, "28000");
});
