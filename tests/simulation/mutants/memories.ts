/**
 * Faults in what becomes of a member that lost its state: votes that it forgot, and its return.
 */
import { core, type Mutant } from "./mutant.ts";

/** The mutants of this file. */
export const MEMORY_MUTANTS: readonly Mutant[] = [
  core(
    "memory-ignored",
    "a vote counts although its voter has forgotten it",
    "verdict.ts",
    "if (isVirgin(record) || !isForgotten(record, node, memory)) votes.push(node);",
    "if (isVirgin(record) || !isForgotten(record, node, null) || memory !== null) votes.push(node);",
  ),
  core(
    "memory-held-by-itself",
    "of those who hold the record with a new memory, its own member counts",
    "agreement.ts",
    "return holders(state, others, newest) >= needed;",
    "return holders(state, others, newest) >= needed - 1;",
  ),
  core(
    "any-memory-admitted",
    "a member takes an offer that was meant for a memory which it has lost since",
    "follower.ts",
    "return message.admit && memoryOf(message.record, settings.self) === durable.memory;",
    "return message.admit && memoryOf(message.record, settings.self) !== undefined;",
  ),
];
