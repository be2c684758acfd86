/**
 * A role with a password, and both ends of its login: what a client sends, and a server that checks
 * it.
 *
 * @module
 */
import { createHmac, pbkdf2Sync } from "node:crypto";
import { HASHES, newNonce } from "../../src/router/hashes.ts";
import { authenticationBytes } from "../../src/wire/messages.ts";
import {
  mechanismListBytes,
  parseSaslInitial,
  saslInitialBytes,
  saslResponseBytes,
} from "../../src/wire/sasl.ts";
import {
  answerClientFinal,
  answerClientFirst,
  answerServerFirst,
  type ScramKeys,
  startScramClient,
} from "../../src/wire/scram.ts";
import { type ScramVerifier, scramVerifierText } from "../../src/wire/verifier.ts";
import type { Peer } from "../router/harness.ts";

/** The one role that may log in, with the password "secret". */
export const USER = "app";

const SALT = new TextEncoder().encode("salt-of-the-fuzz");
const SALTED = pbkdf2Sync("secret", SALT, 4096, 32, "sha256");
const key = (label: string) => new Uint8Array(createHmac("sha256", SALTED).update(label).digest());
const CLIENT_KEY = key("Client Key");
const VERIFIER: ScramVerifier = {
  type: "scram",
  iterations: 4096,
  salt: SALT,
  storedKey: HASHES.sha256(CLIENT_KEY),
  serverKey: key("Server Key"),
  mock: false,
};
const KEYS: ScramKeys = { clientKey: CLIENT_KEY, verifier: VERIFIER };

/** As `pg_authid` holds it. */
export const STORED = scramVerifierText(VERIFIER);

const DECODER = new TextDecoder();

/** The two answers of a client that knows the password. */
export function clientAnswers(): {
  readonly initial: Uint8Array;
  /** @returns null where the server's first message does not fit */
  readonly final: (serverFirst: Uint8Array) => Uint8Array | null;
} {
  const { client, clientFirst } = startScramClient(KEYS, newNonce());
  return {
    initial: saslInitialBytes("SCRAM-SHA-256", clientFirst),
    final(serverFirst) {
      const answered = answerServerFirst(HASHES, client, DECODER.decode(serverFirst));
      return answered.ok ? saslResponseBytes(answered.value.clientFinal) : null;
    },
  };
}

/** Checks a client as PostgreSQL does. @returns true where it proved the password */
export async function serverLogin(peer: Peer): Promise<boolean> {
  await peer.send(authenticationBytes("sasl", mechanismListBytes(["SCRAM-SHA-256"])));
  const first = await peer.message();
  const initial = first === null ? null : parseSaslInitial(first.payload);
  if (!initial || initial.data === null) return false;
  const started = answerClientFirst({
    mechanism: "SCRAM-SHA-256",
    clientFirst: initial.data,
    binding: null,
    verifier: VERIFIER,
    nonce: newNonce(),
  });
  if (!started.ok) return false;
  const text = new TextEncoder().encode(started.value.serverFirst);
  await peer.send(authenticationBytes("sasl_continue", text));
  const second = await peer.message();
  if (second === null) return false;
  const ended = answerClientFinal(HASHES, started.value, DECODER.decode(second.payload));
  if (!ended.ok) return false;
  const last = new TextEncoder().encode(ended.value.serverFinal);
  await peer.send(authenticationBytes("sasl_final", last), authenticationBytes("ok"));
  return true;
}
