/**
 * Faults in the patience with a silent agent, and in what its guardian is told.
 */
import { core, type Mutant } from "./mutant.ts";

/** The mutants of this file. */
export const SILENCE_MUTANTS: readonly Mutant[] = [
  core(
    "guardian-never",
    "the guardian never ends a primary",
    "guard.ts",
    "untilMs: guardUntilMs(state, role),",
    "untilMs: Infinity,",
  ),
  core(
    "guardian-late",
    "the guardian acts a margin after the others' patience, not before",
    "guard.ts",
    "silenceLimitMs(settings) - settings.fenceMarginMs",
    "silenceLimitMs(settings) + settings.fenceMarginMs",
  ),
  core(
    "guardian-async",
    "the guardian bears with a silent agent although commits wait for nobody",
    "guard.ts",
    'if (!safe || role.alone || settings.durability === "async") return lapseMs;',
    "if (role.alone) return lapseMs;",
  ),
  core(
    "guardian-sent-home",
    "an agent that began again sends its guardian home while its promotion may still come to its end",
    "guard.ts",
    "return closed && !opening && !announced ?",
    "return closed && !opening && (!announced || announced) ?",
  ),
  core(
    "patience-uncovered",
    "a voter bears with a silent agent although no standby holds every commit",
    "lease.ts",
    "durable.record.required >= 1",
    "durable.record.required >= 0",
  ),
  core(
    "patience-endless",
    "a voter bears with a silent agent for as long as its PostgreSQL works",
    "lease.ts",
    "seen.heardAtMs + silenceLimitMs(settings),",
    "Infinity,",
  ),
  core(
    "patience-in-the-router",
    "routers send writes to a silent agent's primary up to the end of the promise",
    "view.ts",
    "heardAtMs + silenceLimitMs(settings) - settings.fenceMarginMs",
    "heardAtMs + silenceLimitMs(settings)",
  ),
];
