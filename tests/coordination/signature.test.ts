import assert from "node:assert/strict";
import { signAnswer, verifyAnswer, verifyRequest } from "../../src/coordination/signature.ts";
import { hashBody } from "../../src/coordination/signature.ts";
import { KEYS, keysFrom, SECRET, signed } from "./support.ts";

const { envelope, init, path } = signed();
const BODY = new TextEncoder().encode('{"type":"vote_answer","granted":false}');
const FORGED = new TextEncoder().encode('{"type":"vote_answer","granted":true}');

const answer = (challenge: string | null = null) => ({
  status: 200,
  body: BODY,
  headers: new Headers(
    signAnswer(KEYS.peer, envelope, { status: 200, challenge, bodyHash: hashBody(BODY) }),
  ),
});

Deno.test("verifyAnswer() accepts an answer to this request, with and without a challenge", () => {
  assert.equal(verifyAnswer(KEYS.peer, envelope, answer()), true);
  assert.equal(verifyAnswer(KEYS.peer, envelope, answer("c".repeat(32))), true);
});

Deno.test("verifyAnswer() refuses an answer whose body, status or challenge was changed", () => {
  assert.equal(verifyAnswer(KEYS.peer, envelope, { ...answer(), body: FORGED }), false);
  assert.equal(verifyAnswer(KEYS.peer, envelope, { ...answer(), status: 409 }), false);
  const added = answer();
  added.headers.set("metako-challenge", "c".repeat(32));
  assert.equal(verifyAnswer(KEYS.peer, envelope, added), false);
  const removed = answer("c".repeat(32));
  removed.headers.delete("metako-challenge");
  assert.equal(verifyAnswer(KEYS.peer, envelope, removed), false);
});

Deno.test("verifyAnswer() refuses an answer to another request", () => {
  for (
    const other of [
      { ...envelope, counter: envelope.counter + 1 },
      { ...envelope, boot: "0".repeat(32) },
      { ...envelope, sender: "node3" },
      { ...envelope, recipient: "node3" },
    ]
  ) {
    assert.equal(verifyAnswer(KEYS.peer, other, answer()), false);
  }
});

Deno.test("verifyAnswer() refuses an answer without a signature, or with a request's", () => {
  assert.equal(
    verifyAnswer(KEYS.peer, envelope, { ...answer(), headers: new Headers() }),
    false,
  );
  const headers = new Headers({ "metako-signature": init.headers["metako-signature"]! });
  assert.equal(verifyAnswer(KEYS.peer, envelope, { ...answer(), headers }), false);
});

Deno.test("verifyAnswer() refuses other keys, and accepts either of two", () => {
  const other = keysFrom("another secret, long enough");
  assert.equal(verifyAnswer(other.peer, envelope, answer()), false);
  assert.equal(verifyAnswer(KEYS.operator, envelope, answer()), false);
  const both = keysFrom("another secret, long enough", SECRET);
  assert.equal(verifyAnswer(both.peer, envelope, answer()), true);
});

Deno.test("verifyRequest() accepts what signRequest() signed, and no other method", () => {
  const signatures = init.headers["metako-signature"]!.split(",");
  const target = { method: "POST", path };
  assert.equal(verifyRequest(KEYS.peer, target, envelope, signatures), true);
  assert.equal(
    verifyRequest(KEYS.peer, { ...target, method: "PUT" }, envelope, signatures),
    false,
  );
  assert.equal(verifyRequest(KEYS.peer, target, envelope, []), false);
});
