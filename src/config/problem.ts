/**
 * What is wrong with a configuration, and how to say it.
 *
 * The checks produce {@linkcode Finding}s, which name a key; a {@linkcode Problem} adds where in
 * the file that key stands and what value it has. Every one of them names its remedy.
 *
 * @module
 */

/** An error refuses the configuration; a warning is printed and the agent starts. */
export type Severity = "error" | "warning";

/** A position in a text; both numbers count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Something wrong with one key, before its place in the file is known. */
export interface Finding {
  /** The key, as `coordination.cluster_mode.failover_timeout`; "" is the whole file. */
  readonly path: string;
  /** What holds of the key: "must be …". A sentence of its own where `path` is empty. */
  readonly message: string;
  /** What to do about it, in whole sentences. */
  readonly remedy: string;
  readonly severity: Severity;
  /** Shown instead of the file's own value; null shows none. */
  readonly value?: string | null;
  /** Stands in for the key's own place. */
  readonly place?: Place;
  /** True for a warning with which `config check` passes and `run` must not start. */
  readonly refusesRun?: boolean;
}

/** Something wrong with a configuration file. */
export interface Problem {
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
  /** Counts from 1. */
  readonly column: number;
  /** The key, as `cluster_members[0].role`; "" is the whole file. */
  readonly path: string;
  /** The value as it may be shown to anybody: never a secret. Null where there is none. */
  readonly value: string | null;
  readonly message: string;
  readonly remedy: string;
  readonly severity: Severity;
  /** True where the agent must not start: every error, and some warnings. */
  readonly refusesRun: boolean;
}

/**
 * Writes a problem as one line for a terminal or a log.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const problem: Problem = {
 *   file: "configs/pair.yaml",
 *   line: 14,
 *   column: 5,
 *   path: "coordination.cluster_mode.failover_timeout",
 *   value: "2s",
 *   message: "must be ≥ 3 × heartbeat_interval (1s)",
 *   remedy: "Raise it or lower heartbeat_interval.",
 *   severity: "error",
 *   refusesRun: true,
 * };
 * assert.equal(
 *   formatProblem(problem),
 *   "configs/pair.yaml:14:5: coordination.cluster_mode.failover_timeout " +
 *     "must be ≥ 3 × heartbeat_interval (1s), is 2s. Raise it or lower heartbeat_interval.",
 * );
 * ```
 */
export function formatProblem(problem: Problem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`;
  const subject = problem.path === "" ? "" : `${problem.path} `;
  const value = problem.value === null ? "" : `, is ${problem.value}`;
  return `${place}: ${subject}${problem.message}${value}. ${problem.remedy}`;
}
