/**
 * The door of the postgres room: one local server, managed where its data directory is at hand.
 *
 * @module
 */
import { openByAsking } from "./attached.ts";
import { openManaged } from "./managed.ts";
import type { OpenResult, PostgresOptions } from "./options.ts";
export type {
  ActionOutcome,
  ActionProgress,
  CareReport,
  DataMember,
  LocalServer,
  OpenResult,
  PostgresOptions,
  Rejoin,
  RunOptions,
  Siblings,
  SlotReport,
} from "./options.ts";
export type { Setback } from "./tries.ts";
export { type Finding, LOOKS } from "./look.ts";
export { findPostgres } from "./discover.ts";

/**
 * Opens the local server. Starts and stops nothing.
 *
 * @returns the server, or a sentence that says why there is none and what to do
 */
export async function openLocalServer(options: PostgresOptions): Promise<OpenResult> {
  if (options.dataDir !== null) return await openManaged(options, options.dataDir);
  return await openByAsking(options);
}
