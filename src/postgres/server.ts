/**
 * The door of the postgres room: one local server, managed where its data directory is at hand.
 *
 * @module
 */
import type { OpenResult, PostgresOptions } from "./options.ts";
export type {
  ActionOutcome,
  ActionProgress,
  DataMember,
  LocalServer,
  OpenResult,
  PostgresOptions,
  RunOptions,
} from "./options.ts";

/** Opens the local server. Starts and stops nothing. */
export function openLocalServer(options: PostgresOptions): Promise<OpenResult> {
  return Promise.resolve({ ok: false, because: `Cannot open ${options.host}:${options.port}` });
}
