import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import fc from "fast-check";
import { fromBase64, toBase64 } from "../../src/wire/base64.ts";
import type { Hashes } from "../../src/wire/hashes.ts";
import { md5Answer } from "../../src/wire/md5.ts";
import {
  answerClientFinal,
  answerClientFirst,
  answerServerFirst,
  checkServerFinal,
  type ScramMechanism,
  startScramClient,
} from "../../src/wire/scram.ts";
import {
  mockVerifier,
  parseVerifier,
  type ScramVerifier,
  scramVerifierText,
} from "../../src/wire/verifier.ts";

const HASHES: Hashes = {
  sha256: (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()),
  hmacSha256: (key, bytes) => new Uint8Array(createHmac("sha256", key).update(bytes).digest()),
  md5: (bytes) => new Uint8Array(createHash("md5").update(bytes).digest()),
};
const utf8 = (text: string) => new TextEncoder().encode(text);

/** A second reading of RFC 5802, written from its formulas. */
function reference(password: string, salt: Uint8Array, iterations: number) {
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const clientKey = HASHES.hmacSha256(salted, utf8("Client Key"));
  const serverKey = HASHES.hmacSha256(salted, utf8("Server Key"));
  return {
    clientKey,
    verifier: {
      type: "scram",
      iterations,
      salt,
      storedKey: HASHES.sha256(clientKey),
      serverKey,
      mock: false,
    } satisfies ScramVerifier as ScramVerifier,
    proof(authMessage: string): string {
      const signature = HASHES.hmacSha256(HASHES.sha256(clientKey), utf8(authMessage));
      return toBase64(clientKey.map((byte, i) => byte ^ signature[i]!));
    },
  };
}

function first(
  verifier: ScramVerifier,
  clientFirst: string,
  more: { mechanism?: ScramMechanism; binding?: Uint8Array | null; nonce?: string } = {},
) {
  return answerClientFirst({
    mechanism: "SCRAM-SHA-256",
    binding: null,
    nonce: "server",
    ...more,
    clientFirst,
    verifier,
  });
}

function valueOf<T>(step: { ok: true; value: T } | { ok: false; because: string }): T {
  assert.ok(step.ok, step.ok ? "" : step.because);
  return step.value;
}

Deno.test("answerClientFinal() accepts the exchange that RFC 7677 prints", () => {
  const { verifier } = reference("pencil", fromBase64("W22ZaJ0SNY7soEsUEjb6gQ==")!, 4096);
  const server = valueOf(first(verifier, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", {
    nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
  }));
  assert.equal(
    server.serverFirst,
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  );
  const ended = valueOf(answerClientFinal(
    HASHES,
    server,
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  ));
  assert.equal(ended.serverFinal, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
});

Deno.test("the keys that a proof reveals open every server with the same verifier", () => {
  fc.assert(fc.property(
    fc.string({ minLength: 1 }),
    fc.uint8Array({ minLength: 1, maxLength: 32 }),
    fc.integer({ min: 1, max: 50 }),
    (password, salt, iterations) => {
      const { clientKey, verifier, proof } = reference(password, salt, iterations);
      const server = valueOf(first(verifier, "n,,n=,r=client"));
      const final = `c=biws,r=${server.nonce}`;
      const sent = `${final},p=${proof(`n=,r=client,${server.serverFirst},${final}`)}`;
      const { keys } = valueOf(answerClientFinal(HASHES, server, sent));
      assert.deepEqual(keys.clientKey, clientKey);

      const { client, clientFirst } = startScramClient(keys, "router");
      const backend = valueOf(first(verifier, clientFirst, { nonce: "backend" }));
      const answer = valueOf(answerServerFirst(HASHES, client, backend.serverFirst));
      const ended = valueOf(answerClientFinal(HASHES, backend, answer.clientFinal));
      assert.ok(checkServerFinal(ended.serverFinal, answer.signature).ok);
    },
  ));
});

Deno.test("answerClientFinal() refuses a proof of which one bit is wrong", () => {
  const { verifier, proof } = reference("secret", utf8("salt"), 2);
  const server = valueOf(first(verifier, "n,,n=,r=client"));
  const final = `c=biws,r=${server.nonce}`;
  const right = fromBase64(proof(`n=,r=client,${server.serverFirst},${final}`))!;
  for (let bit = 0; bit < 256; bit++) {
    const wrong = right.slice();
    wrong[bit >> 3]! ^= 1 << (bit & 7);
    const step = answerClientFinal(HASHES, server, `${final},p=${toBase64(wrong)}`);
    assert.equal(step.ok ? "accepted" : step.failure, "unproven");
  }
});

Deno.test("answerClientFinal() refuses every proof for a stand-in, its own keys included", () => {
  const stand = mockVerifier(HASHES, utf8("secret"), "nobody");
  assert.deepEqual(stand.salt, mockVerifier(HASHES, utf8("secret"), "nobody").salt);
  assert.notDeepEqual(stand.salt, mockVerifier(HASHES, utf8("secret"), "somebody").salt);
  assert.equal(stand.salt.length, 16);
  const { verifier, proof } = reference("known", utf8("salt"), 1);
  const server = valueOf(first({ ...verifier, mock: true }, "n,,n=,r=client"));
  const final = `c=biws,r=${server.nonce}`;
  const sent = `${final},p=${proof(`n=,r=client,${server.serverFirst},${final}`)}`;
  const step = answerClientFinal(HASHES, server, sent);
  assert.equal(step.ok ? "accepted" : step.failure, "unproven");
});

Deno.test("answerClientFirst() refuses what does not fit the channel", () => {
  const { verifier } = reference("secret", utf8("salt"), 1);
  const binding = utf8("hash of the certificate");
  const bare = "n=,r=client";
  const PLUS = "SCRAM-SHA-256-PLUS";
  const cases: [string, ScramMechanism, Uint8Array | null, boolean][] = [
    ["n,,", "SCRAM-SHA-256", null, true],
    ["y,,", "SCRAM-SHA-256", null, true],
    ["n,,", "SCRAM-SHA-256", binding, true],
    ["y,,", "SCRAM-SHA-256", binding, false],
    ["p=tls-server-end-point,,", "SCRAM-SHA-256", binding, false],
    ["p=tls-server-end-point,,", PLUS, binding, true],
    ["p=tls-unique,,", PLUS, binding, false],
    ["n,,", PLUS, binding, false],
    ["p=tls-server-end-point,,", PLUS, null, false],
    ["n,a=other,", "SCRAM-SHA-256", null, false],
    ["x,,", "SCRAM-SHA-256", null, false],
    ["", "SCRAM-SHA-256", null, false],
  ];
  for (const [header, mechanism, bound, accepted] of cases) {
    const step = first(verifier, header + bare, { mechanism, binding: bound });
    assert.equal(step.ok, accepted, `${mechanism} ${header} ${bound !== null}`);
  }
});

Deno.test("answerClientFinal() in -PLUS accepts the right certificate's hash and no other", () => {
  const { verifier, proof } = reference("secret", utf8("salt"), 1);
  const header = "p=tls-server-end-point,,";
  const binding = utf8("right");
  const server = valueOf(
    first(verifier, `${header}n=,r=client`, { mechanism: "SCRAM-SHA-256-PLUS", binding }),
  );
  for (const [bound, accepted] of [["right", true], ["wrong", false], ["", false]] as const) {
    const final = `c=${toBase64(utf8(header + bound))},r=${server.nonce}`;
    const sent = `${final},p=${proof(`n=,r=client,${server.serverFirst},${final}`)}`;
    assert.equal(answerClientFinal(HASHES, server, sent).ok, accepted);
  }
});

Deno.test("answerServerFirst() refuses a server with another verifier or a nonce of its own", () => {
  const { clientKey, verifier } = reference("secret", utf8("salt"), 7);
  const { client } = startScramClient({ clientKey, verifier }, "ours");
  const salt = toBase64(utf8("salt"));
  const cases: [string, string][] = [
    [`r=oursTheirs,s=${salt},i=7`, "accepted"],
    [`r=oursTheirs,s=${salt},i=8`, "unproven"],
    [`r=oursTheirs,s=${toBase64(utf8("pepper"))},i=7`, "unproven"],
    [`r=ours,s=${salt},i=7`, "malformed"],
    [`r=theirs,s=${salt},i=7`, "malformed"],
    [`r=oursTheirs,s=!,i=7`, "malformed"],
    [`r=oursTheirs,i=7`, "malformed"],
  ];
  for (const [text, expected] of cases) {
    const step = answerServerFirst(HASHES, client, text);
    assert.equal(step.ok ? "accepted" : step.failure, expected, text);
  }
});

Deno.test("answerClientFirst() and answerClientFinal() survive any text", () => {
  const { verifier } = reference("secret", utf8("salt"), 1);
  const server = valueOf(first(verifier, "n,,n=,r=client"));
  fc.assert(fc.property(fc.string(), (text) => {
    first(verifier, text);
    assert.equal(answerClientFinal(HASHES, server, text).ok, false);
  }));
});

Deno.test("parseVerifier() reads back what scramVerifierText() writes, and nothing near it", () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 2_147_483_647 }),
    fc.uint8Array({ minLength: 1, maxLength: 64 }),
    bytes(32),
    bytes(32),
    (iterations, salt, storedKey, serverKey) => {
      const verifier: ScramVerifier = {
        type: "scram",
        iterations,
        salt,
        storedKey,
        serverKey,
        mock: false,
      };
      const text = scramVerifierText(verifier);
      assert.deepEqual(parseVerifier(text), verifier);
      assert.equal(parseVerifier(text.slice(0, -1)), null);
      assert.equal(parseVerifier(text.replace(/\$\d+:/, "$0:")), null);
    },
  ));
  for (const text of ["", "secret", "md5", "md5" + "g".repeat(32), "SCRAM-SHA-256$1:$:"]) {
    assert.equal(parseVerifier(text), null);
  }
});

Deno.test("md5Answer() gives what a client computes from the password", () => {
  const hex = (text: string | Uint8Array) => createHash("md5").update(text).digest("hex");
  const salt = Uint8Array.of(1, 2, 3, 255);
  const digest = hex("secret" + "app");
  const expected = "md5" + hex(new Uint8Array([...utf8(digest), ...salt]));
  assert.equal(md5Answer(HASHES, digest, salt), expected);
});
