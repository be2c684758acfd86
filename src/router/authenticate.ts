/**
 * Lets a client prove who it is, before any server hears of it.
 *
 * The proof is checked against the role's verifier, and what an accepted proof reveals opens the
 * servers. A role that does not exist, or has no password, goes through the same exchange with a
 * stand-in that accepts nothing.
 *
 * @module
 */
import { concatBytes, NO_BYTES, readInt32 } from "../wire/bytes.ts";
import { sameBytes } from "../wire/hashes.ts";
import { md5Answer } from "../wire/md5.ts";
import { authenticationBytes } from "../wire/messages.ts";
import {
  MAXIMUM_PASSWORD_MESSAGE_BYTES,
  mechanismListBytes,
  parsePassword,
  parseSaslInitial,
  textOf,
} from "../wire/sasl.ts";
import {
  answerClientFinal,
  answerClientFirst,
  type ScramKeys,
  type ScramMechanism,
} from "../wire/scram.ts";
import { type Complaint, SQLSTATE } from "../wire/sqlstate.ts";
import type { ScramVerifier, Verifier } from "../wire/verifier.ts";
import { HASHES, newNonce, secretBytes } from "./hashes.ts";
import type { Ear } from "./ear.ts";
import { write } from "./socket.ts";

/** What opens a session on a server in the client's name. It lives as long as the session. */
export type Credentials =
  | { readonly type: "scram"; readonly keys: ScramKeys }
  /** 32 hexadecimal digits. */
  | { readonly type: "md5"; readonly digest: string };

/** How the exchange ended. */
export type Authentication =
  | {
    readonly type: "proven";
    readonly credentials: Credentials;
  }
  /** The proof is wrong. */
  | { readonly type: "unproven"; readonly complaint: Complaint }
  | { readonly type: "broken"; readonly complaint: Complaint }
  | { readonly type: "gone" };

interface Exchange {
  readonly client: Deno.Conn;
  readonly ear: Ear;
  readonly user: string;
  readonly binding: Uint8Array | null;
}

/**
 * Runs the exchange up to AuthenticationOk, which is sent. The caller limits the time.
 *
 * @param ear reads the client; it has whatever the client sent behind its proof
 * @param verifier the role's, or a stand-in
 * @param binding the hash of the certificate that the client saw; null offers no channel binding
 */
export async function authenticateClient(
  { client, ear, user, verifier, binding }: {
    readonly client: Deno.Conn;
    readonly ear: Ear;
    readonly user: string;
    readonly verifier: Verifier;
    readonly binding: Uint8Array | null;
  },
): Promise<Authentication> {
  const exchange: Exchange = { client, ear, user, binding };
  switch (verifier.type) {
    case "scram":
      return await byScram(exchange, verifier);
    case "md5":
      return await byMd5(exchange, verifier.digest);
  }
}

async function byScram(exchange: Exchange, verifier: ScramVerifier): Promise<Authentication> {
  const { client, binding } = exchange;
  const mechanisms: ScramMechanism[] = binding === null
    ? ["SCRAM-SHA-256"]
    : ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"];
  if (!await write(client, authenticationBytes("sasl", mechanismListBytes(mechanisms)))) {
    return { type: "gone" };
  }
  const first = await nextAnswer(exchange);
  if (first.type !== "answer") return first;
  const initial = parseSaslInitial(first.payload);
  const mechanism = mechanisms.find((name) => name === initial?.mechanism);
  if (mechanism === undefined || !initial || initial.data === null) {
    return broken("the client chose a mechanism that was not offered, or sent no first message");
  }
  const started = answerClientFirst({
    mechanism,
    clientFirst: initial.data,
    binding,
    verifier,
    nonce: newNonce(),
  });
  if (!started.ok) return broken(started.because);
  const serverFirst = new TextEncoder().encode(started.value.serverFirst);
  if (!await write(client, authenticationBytes("sasl_continue", serverFirst))) {
    return { type: "gone" };
  }
  const second = await nextAnswer(exchange);
  if (second.type !== "answer") return second;
  const clientFinal = textOf(second.payload);
  if (clientFinal === null) return broken("its last message is not UTF-8");
  const ended = answerClientFinal(HASHES, started.value, clientFinal);
  if (!ended.ok) {
    return ended.failure === "unproven" ? unproven(exchange.user) : broken(ended.because);
  }
  const { serverFinal, keys } = ended.value;
  const lastWords = concatBytes([
    authenticationBytes("sasl_final", new TextEncoder().encode(serverFinal)),
    authenticationBytes("ok"),
  ]);
  if (!await write(client, lastWords)) return { type: "gone" };
  return { type: "proven", credentials: { type: "scram", keys } };
}

async function byMd5(exchange: Exchange, digest: string): Promise<Authentication> {
  const salt = secretBytes(4);
  if (!await write(exchange.client, authenticationBytes("md5_password", salt))) {
    return { type: "gone" };
  }
  const answer = await nextAnswer(exchange);
  if (answer.type !== "answer") return answer;
  const given = parsePassword(answer.payload);
  if (given === null) return broken("its password message is unfit");
  const encoder = new TextEncoder();
  const wanted = encoder.encode(md5Answer(HASHES, digest, salt));
  if (!sameBytes(encoder.encode(given), wanted)) return unproven(exchange.user);
  if (!await write(exchange.client, authenticationBytes("ok"))) return { type: "gone" };
  return { type: "proven", credentials: { type: "md5", digest } };
}

type Answer =
  | { readonly type: "answer"; readonly payload: Uint8Array }
  | Extract<Authentication, { type: "broken" | "gone" }>;

async function nextAnswer({ ear }: Exchange): Promise<Answer> {
  let heard: Uint8Array = NO_BYTES;
  for (;;) {
    if (heard.length >= 5) {
      const length = readInt32(heard, 1);
      if (heard[0] !== 0x70 || length < 4 || length > MAXIMUM_PASSWORD_MESSAGE_BYTES) {
        return broken("an answer to the challenge was expected");
      }
      if (heard.length > length) {
        if (heard.length > length + 1) ear.putBack(heard.slice(length + 1));
        return { type: "answer", payload: heard.subarray(5, length + 1) };
      }
    }
    const more = await ear.next();
    if (more === null) return { type: "gone" };
    heard = concatBytes([heard, more]);
  }
}

function unproven(user: string): Authentication {
  return {
    type: "unproven",
    complaint: {
      sqlstate: SQLSTATE.invalidPassword,
      message: `password authentication failed for user "${user}"`,
    },
  };
}

function broken(because: string): Extract<Authentication, { type: "broken" }> {
  return {
    type: "broken",
    complaint: {
      sqlstate: SQLSTATE.protocolViolation,
      message: `Cannot authenticate the client: ${because}.`,
      hint: "Check that the client speaks PostgreSQL's protocol.",
    },
  };
}
