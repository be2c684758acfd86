/**
 * What is signed, and how: HMAC-SHA-256 over everything that gives a request or an answer meaning.
 *
 * A request's signature covers method, path with query, sender, recipient, the sender's boot id, a
 * counter, the recipient's challenge (see {@link ./sessions.ts}) and the hash of the body. The hash
 * travels in a header, so that a forged request is refused before its body is read. An answer's
 * signature covers the request's nonce (boot id, counter), both names, status, challenge and body:
 * it fits one request only. Where two keys are in use both sign, and either suffices.
 *
 * The parts are joined by newlines; none of them can contain one, so no two different messages
 * share a text. The first line names protocol version and kind, so that one kind's signature never
 * passes for another's.
 *
 * @module
 */
import { createHash, createHmac, type KeyObject, randomBytes, timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import type { KeyRing } from "./keys.ts";

/** The headers that carry a signature. */
export const HEADERS = {
  sender: "metako-sender",
  recipient: "metako-recipient",
  boot: "metako-boot",
  counter: "metako-counter",
  challenge: "metako-challenge",
  bodyHash: "metako-body-sha256",
  signature: "metako-signature",
} as const;

/** The sender's name in an operator's requests; "@" is in no member's name. */
export const OPERATOR = "@operator";

/** The challenge of a request whose sender has not been given one yet. */
export const NO_CHALLENGE = "none";

/** The facts in a request's headers. */
export interface RequestEnvelope {
  readonly sender: string;
  readonly recipient: string;
  /** Random, 32 hexadecimal digits, new in every process. */
  readonly boot: string;
  /** Grows with every request of that boot to that recipient; 1 to 2⁵³ − 1. */
  readonly counter: number;
  readonly challenge: string;
  /** SHA-256 of the body in hexadecimal. */
  readonly bodyHash: string;
}

/** What a request asks for. */
export interface RequestTarget {
  readonly method: string;
  /** Path and query, as in the request line. */
  readonly path: string;
}

/** What an answer says beside its body. */
export interface AnswerEnvelope {
  readonly status: number;
  /** The challenge that the sender shall use from now on; null where nothing changes. */
  readonly challenge: string | null;
  readonly bodyHash: string;
}

/** What was read from a request's headers. */
export type ReadEnvelope =
  | {
    readonly type: "signed";
    readonly envelope: RequestEnvelope;
    readonly signatures: readonly string[];
  }
  | { readonly type: "unsigned" }
  | { readonly type: "garbled"; readonly header: string };

/** A new process's boot id: 32 random hexadecimal digits. */
export function createBootId(): string {
  return randomBytes(16).toString("hex");
}

/** SHA-256 in hexadecimal. */
export function hashBody(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}

/** The headers of a signed request. */
export function signRequest(
  keys: KeyRing,
  target: RequestTarget,
  envelope: RequestEnvelope,
): Record<string, string> {
  return {
    [HEADERS.sender]: envelope.sender,
    [HEADERS.recipient]: envelope.recipient,
    [HEADERS.boot]: envelope.boot,
    [HEADERS.counter]: String(envelope.counter),
    [HEADERS.challenge]: envelope.challenge,
    [HEADERS.bodyHash]: envelope.bodyHash,
    [HEADERS.signature]: sign(keys, requestText(target, envelope)),
  };
}

/** Reads the headers that {@linkcode signRequest} writes; says nothing about the signature. */
export function readEnvelope(headers: Headers): ReadEnvelope {
  const read = (name: string, pattern: RegExp) => {
    const value = headers.get(name);
    return value !== null && pattern.test(value) ? value : null;
  };
  const signature = headers.get(HEADERS.signature);
  if (signature === null) return { type: "unsigned" };
  const fields = {
    sender: read(HEADERS.sender, SENDER),
    recipient: read(HEADERS.recipient, NAME),
    boot: read(HEADERS.boot, BOOT),
    counter: read(HEADERS.counter, COUNTER),
    challenge: read(HEADERS.challenge, CHALLENGE),
    bodyHash: read(HEADERS.bodyHash, SHA256),
  };
  for (const [field, value] of Object.entries(fields)) {
    if (value === null) return { type: "garbled", header: HEADERS[field as keyof typeof fields] };
  }
  if (!SIGNATURES.test(signature)) return { type: "garbled", header: HEADERS.signature };
  const envelope = fields as { [Field in keyof typeof fields]: string };
  return {
    type: "signed",
    envelope: { ...envelope, counter: Number(envelope.counter) },
    signatures: signature.split(","),
  };
}

/** True where one of the signatures was made with one of the keys over this very request. */
export function verifyRequest(
  keys: KeyRing,
  target: RequestTarget,
  envelope: RequestEnvelope,
  signatures: readonly string[],
): boolean {
  return verify(keys, requestText(target, envelope), signatures);
}

/** The headers of a signed answer to `request`. */
export function signAnswer(
  keys: KeyRing,
  request: RequestEnvelope,
  answer: AnswerEnvelope,
): Record<string, string> {
  return {
    ...(answer.challenge === null ? {} : { [HEADERS.challenge]: answer.challenge }),
    [HEADERS.signature]: sign(keys, answerText(request, answer)),
  };
}

/** True where `headers` sign an answer with this status and body to this very request. */
export function verifyAnswer(
  keys: KeyRing,
  request: RequestEnvelope,
  answer: { readonly status: number; readonly body: Uint8Array; readonly headers: Headers },
): boolean {
  const signature = answer.headers.get(HEADERS.signature);
  if (signature === null || !SIGNATURES.test(signature)) return false;
  const text = answerText(request, {
    status: answer.status,
    challenge: answer.headers.get(HEADERS.challenge),
    bodyHash: hashBody(answer.body),
  });
  return verify(keys, text, signature.split(","));
}

/** Signs one line of a streamed answer; `index` counts from 0, so that none can be left out. */
export function signLine(
  keys: KeyRing,
  request: RequestEnvelope,
  index: number,
  content: string,
): string {
  return sign(keys, lineText(request, index, content));
}

/** The counterpart of {@linkcode signLine}. */
export function verifyLine(
  keys: KeyRing,
  request: RequestEnvelope,
  index: number,
  content: string,
  signature: string,
): boolean {
  return SIGNATURES.test(signature) &&
    verify(keys, lineText(request, index, content), signature.split(","));
}

const SENDER = /^(?:@operator|[A-Za-z0-9_-]{1,63})$/;
const NAME = /^[A-Za-z0-9_-]{1,63}$/;
const BOOT = /^[0-9a-f]{32}$/;
const COUNTER = /^[1-9][0-9]{0,15}$/;
const CHALLENGE = /^(?:none|[0-9a-f]{32})$/;
const SHA256 = /^[0-9a-f]{64}$/;
const SIGNATURES = /^[0-9a-f]{64}(?:,[0-9a-f]{64})?$/;

function requestText({ method, path }: RequestTarget, envelope: RequestEnvelope): string {
  const { sender, recipient, boot, counter, challenge, bodyHash } = envelope;
  return [
    "metako/1 request",
    method,
    path,
    sender,
    recipient,
    boot,
    counter,
    challenge,
    bodyHash,
  ].join("\n");
}

function answerText(request: RequestEnvelope, answer: AnswerEnvelope): string {
  const { sender, recipient, boot, counter } = request;
  const { status, challenge, bodyHash } = answer;
  return [
    "metako/1 answer",
    recipient,
    sender,
    boot,
    counter,
    status,
    challenge ?? NO_CHALLENGE,
    bodyHash,
  ].join("\n");
}

function lineText(request: RequestEnvelope, index: number, content: string): string {
  const { sender, recipient, boot, counter } = request;
  const hash = hashBody(new TextEncoder().encode(content));
  return ["metako/1 line", recipient, sender, boot, counter, index, hash].join("\n");
}

function sign(keys: KeyRing, text: string): string {
  return keys.map((key) => mac(key, text).toString("hex")).join(",");
}

function verify(keys: KeyRing, text: string, signatures: readonly string[]): boolean {
  const given = signatures.map((signature) => Buffer.from(signature, "hex"));
  return keys.some((key) => {
    const expected = mac(key, text);
    return given.some((bytes) =>
      bytes.length === expected.length && timingSafeEqual(bytes, expected)
    );
  });
}

function mac(key: KeyObject, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
