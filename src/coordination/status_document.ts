/**
 * What `metako status --json` prints, as a schema and as a value.
 *
 * @module
 */
import { z } from "zod";
import { nodeStatusSchema } from "./status.ts";
import type { ClusterView } from "./merge.ts";

const answering = nodeStatusSchema.extend({
  reachable: z.literal(true),
  /** False where the answer is not signed with the cluster's key: anybody may have made it. */
  verified: z.boolean(),
});

const silent = z.object({
  node: z.string(),
  reachable: z.literal(false),
  because: z.string(),
});

/** The schema; docs/operations/status.schema.json is made from it. */
export const statusDocumentSchema = z.object({
  /** One per member that was asked, by name. */
  nodes: z.array(z.discriminatedUnion("reachable", [answering, silent])),
  /** How many of them answered. */
  reachable: z.int().nonnegative(),
  /** Null where none is known that a majority stands behind. */
  primary: z.string().nullable(),
  term: z.int().nonnegative().nullable(),
  /** Whether the cluster takes writes. */
  has_majority: z.boolean(),
  /** What is wrong, one sentence each, the gravest first. */
  problems: z.array(z.string()),
});

/** See {@linkcode statusDocumentSchema}. */
export type StatusDocument = z.output<typeof statusDocumentSchema>;

/** The picture as `--json` prints it. */
export function statusDocument(view: ClusterView): StatusDocument {
  return {
    nodes: view.nodes.map((answer) =>
      answer.ok
        ? { ...answer.status, node: answer.node, reachable: true, verified: answer.verified }
        : { node: answer.node, reachable: false, because: answer.because }
    ),
    reachable: view.reachable,
    primary: view.primary,
    term: view.term,
    has_majority: view.verdict === "writable",
    problems: [...view.problems],
  };
}

/** The schema as a text of JSON Schema, draft 2020-12. */
export function statusJsonSchema(): string {
  const schema = z.toJSONSchema(statusDocumentSchema, { io: "output", reused: "inline" });
  return `${JSON.stringify({ title: "metako status --json", ...schema }, null, 2)}\n`;
}
