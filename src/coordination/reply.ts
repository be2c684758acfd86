/**
 * How the API answers: JSON, signed for whoever proved to have a key, never a stack trace.
 *
 * @module
 */
import type { Context } from "hono";
import type { Caller } from "./authenticate.ts";
import { printable } from "./printable.ts";
import { hashBody, signAnswer } from "./signature.ts";

/** What a handler finds in its context. */
export interface ApiEnv {
  /** What the listener knows about the connection; absent in tests without a socket. */
  Bindings: {
    readonly remoteAddr?: Deno.Addr;
    /** Tells the listener that a member's valid signature came over this connection. */
    readonly vouch?: () => void;
  };
  /** The verified sender; absent where nobody was verified. */
  Variables: { caller?: Caller };
}

/** A handler's context. */
export type ApiContext = Context<ApiEnv>;

/** The body of every error. */
export interface ApiError {
  readonly error: string;
  readonly remedy: string;
}

/** Answers with a JSON text. */
export function reply(
  c: ApiContext,
  status: number,
  body: string,
  options: {
    readonly challenge?: string;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): Response {
  const bytes = new TextEncoder().encode(body);
  const caller = c.get("caller");
  const answer = { status, challenge: options.challenge ?? null, bodyHash: hashBody(bytes) };
  const signature = caller === undefined ? {} : signAnswer(caller.keys, caller.envelope, answer);
  return new Response(bytes, {
    status,
    headers: { ...COMMON, ...options.headers, ...signature, "content-type": "application/json" },
  });
}

/** Answers with an error and what to do about it. */
export function fail(
  c: ApiContext,
  status: number,
  error: ApiError,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return reply(c, status, jsonBody(error), { headers });
}

/** The JSON text of an error. */
export function jsonBody({ error, remedy }: ApiError): string {
  return JSON.stringify({ error, remedy });
}

/** The address that a request came from; "unknown" in tests without a socket. */
export function sourceOf(c: ApiContext): string {
  const bindings: ApiEnv["Bindings"] | undefined = c.env;
  const address = bindings?.remoteAddr;
  return address !== undefined && "hostname" in address ? address.hostname : "unknown";
}

/** Who asks for something, for the history and the log. */
export interface Asker {
  /** The address that the request came from, as of {@linkcode sourceOf}. */
  readonly source: string;
  /** Who it is by their own word, as `alice@ops1`; null where it says nothing. */
  readonly operator: string | null;
  /** What they asked with, as `metako pause` or `dashboard`; null where it says nothing. */
  readonly tool: string | null;
}

/**
 * Who asks: `?by=alice@ops1&tool=metako%20pause` of a signed path. The key proves that it is an
 * operator; which of them is their own word.
 */
export function askerOf(c: ApiContext): Asker {
  return { source: sourceOf(c), operator: wordOf(c, "by"), tool: wordOf(c, "tool") };
}

function wordOf(c: ApiContext, key: string): string | null {
  const word = printable(c.req.query(key) ?? "").trim().slice(0, MAX_WORD_LENGTH);
  return word === "" ? null : word;
}

/** Longer names of operators and tools are cut, in UTF-16 code units. */
const MAX_WORD_LENGTH = 120;

/** Headers of every answer: it is true now only, and it is not to be guessed at. */
export const COMMON = { "cache-control": "no-store", "x-content-type-options": "nosniff" };
