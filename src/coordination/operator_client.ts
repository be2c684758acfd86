/**
 * What the command line asks members: to read, to fail over, and the other operations.
 *
 * @module
 */
import type { z } from "zod";
import type { Force } from "../core/force.ts";
import type { NodeName } from "../core/record.ts";
import type { ClusterKeys, KeyRing } from "./keys.ts";
import { decode } from "./messages.ts";
import { type Operation, operationPath } from "./operations.ts";
import { decodeLine, MAX_LINE_LENGTH, type TimedStep } from "./progress.ts";
import { createReadClient, describeRefusal, type ReadClient } from "./read_client.ts";
import { killAnswerSchema, type SessionsDocument, sessionsSchema } from "./session_routes.ts";
import {
  type Ask,
  createSignedClient,
  type OpenResponse,
  type SignedClient,
} from "./signed_client.ts";
import { OPERATOR } from "./signature.ts";
import { createTransport, type Endpoint, type TransportOptions } from "./transport.ts";

/** How a failover, or another operation, ended, as far as its answer says. */
export type FailoverEnd =
  | { readonly type: "succeeded" }
  | { readonly type: "failed"; readonly because: string }
  /** Nothing was begun: the node said no. */
  | { readonly type: "refused"; readonly because: string }
  /** Nothing was begun: no connection to the node came to be. */
  | { readonly type: "unreached"; readonly because: string }
  /** Nothing was begun: the operator has to accept first what it may cost. */
  | { readonly type: "unaccepted"; readonly because: string }
  /** The answer ended early, or was forged: what became of the failover is not known. */
  | { readonly type: "lost"; readonly because: string };

/** Why a question has no answer: the node refused it, as another key, or is not there. */
export interface Unasked {
  readonly ok: false;
  readonly refused: boolean;
  readonly because: string;
}

/** What became of a session that was to be ended; `found` false: the node has none of that number. */
export type SessionEnd = { readonly ok: true; readonly found: boolean } | Unasked;

/** An operator's connections to the members. */
export interface OperatorClient extends ReadClient {
  /**
   * Asks `node` to make `wish.to` the primary.
   *
   * @param onStep called with each step as it arrives, and the time since the node began
   */
  readonly failover: (
    node: NodeName,
    wish: { readonly to: NodeName; readonly force: Force },
    onStep: (step: string, elapsedMs: number) => void,
  ) => Promise<FailoverEnd>;
  /** Asks `node` for an operation; `onStep` as for a failover. */
  readonly operate: (
    node: NodeName,
    operation: Operation,
    onStep: (step: string, elapsedMs: number) => void,
  ) => Promise<FailoverEnd>;
  /** The oldest sessions of a node's router, or why they are not known. */
  readonly sessions: (
    node: NodeName,
  ) => Promise<
    { readonly ok: true; readonly sessions: SessionsDocument } | Unasked
  >;
  /** Ends a session. */
  readonly killSession: (node: NodeName, id: number) => Promise<SessionEnd>;
  readonly close: () => void;
}

/** How long the node may be silent between two steps before the answer counts as lost. */
const DEFAULT_STEP_TIMEOUT_MS = 120_000;

/**
 * Opens connections to the members, as they are needed.
 *
 * @param options.timeoutMs the longest that reading a document, or the first sign of an answer to
 *   a failover, may take
 * @param options.by travels in the signed path of what changes something, `options.tool` too
 * @param options.stepTimeoutMs the longest between two steps of a failover; default 2 minutes
 * @throws {TypeError} where a certificate in `caCerts` is broken: see `checkCertificates()`
 */
export function createOperatorClient(
  options: TransportOptions & {
    readonly keys: ClusterKeys;
    readonly members: ReadonlyMap<NodeName, Endpoint>;
    readonly timeoutMs: number;
    readonly stepTimeoutMs?: number;
    /** Who asks, for the history: `alice@ops1`. */
    readonly by?: string;
    /** What they ask with, for the history: `metako pause`. */
    readonly tool?: string;
  },
): OperatorClient {
  const { keys, members, timeoutMs, stepTimeoutMs = DEFAULT_STEP_TIMEOUT_MS } = options;
  const transport = createTransport(options);
  const client = named(
    options,
    createSignedClient({
      sender: OPERATOR,
      keys: keys.operator,
      endpointOf: (name) => members.get(name) ?? null,
      transport,
    }),
  );
  async function ask<Schema extends z.ZodType>(
    node: NodeName,
    path: string,
    wish: unknown,
    schema: Schema,
  ): Promise<{ readonly ok: true; readonly value: z.output<Schema> } | Unasked> {
    const body = JSON.stringify(wish);
    const answer = await client.ask(node, { method: "POST", path, body }, timeoutMs);
    if (answer.type !== "answer") return { ok: false, refused: false, because: answer.because };
    if (answer.status !== 200 || !answer.verified) {
      return { ok: false, refused: true, because: describeRefusal(node, answer) };
    }
    const decoded = decode(schema, answer.text);
    return decoded.ok
      ? { ok: true, value: decoded.message }
      : { ok: false, refused: true, because: `its answer is garbled: ${decoded.because}` };
  }
  return {
    ...createReadClient(client, timeoutMs),
    close: transport.close,
    failover: (node, { to, force }, onStep) =>
      follow(node, { path: "/operator/failover", body: { to, force } }, onStep),
    operate: (node, { action, ...body }, onStep) =>
      follow(node, { path: operationPath(action), body }, onStep),
    async sessions(node) {
      const asked = await ask(node, "/operator/sessions", {}, sessionsSchema);
      return asked.ok ? { ok: true, sessions: asked.value } : asked;
    },
    async killSession(node, id) {
      const asked = await ask(node, "/operator/sessions/kill", { id }, killAnswerSchema);
      return asked.ok ? { ok: true, found: asked.value.ended } : asked;
    },
  };

  async function follow(
    node: NodeName,
    { path, body }: { readonly path: string; readonly body: object },
    onStep: (step: string, elapsedMs: number) => void,
  ): Promise<FailoverEnd> {
    const patience = createPatience();
    try {
      patience.restart(timeoutMs);
      const opened = await client.open(
        node,
        { method: "POST", path, body: JSON.stringify(body) },
        patience.signal,
      );
      switch (opened.type) {
        case "refused":
          return { type: "unreached", because: opened.because };
        case "silent":
          return { type: "lost", because: opened.because };
        case "answer":
          return { type: "refused", because: describeRefusal(node, opened) };
        case "response":
          return await followSteps(keys.operator, opened, onStep, () => {
            patience.restart(stepTimeoutMs);
          });
      }
    } finally {
      patience.end();
    }
  }
}

/** The same client, which says who asks for a change, and with what. */
function named(
  { by, tool }: { readonly by?: string; readonly tool?: string },
  client: SignedClient,
): SignedClient {
  const words = Object.entries({ by, tool }).flatMap(([key, word]) =>
    word === undefined ? [] : [`${key}=${encodeURIComponent(word)}`]
  );
  if (words.length === 0) return client;
  const signedBy = (ask: Ask): Ask => ({
    ...ask,
    path: ask.method === "POST" ? `${ask.path}?${words.join("&")}` : ask.path,
  });
  return {
    ask: (to, ask, timeoutMs) => client.ask(to, signedBy(ask), timeoutMs),
    open: (to, ask, signal) => client.open(to, signedBy(ask), signal),
  };
}

async function followSteps(
  keys: KeyRing,
  { response, envelope }: OpenResponse,
  onStep: (step: string, elapsedMs: number) => void,
  onSign: () => void,
): Promise<FailoverEnd> {
  onSign();
  let index = 0;
  try {
    for await (const text of readLines(response.body)) {
      onSign();
      const line = decodeLine(keys, envelope, index++, text);
      if (!line.ok) return { type: "lost", because: line.because };
      const end = endOf(line.step);
      if (end !== null) return end;
      onStep(line.step.step, line.step.elapsedMs);
    }
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    return { type: "lost", because: because.slice(0, 300) };
  }
  return { type: "lost", because: "the answer ended before the outcome" };
}

/** What a step ends with; null where it goes on. */
function endOf({ step, outcome }: TimedStep): FailoverEnd | null {
  switch (outcome) {
    case "running":
      return null;
    case "succeeded":
      return { type: "succeeded" };
    case "failed":
    case "refused":
    case "unaccepted":
      return { type: outcome, because: step };
  }
}

/** The lines of a body, however its bytes are cut; an endless line is an error. */
async function* readLines(body: ReadableStream<Uint8Array> | null): AsyncGenerator<string> {
  if (body === null) return;
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
    if (rest.length > MAX_LINE_LENGTH) throw new Error("a line of the answer is too long");
  }
}

/** A deadline that each sign of life moves. */
function createPatience() {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    signal: controller.signal,
    restart(timeoutMs: number) {
      clearTimeout(timer);
      timer = setTimeout(() => controller.abort(new Error("no further step in time")), timeoutMs);
    },
    end: () => clearTimeout(timer),
  };
}
