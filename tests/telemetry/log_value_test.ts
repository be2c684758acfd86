import assert from "node:assert/strict";
import { isSecretName, logValue } from "../../src/telemetry/log_value.ts";

Deno.test("isSecretName() knows secrets by the last word of their name", () => {
  const secrets = ["password", "secret", "key", "apiKey", "cluster_secret", "localDbPassword"];
  const harmless = ["monkey", "keyFile", "passwordSet", "node", "secretary", "tokens"];
  assert.deepEqual(secrets.filter((name) => !isSecretName(name)), []);
  assert.deepEqual(harmless.filter(isSecretName), []);
});

Deno.test("logValue() bounds text, lists and depth", () => {
  assert.equal(String(logValue("x".repeat(10_000))).length, 4097);
  assert.equal((logValue(Array(1000).fill(1)) as unknown[]).length, 200);
  let deep: unknown = "end";
  for (let level = 0; level < 100; level++) deep = { deep };
  assert.ok(JSON.stringify(logValue(deep)).length < 200);
});

Deno.test("logValue() shows that a secret is not set", () => {
  assert.deepEqual(logValue({ password: null }), { password: null });
});
