/**
 * What stands before the handlers: limits, signatures, bodies.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { Log } from "../core/log.ts";
import { type Audience, authenticate, type Caller, type Receiver } from "./authenticate.ts";
import {
  createRateLimiter,
  type FailureCounter,
  headerBytes,
  type Limits,
  readBody,
} from "./limits.ts";
import { type ApiContext, type ApiEnv, fail, jsonBody, reply, sourceOf } from "./reply.ts";
import { hashBody, HEADERS, OPERATOR } from "./signature.ts";

/** What guards the signed paths. */
export interface Gate {
  readonly receiver: Receiver;
  readonly limits: Limits;
  readonly countFailure: FailureCounter;
  readonly log: Log;
}

/** Refuses what is too long, or one too many at a time. */
export function boundRequests(limits: Limits, nowMs: () => number): MiddlewareHandler<ApiEnv> {
  let inFlight = 0;
  const mayAsk = createRateLimiter(limits, nowMs);
  return async (c, next) => {
    if (c.req.header(HEADERS.signature) === undefined && !mayAsk(sourceOf(c))) {
      return fail(c, 429, {
        error: `one address may ask ${limits.requestsPerSecond} times a second without a signature`,
        remedy: "Ask less often.",
      }, { "retry-after": "1" });
    }
    if (!URL.canParse(c.req.url)) {
      return fail(c, 400, {
        error: "the Host header names no host",
        remedy: "Send the host and port that you connect to.",
      });
    }
    if (c.req.url.length > limits.maxPathBytes) {
      return fail(c, 414, {
        error: `the URL must be ≤ ${limits.maxPathBytes} characters`,
        remedy: "Shorten it.",
      });
    }
    if (headerBytes(c.req.raw.headers) > limits.maxHeaderBytes) {
      return fail(c, 431, {
        error: `the headers must be ≤ ${limits.maxHeaderBytes} bytes`,
        remedy: "Send fewer or shorter headers.",
      });
    }
    if (inFlight >= limits.maxInFlight) {
      return fail(c, 503, {
        error: `${limits.maxInFlight} requests are being worked on already`,
        remedy: "Try again in a second.",
      });
    }
    inFlight++;
    try {
      return await next();
    } finally {
      inFlight--;
    }
  };
}

/** Lets everybody through, and signs the answer to whoever proved to have a key. */
export function identify(receiver: Receiver): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const options = { audience: "anyone with a key", freshness: "ignored" } as const;
    const result = authenticate(receiver, targetOf(c), options);
    if (result.type === "authentic") c.set("caller", result.caller);
    await next();
  };
}

/** Lets through who is of the audience, signed, and fresh; see {@link ./authenticate.ts}. */
export function demandSignature(gate: Gate, audience: Audience): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const result = authenticate(gate.receiver, targetOf(c), { audience, freshness: "required" });
    switch (result.type) {
      case "authentic":
        c.set("caller", result.caller);
        if (result.caller.envelope.sender !== OPERATOR) c.env?.vouch?.();
        return await next();
      case "stale":
        c.set("caller", result.caller);
        return reply(
          c,
          409,
          jsonBody({
            error: "the request is a replay, or the first one since one of us restarted",
            remedy: "Sign it again with the challenge in this answer.",
          }),
          { challenge: result.challenge },
        );
      case "refused":
        return refuse(gate, c, result);
    }
  };
}

/** Answers with a refusal, and counts it against its source; what is too much is 429. */
export function refuse(
  gate: Gate,
  c: ApiContext,
  refusal: {
    readonly status: 400 | 401 | 403 | 421;
    readonly error: string;
    readonly remedy: string;
  },
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { error, remedy } = refusal;
  const source = sourceOf(c);
  const verdict = gate.countFailure(source);
  if (verdict !== "limited") {
    const event = verdict === "tolerated" ? "request_rejected" : "requests_rejected_silently";
    gate.log("warning", event, { outcome: "denied", source, path: c.req.path, because: error });
  }
  if (verdict === "tolerated") return fail(c, refusal.status, { error, remedy }, headers);
  const retryAfterS = Math.ceil(gate.limits.failureWindowMs / 1000);
  return fail(c, 429, { error, remedy }, { "retry-after": String(retryAfterS) });
}

/** Reads the body that the headers vouch for, and puts it back for the validator. */
export function takeBody({ limits }: Gate): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    if (!/^application\/json\s*(?:;|$)/i.test(c.req.header("content-type") ?? "")) {
      return fail(c, 415, {
        error: "the body's content-type must be application/json",
        remedy: "Send JSON, and say so.",
      });
    }
    const length = c.req.header("content-length");
    const read = await readBody(c.req.raw.body, {
      maxBytes: limits.maxBodyBytes,
      timeoutMs: limits.bodyTimeoutMs,
      declaredBytes: length === undefined ? null : Number(length),
    });
    switch (read.type) {
      case "too_large":
        return fail(c, 413, {
          error: `the body must be ≤ ${limits.maxBodyBytes} bytes`,
          remedy: "Send less.",
        });
      case "too_slow":
        return fail(c, 408, {
          error: `the body did not arrive within ${limits.bodyTimeoutMs}ms`,
          remedy: "Try again on a faster connection.",
        });
      case "broken":
        return fail(c, 400, { error: "the body broke off", remedy: "Send all of it." });
      case "read":
        break;
    }
    if (hashBody(read.body) !== callerOf(c).envelope.bodyHash) {
      return fail(c, 401, {
        error: "the body is not the one that was signed",
        remedy: "Something between sender and receiver changes it: remove that.",
      });
    }
    const { method, url, headers } = c.req.raw;
    c.req.raw = new Request(url, { method, headers, body: read.body as Uint8Array<ArrayBuffer> });
    return await next();
  };
}

/**
 * The verified sender.
 *
 * @throws {Error} on a path that does not demand a signature
 */
export function callerOf(c: ApiContext): Caller {
  const caller = c.get("caller");
  if (caller === undefined) throw new Error("a signed path was reached without a signature");
  return caller;
}

function targetOf(c: ApiContext): { method: string; path: string; headers: Headers } {
  const { pathname, search } = new URL(c.req.url);
  return { method: c.req.method, path: pathname + search, headers: c.req.raw.headers };
}
