/**
 * Signed calls: counts, signs, and takes up the challenge that a receiver asks for.
 *
 * A receiver that does not know this process yet answers 409 with its challenge, signed over the
 * request; the call is then signed again and repeated at once, so a caller never sees it. What
 * comes back says whether its signature fits; deciding what an unsigned answer is worth is the
 * caller's part.
 *
 * @module
 */
import type { KeyRing } from "./keys.ts";
import { readBody } from "./limits.ts";
import {
  createBootId,
  hashBody,
  HEADERS,
  NO_CHALLENGE,
  type RequestEnvelope,
  signRequest,
  verifyAnswer,
} from "./signature.ts";
import type { Endpoint, NoResponse, Transport } from "./transport.ts";

/** A whole answer. */
export interface SignedAnswer {
  readonly type: "answer";
  readonly status: number;
  readonly text: string;
  /** Whether it was signed by the recipient, over this request. */
  readonly verified: boolean;
}

/** A response whose body is still to come: read line by line by the caller. */
export interface OpenResponse {
  readonly type: "response";
  readonly response: Response;
  readonly envelope: RequestEnvelope;
}

/** What is asked. */
export interface Ask {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** JSON; null for none. */
  readonly body: string | null;
}

/** A sender of signed requests; one per process and purpose. */
export interface SignedClient {
  /** Asks, and reads the whole answer, all within `timeoutMs`. */
  readonly ask: (to: string, ask: Ask, timeoutMs: number) => Promise<SignedAnswer | NoResponse>;
  /** Asks, and leaves a successful response's body to be read until `signal` is aborted. */
  readonly open: (
    to: string,
    ask: Ask,
    signal: AbortSignal,
  ) => Promise<OpenResponse | SignedAnswer | NoResponse>;
}

/** The largest answer that is read: a status of 31 members is far below. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Several senders of one name (two operators) can take a challenge from each other twice. */
const MAX_ATTEMPTS = 3;

/**
 * Creates a sender.
 *
 * @param options.endpointOf where a recipient is reached; null where it is not known
 */
export function createSignedClient(options: {
  readonly sender: string;
  readonly keys: KeyRing;
  readonly endpointOf: (name: string) => Endpoint | null;
  readonly transport: Transport;
}): SignedClient {
  const { sender, keys, endpointOf, transport } = options;
  const boot = createBootId();
  const threads = new Map<string, { counter: number; challenge: string }>();

  async function open(to: string, ask: Ask, signal: AbortSignal) {
    const endpoint = endpointOf(to);
    if (endpoint === null) {
      return { type: "silent", because: `the address of ${to} is not known` } as const;
    }
    const thread = threads.get(to) ?? { counter: 0, challenge: NO_CHALLENGE };
    threads.set(to, thread);
    const body = ask.body === null ? null : new TextEncoder().encode(ask.body);
    const bodyHash = hashBody(body ?? new Uint8Array());
    for (let attempt = 1;; attempt++) {
      const { challenge } = thread;
      const counter = ++thread.counter;
      const envelope = { sender, recipient: to, boot, counter, challenge, bodyHash };
      const headers = {
        ...(body === null ? {} : { "content-type": "application/json" }),
        ...signRequest(keys, ask, envelope),
      };
      const called = await transport.call(endpoint, { ...ask, headers, body }, signal);
      if (called.type !== "response") return called;
      const { response } = called;
      if (response.ok) return { type: "response", response, envelope } as const;
      const answer = await readAnswer(response, envelope, signal);
      const offered = response.headers.get(HEADERS.challenge);
      const retries = answer.type === "answer" && answer.verified && answer.status === 409 &&
        offered !== null && attempt < MAX_ATTEMPTS;
      if (!retries) return answer;
      thread.challenge = offered;
    }
  }

  async function readAnswer(
    response: Response,
    envelope: RequestEnvelope,
    signal: AbortSignal,
  ): Promise<SignedAnswer | NoResponse> {
    const { status, headers } = response;
    const read = await readBody(response.body, {
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs: NEVER_MS,
      declaredBytes: null,
    });
    if (signal.aborted) {
      return { type: "silent", because: `the answer of ${envelope.recipient} did not end in time` };
    }
    if (read.type !== "read") {
      return { type: "silent", because: `the answer of ${envelope.recipient} is ${read.type}` };
    }
    return {
      type: "answer",
      status,
      text: new TextDecoder().decode(read.body),
      verified: verifyAnswer(keys, envelope, { status, body: read.body, headers }),
    };
  }

  return {
    open,
    ask: (to, ask, timeoutMs) =>
      withDeadline(timeoutMs, async (signal) => {
        const opened = await open(to, ask, signal);
        return opened.type === "response"
          ? await readAnswer(opened.response, opened.envelope, signal)
          : opened;
      }),
  };
}

/** The body is bounded by the call's own signal; this only has to be longer. */
const NEVER_MS = 2 ** 31 - 1;

async function withDeadline<Result>(
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
  }
}
