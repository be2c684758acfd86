/**
 * The catalogue: every fault that is planted, in the order in which they are played.
 */
import { EDGE_MUTANTS } from "./edge.ts";
import { ELECTION_MUTANTS } from "./elections.ts";
import { FORCE_MUTANTS } from "./force.ts";
import { LEASE_MUTANTS } from "./leases.ts";
import { MEMBER_MUTANTS } from "./members.ts";
import { MEMORY_MUTANTS } from "./memories.ts";
import type { Mutant } from "./mutant.ts";
import { PAIR_MUTANTS } from "./pair.ts";
import { RECORD_MUTANTS } from "./records.ts";
import { SILENCE_MUTANTS } from "./silence.ts";

/** All mutants. */
export const MUTANTS: readonly Mutant[] = [
  ...ELECTION_MUTANTS,
  ...RECORD_MUTANTS,
  ...LEASE_MUTANTS,
  ...SILENCE_MUTANTS,
  ...MEMORY_MUTANTS,
  ...MEMBER_MUTANTS,
  ...PAIR_MUTANTS,
  ...FORCE_MUTANTS,
  ...EDGE_MUTANTS,
];
