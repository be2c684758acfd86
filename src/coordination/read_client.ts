/**
 * Reads a member's `/status`, `/cluster`, `/health` and `/history`.
 *
 * The request is signed, and so is the answer, so a forged status is noticed. A node with open reads
 * answers whoever asks, also a reader whose key differs; then the answer says `verified: false`,
 * and can still help to find out why. Since anybody may have made it, and it is for people, no text
 * in it can steer a terminal.
 *
 * @module
 */
import type { z } from "zod";
import { type History, historySchema } from "./history.ts";
import { type Decoded, describeIssues } from "./messages.ts";
import { printable } from "./printable.ts";
import type { SignedAnswer, SignedClient } from "./signed_client.ts";
import {
  type ClusterStatus,
  clusterStatusSchema,
  type Health,
  healthSchema,
  type NodeStatus,
  nodeStatusSchema,
} from "./status.ts";

/** What a node says about itself, or why it said nothing. */
export type Reading<Key extends string, Value> =
  | (
    & { readonly ok: true }
    & { readonly [K in Key]: Value }
    & {
      /** False where the answer was not signed with the cluster's key: anybody may have made it. */
      readonly verified: boolean;
    }
  )
  | { readonly ok: false; readonly because: string };

/** Readers of a member's documents. */
export interface ReadClient {
  readonly status: (node: string) => Promise<Reading<"status", NodeStatus>>;
  readonly cluster: (node: string) => Promise<Reading<"cluster", ClusterStatus>>;
  readonly health: (node: string) => Promise<Reading<"health", Health>>;
  /** The newest entries of a node's history, at most `limit`: 1 to 1000. */
  readonly history: (node: string, limit: number) => Promise<Reading<"history", History>>;
}

/** Creates readers that wait at most `timeoutMs` for each answer. */
export function createReadClient(client: SignedClient, timeoutMs: number): ReadClient {
  async function read<Key extends string, Schema extends z.ZodType>(
    node: string,
    key: Key,
    schema: Schema,
    query = "",
  ): Promise<Reading<Key, z.output<Schema>>> {
    const answer = await client.ask(
      node,
      { method: "GET", path: `/${key}${query}`, body: null },
      timeoutMs,
    );
    if (answer.type !== "answer") return { ok: false, because: answer.because };
    if (answer.status !== 200 && !(key === "health" && answer.status === 503)) {
      return { ok: false, because: describeRefusal(node, answer) };
    }
    const decoded = decodeDocument(schema, answer.text);
    if (!decoded.ok) {
      return { ok: false, because: `the ${key} of ${node} is garbled: ${decoded.because}` };
    }
    const { verified } = answer;
    return { ok: true, [key]: decoded.message, verified } as Reading<Key, z.output<Schema>>;
  }
  return {
    status: (node) => read(node, "status", nodeStatusSchema),
    cluster: (node) => read(node, "cluster", clusterStatusSchema),
    health: (node) => read(node, "health", healthSchema),
    history: (node, limit) => read(node, "history", historySchema, `?limit=${limit}`),
  };
}

/** Reads a document; its texts, and the words about what is wrong with it, are printable. */
export function decodeDocument<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
): Decoded<z.output<Schema>> {
  let value: unknown;
  try {
    value = JSON.parse(text, (_, inner) => typeof inner === "string" ? printable(inner) : inner);
  } catch {
    return { ok: false, because: "the text is not JSON" };
  }
  const parsed = schema.safeParse(value);
  return parsed.success
    ? { ok: true, message: parsed.data }
    : { ok: false, because: printable(describeIssues(parsed.error.issues)) };
}

/** Puts an answer that is an error into words; quotes no more than a line of it. */
export function describeRefusal(node: string, { status, text, verified }: SignedAnswer): string {
  const signed = verified ? "" : ", unsigned";
  let said = "";
  try {
    const { error, remedy } = JSON.parse(text);
    if (typeof error === "string") said = error;
    if (typeof remedy === "string") said += `. ${remedy}`;
  } catch {
    said = "its body is not this API's";
  }
  const words = printable(said).slice(0, 400).replace(/\.$/, "");
  return `${node} answered ${status}${signed}: ${words}`;
}
