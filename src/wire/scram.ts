/**
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), both sides, as machines without I/O:
 * texts go in, texts come out, nonces and hash functions are inputs.
 *
 * The server's side works from a verifier alone, and a proof that it accepts yields the client's
 * `ClientKey`. That key opens a session on every server with the same verifier, with no password
 * known: the client's side works from it.
 *
 * @module
 */
import { fromBase64, toBase64 } from "./base64.ts";
import { concatBytes } from "./bytes.ts";
import { type Hashes, sameBytes, xorBytes } from "./hashes.ts";
import type { ScramVerifier } from "./verifier.ts";

/** The mechanisms' names on the wire. */
export type ScramMechanism = "SCRAM-SHA-256" | "SCRAM-SHA-256-PLUS";

/** What a client proved, and what lets the router prove the same elsewhere. */
export interface ScramKeys {
  readonly clientKey: Uint8Array;
  readonly verifier: ScramVerifier;
}

/** The server's side between its first message and the client's proof. */
export interface ScramServer {
  readonly verifier: ScramVerifier;
  readonly clientFirstBare: string;
  readonly serverFirst: string;
  readonly nonce: string;
  /** What `c=` must hold: the header, and behind it the certificate's hash in -PLUS. */
  readonly bindingInput: Uint8Array;
}

/** A step of either side: what to do next, or why the exchange is over. */
export type ScramStep<T> =
  | { readonly ok: true; readonly value: T }
  /** The peer broke the protocol. */
  | { readonly ok: false; readonly failure: "malformed"; readonly because: string }
  /** The proof or signature is wrong. */
  | { readonly ok: false; readonly failure: "unproven"; readonly because: string };

const ENCODER = new TextEncoder();
const MAXIMUM_MESSAGE_CHARS = 4096;
const PRINTABLE = /^[\x21-\x2b\x2d-\x7e]+$/;

/**
 * Takes the client's first message, and makes the server's.
 *
 * @param mechanism the one that the client chose
 * @param binding the tls-server-end-point hash of the certificate; null without TLS, or where the
 * certificate has none, and then -PLUS was not offered
 * @param nonce at least 18 random bytes as base64
 */
export function answerClientFirst(
  { mechanism, clientFirst, binding, verifier, nonce }: {
    readonly mechanism: ScramMechanism;
    readonly clientFirst: string;
    readonly binding: Uint8Array | null;
    readonly verifier: ScramVerifier;
    readonly nonce: string;
  },
): ScramStep<ScramServer> {
  if (clientFirst.length > MAXIMUM_MESSAGE_CHARS) return malformed("its first message is too long");
  const header = /^(n|y|p=([A-Za-z0-9.-]+)),(?:a=[^,]*)?,/.exec(clientFirst);
  if (header === null) return malformed("its first message has no fit header");
  if (!header[0].endsWith(",,")) return malformed("it asks for an authorization identity");
  const flag = header[1]!;
  if (mechanism === "SCRAM-SHA-256-PLUS") {
    if (binding === null) return malformed("it binds to a channel that was not offered");
    if (header[2] !== "tls-server-end-point") return malformed("it asks for an unknown binding");
  } else if (header[2] !== undefined) {
    return malformed("it binds to a channel in a mechanism without");
  } else if (flag === "y" && binding !== null) {
    // It believes that -PLUS was not offered, and it was: somebody in between took it out.
    return malformed("it did not see that channel binding was offered");
  }
  const bare = clientFirst.slice(header[0].length);
  const fields = /^n=([^,]*),r=([^,]+)(?:,.*)?$/.exec(bare);
  if (fields === null) return malformed("its first message has no name and nonce");
  if (!PRINTABLE.test(fields[2]!)) return malformed("its nonce has unfit characters");
  const whole = fields[2]! + nonce;
  const serverFirst = `r=${whole},s=${toBase64(verifier.salt)},i=${verifier.iterations}`;
  const bindingInput = mechanism === "SCRAM-SHA-256-PLUS"
    ? concatBytes([ENCODER.encode(header[0]), binding!])
    : ENCODER.encode(header[0]);
  return done({ verifier, clientFirstBare: bare, serverFirst, nonce: whole, bindingInput });
}

/**
 * Takes the client's proof.
 *
 * @returns the server's last message and the keys, or "unproven" for a wrong password and for every
 * stand-in verifier; the computations are the same in all of these
 */
export function answerClientFinal(
  hashes: Hashes,
  server: ScramServer,
  clientFinal: string,
): ScramStep<{ readonly serverFinal: string; readonly keys: ScramKeys }> {
  if (clientFinal.length > MAXIMUM_MESSAGE_CHARS) return malformed("its last message is too long");
  const fields = /^(c=([^,]*),r=([^,]*)(?:,[^p][^,]*)*),p=([^,]*)$/.exec(clientFinal);
  if (fields === null) return malformed("its last message has no binding, nonce and proof");
  const [, withoutProof, boundText, nonce, proofText] = fields;
  const bound = fromBase64(boundText!);
  if (bound === null || !sameBytes(bound, server.bindingInput)) {
    return malformed("its channel binding does not fit");
  }
  if (nonce !== server.nonce) return malformed("its nonce does not fit");
  const proof = fromBase64(proofText!);
  if (proof?.length !== 32) return malformed("its proof has the wrong length");
  const { verifier } = server;
  const authMessage = ENCODER.encode(
    `${server.clientFirstBare},${server.serverFirst},${withoutProof}`,
  );
  const clientKey = xorBytes(hashes.hmacSha256(verifier.storedKey, authMessage), proof);
  const right = sameBytes(hashes.sha256(clientKey), verifier.storedKey);
  const signature = hashes.hmacSha256(verifier.serverKey, authMessage);
  if (!right || verifier.mock) {
    return { ok: false, failure: "unproven", because: "the proof is wrong" };
  }
  return done({ serverFinal: `v=${toBase64(signature)}`, keys: { clientKey, verifier } });
}

/** The client's side after its first message. */
export interface ScramClient {
  readonly keys: ScramKeys;
  readonly nonce: string;
  readonly bare: string;
}

/**
 * Begins the client's side, without channel binding and with an empty name, as PostgreSQL takes the
 * user from the startup packet.
 *
 * @param nonce at least 18 random bytes as base64
 */
export function startScramClient(
  keys: ScramKeys,
  nonce: string,
): { readonly client: ScramClient; readonly clientFirst: string } {
  const bare = `n=,r=${nonce}`;
  return { client: { keys, nonce, bare }, clientFirst: `n,,${bare}` };
}

/**
 * Takes the server's first message, and makes the proof.
 *
 * @returns the last message and the signature that the server must answer with; "unproven" where the
 * server has another verifier for the role, so that the keys cannot open it
 */
export function answerServerFirst(
  hashes: Hashes,
  { keys, nonce, bare }: ScramClient,
  serverFirst: string,
): ScramStep<{ readonly clientFinal: string; readonly signature: Uint8Array }> {
  const fields = /^r=([^,]+),s=([^,]+),i=([1-9]\d{0,9})(?:,.*)?$/.exec(serverFirst);
  if (serverFirst.length > MAXIMUM_MESSAGE_CHARS || fields === null) {
    return malformed("its first message has no nonce, salt and iterations");
  }
  const whole = fields[1]!;
  if (!whole.startsWith(nonce) || whole.length === nonce.length || !PRINTABLE.test(whole)) {
    return malformed("its nonce does not begin with ours");
  }
  const { verifier, clientKey } = keys;
  const salt = fromBase64(fields[2]!);
  if (salt === null) return malformed("its salt is no base64");
  if (!sameBytes(salt, verifier.salt) || Number(fields[3]) !== verifier.iterations) {
    return { ok: false, failure: "unproven", because: "it has another verifier for the role" };
  }
  const withoutProof = `c=${toBase64(ENCODER.encode("n,,"))},r=${whole}`;
  const authMessage = ENCODER.encode(`${bare},${serverFirst},${withoutProof}`);
  const proof = xorBytes(clientKey, hashes.hmacSha256(verifier.storedKey, authMessage));
  return done({
    clientFinal: `${withoutProof},p=${toBase64(proof)}`,
    signature: hashes.hmacSha256(verifier.serverKey, authMessage),
  });
}

/** Takes the server's last message: does it know the verifier too? */
export function checkServerFinal(serverFinal: string, signature: Uint8Array): ScramStep<null> {
  const told = /^v=([^,]+)(?:,.*)?$/.exec(serverFinal);
  const given = told === null ? null : fromBase64(told[1]!);
  if (given === null) return malformed("its last message has no signature");
  return sameBytes(given, signature)
    ? done(null)
    : { ok: false, failure: "unproven", because: "its signature is wrong" };
}

function done<T>(value: T): ScramStep<T> {
  return { ok: true, value };
}

function malformed<T>(because: string): ScramStep<T> {
  return { ok: false, failure: "malformed", because };
}
