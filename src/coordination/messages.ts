/**
 * The members' messages as text: what is sent, and what is made of what arrives.
 *
 * Encoding cannot fail: it writes the core's value as it is, LSNs as text and an overlong `because`
 * cut to its bound, so that no sentence can keep a vote from being answered. Decoding trusts
 * nothing: see {@link ./schemas.ts}.
 *
 * @module
 */
import type { z } from "zod";
import { formatLsn } from "../core/lsn.ts";
import type { Answer, Request } from "../core/message.ts";
import { answerSchema, MAX_BECAUSE, requestSchema } from "./schemas.ts";

/** What became of a text: the message, or why it is none. */
export type Decoded<Message> =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly because: string };

/**
 * Writes a request as JSON.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(encodeRequest({ type: "resigned", term: 3 }), '{"type":"resigned","term":3}');
 * ```
 */
export function encodeRequest(message: Request): string {
  return JSON.stringify(message, writeValue);
}

/** Writes an answer as JSON; the counterpart of {@linkcode decodeAnswer}. */
export function encodeAnswer(message: Answer): string {
  return JSON.stringify(message, writeValue);
}

/**
 * Reads a request.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(decodeRequest('{"type":"resigned","term":-3}'), {
 *   ok: false,
 *   because: "term: Too small: expected number to be >=0",
 * });
 * ```
 */
export function decodeRequest(text: string): Decoded<Request> {
  return decode(requestSchema, text);
}

/** Reads an answer; the counterpart of {@linkcode encodeAnswer}. */
export function decodeAnswer(text: string): Decoded<Answer> {
  return decode(answerSchema, text);
}

/**
 * Reads JSON that must have a given shape.
 *
 * @returns the value, or the first things that are wrong with it, in a bounded number of words
 */
export function decode<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
): Decoded<z.output<Schema>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, because: "the text is not JSON" };
  }
  const parsed = schema.safeParse(value);
  return parsed.success
    ? { ok: true, message: parsed.data }
    : { ok: false, because: describeIssues(parsed.error.issues) };
}

/** Names the first three problems, each cut so that a hostile key cannot fill a log. */
export function describeIssues(issues: readonly z.core.$ZodIssue[]): string {
  return issues.slice(0, 3).map((issue) => {
    const path = issue.path.map(String).join(".");
    return (path === "" ? issue.message : `${path}: ${issue.message}`).slice(0, 120);
  }).join("; ");
}

function writeValue(key: string, value: unknown): unknown {
  if (typeof value === "bigint") return formatLsn(value);
  if (key === "because" && typeof value === "string" && value.length > MAX_BECAUSE) {
    return value.slice(0, MAX_BECAUSE).toWellFormed();
  }
  return value;
}
