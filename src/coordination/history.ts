/**
 * The history of a cluster as one node saw it. The body of `GET /history`, and of each line in the
 * node's history file.
 *
 * Nobody sees everything: the new primary knows who voted and what may be lost, the old one who
 * asked for a switchover, and each of them its own clock. So every node writes what it saw, null
 * stands for what it cannot know, and `metako history` puts the accounts of one term together.
 *
 * @module
 */
import { z } from "zod";

const count = z.int().nonnegative();

/** How a primary came to be. "first": the first that this node ever saw. */
export const CHANGE_KINDS = ["first", "planned", "unplanned", "forced"] as const;

const change = z.object({
  type: z.literal("primary"),
  /** When this node saw it take writes; RFC 3339, UTC. */
  at: z.string(),
  /** Who writes this. */
  node: z.string(),
  term: count,
  timeline: count.nullable(),
  /** The primary before it; null where this node knows of none. */
  from: z.string().nullable(),
  to: z.string(),
  kind: z.enum(CHANGE_KINDS),
  /** The decision that began it, by the name that the log gives it; null where none was seen. */
  rule: z.string().nullable(),
  because: z.string(),
  /** Who voted for it; null on the nodes that it did not tell. */
  votes: z.array(z.string()).nullable(),
  /** From the last sign of the old primary to the first of the new one; null where not known. */
  outage_ms: z.number().nonnegative().nullable(),
  /** Whether acknowledged commits may be lost; null where this node cannot tell. */
  loss: z.enum(["none", "possible"]).nullable(),
  loss_because: z.string().nullable(),
  /** The address that asked for it, where this node was asked. */
  asked_by: z.string().nullable(),
  /** Who asked, by their own word; null where they did not say. */
  operator: z.string().nullable().default(null),
  /** What they asked with: a command, or `dashboard`; null where they did not say. */
  tool: z.string().nullable().default(null),
});

const request = z.object({
  type: z.literal("operator"),
  at: z.string(),
  node: z.string(),
  term: count,
  /** The address that asked; `local` where it was a signal, or a file of this host. */
  asked_by: z.string(),
  /** Who asked, by their own word; null where they did not say. */
  operator: z.string().nullable().default(null),
  /** What they asked with: a command, `dashboard`, `SIGHUP`; null where they did not say. */
  tool: z.string().nullable().default(null),
  action: z.string(),
  to: z.string().nullable(),
  outcome: z.string(),
  because: z.string(),
});

/** One line of a history. */
export const historyEntrySchema = z.discriminatedUnion("type", [change, request]);

/** See {@linkcode historyEntrySchema}. */
export type HistoryEntry = z.output<typeof historyEntrySchema>;

/** A change of the primary. */
export type PrimaryChange = z.output<typeof change>;

/** What an operator asked for, and what became of it. */
export type OperatorRequest = z.output<typeof request>;

/** The body of `GET /history`: the newest entries, the oldest of them first. */
export const historySchema = z.object({ node: z.string(), entries: z.array(historyEntrySchema) });

/** See {@linkcode historySchema}. */
export type History = z.output<typeof historySchema>;
