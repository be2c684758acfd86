/**
 * Signs an operator's requests in the browser, as the command line does, so that the cluster's
 * secret never leaves the page. What is signed, and how, stands in src/coordination/signature.ts and
 * keys.ts; a test holds the two together.
 *
 * The browser's cryptography (`crypto.subtle`) is there in a secure context only: HTTPS, or
 * localhost.
 *
 * @module
 */

/** The sender's name in an operator's requests. */
const OPERATOR = "@operator";

/** The challenge of a request whose sender has not been given one yet. */
export const NO_CHALLENGE = "none";

const encoder = new TextEncoder();

/**
 * Derives the key that signs; it cannot be read out of the browser's hands again.
 *
 * @param {string} secret `security.cluster_secret`, not empty
 * @param {string} cluster the cluster's name
 * @returns {Promise<CryptoKey>}
 */
export async function deriveOperatorKey(secret, cluster) {
  const base = await crypto.subtle.importKey("raw", encoder.encode(secret), "HKDF", false, [
    "deriveKey",
  ]);
  const salt = encoder.encode(`metako ${cluster}`);
  const info = encoder.encode("metako/1 operator");
  return await crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt, info },
    base,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign", "verify"],
  );
}

/** Random, 32 hexadecimal digits: names this page's life to the node. */
export function createBootId() {
  return hex(crypto.getRandomValues(new Uint8Array(16)));
}

/** SHA-256 in hexadecimal. @param {string} text */
export async function hashText(text) {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text))));
}

/**
 * The headers of a signed request.
 *
 * @param {CryptoKey} key
 * @param {{ method: string, path: string }} target
 * @param {{ recipient: string, boot: string, counter: number, challenge: string, bodyHash: string }}
 *   envelope
 * @returns {Promise<Record<string, string>>}
 */
export async function signRequest(key, { method, path }, envelope) {
  const { recipient, boot, counter, challenge, bodyHash } = envelope;
  const text = lines(
    "metako/1 request",
    method,
    path,
    OPERATOR,
    recipient,
    boot,
    counter,
    challenge,
    bodyHash,
  );
  const signature = await crypto.subtle.sign("HMAC", key, encoder.encode(text));
  return {
    "metako-sender": OPERATOR,
    "metako-recipient": recipient,
    "metako-boot": boot,
    "metako-counter": String(counter),
    "metako-challenge": challenge,
    "metako-body-sha256": bodyHash,
    "metako-signature": hex(new Uint8Array(signature)),
  };
}

/**
 * True where the answer was signed with the key, for this very request.
 *
 * @param {CryptoKey} key
 * @param {{ recipient: string, boot: string, counter: number }} request
 * @param {{ status: number, headers: Headers, text: string }} answer
 */
export async function verifyAnswer(key, request, { status, headers, text }) {
  const { recipient, boot, counter } = request;
  const challenge = headers.get("metako-challenge") ?? NO_CHALLENGE;
  const hash = await hashText(text);
  const signed = lines(
    "metako/1 answer",
    recipient,
    OPERATOR,
    boot,
    counter,
    status,
    challenge,
    hash,
  );
  return await verify(key, signed, headers.get("metako-signature"));
}

/**
 * True where one line of a streamed answer was signed with the key, for this request and this place.
 *
 * @param {CryptoKey} key
 * @param {{ recipient: string, boot: string, counter: number }} request
 * @param {number} index
 * @param {{ step: string, outcome: string, elapsed_ms: number, signature: string }} line
 */
export async function verifyLine(key, request, index, { step, outcome, elapsed_ms, signature }) {
  const { recipient, boot, counter } = request;
  const hash = await hashText(JSON.stringify([step, outcome, elapsed_ms]));
  const signed = lines("metako/1 line", recipient, OPERATOR, boot, counter, index, hash);
  return await verify(key, signed, signature);
}

/** While the cluster's secret is changed, both keys sign: one of the signatures has to fit. */
async function verify(key, text, signatures) {
  if (typeof signatures !== "string" || !/^[0-9a-f]{64}(?:,[0-9a-f]{64})?$/.test(signatures)) {
    return false;
  }
  const signed = encoder.encode(text);
  for (const signature of signatures.split(",")) {
    if (await crypto.subtle.verify("HMAC", key, unhex(signature), signed)) return true;
  }
  return false;
}

function lines(...parts) {
  return parts.join("\n");
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function unhex(text) {
  return Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
}
