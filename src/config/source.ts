/**
 * Where each key of the file stands, and what may be shown of its value.
 *
 * @module
 */
import { parentPath } from "./path.ts";
import type { Finding, Place, Problem } from "./problem.ts";

/** Keys whose values are never shown, with or without `_file` behind them. */
export const SECRET_PATHS: readonly string[] = [
  "local_db.password",
  "replication.password",
  "security.cluster_secret",
  "security.previous_cluster_secret",
  "security.read_token",
];

/** What is shown in place of a secret. */
export const HIDDEN = "********";

/** The places and printable values of one file, filled while it is read. */
export interface Source {
  /** The file's name as it is shown. */
  readonly file: string;
  /** By key: where it stands. */
  readonly places: Map<string, Place>;
  /** By key: what may be shown of its value. */
  readonly values: Map<string, string>;
}

/** An empty {@linkcode Source}: everything stands at the file's beginning. */
export function emptySource(file: string): Source {
  return { file, places: new Map(), values: new Map() };
}

/**
 * The value of a key as it may be shown, or null where the file does not set it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const source = emptySource("a.yaml");
 * noteValue(source, "router.port", 6432);
 * noteValue(source, "local_db.password", "hunter2");
 * assert.equal(shownValue(source, "router.port"), "6432");
 * assert.equal(shownValue(source, "local_db.password"), "********");
 * assert.equal(shownValue(source, "router.host"), null);
 * ```
 */
export function shownValue(source: Source, path: string): string | null {
  return source.values.get(path) ?? null;
}

/** Remembers what may be shown of a value: nothing of a secret, and no more than fits on a line. */
export function noteValue(source: Source, path: string, value: unknown): void {
  source.values.set(path, SECRET_PATHS.includes(path) ? HIDDEN : render(value));
}

const BARE = /^[\w.:/@%+-]{1,60}$/;
const LONGEST_SHOWN = 60;

function render(value: unknown): string {
  if (typeof value === "string") {
    if (BARE.test(value)) return value;
    const shown = value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}…` : value;
    return JSON.stringify(shown);
  }
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a mapping";
  return String(value);
}

/** The place of a key, or of the innermost key around it that the file has. */
export function placeOf(source: Source, path: string): Place {
  let inner: string | null = path;
  while (inner !== null) {
    const place = source.places.get(inner);
    if (place !== undefined) return place;
    const outer = parentPath(inner);
    inner = outer === inner ? null : outer;
  }
  return { line: 1, column: 1 };
}

/** What the file itself puts into a sentence, a key or the name of a variable, can be of any length. */
const LONGEST_SENTENCE = 500;

function shorten(text: string): string {
  return text.length <= LONGEST_SENTENCE
    ? text
    : `${text.slice(0, LONGEST_SENTENCE).toWellFormed()}…`;
}

/** Adds place and value to a finding. */
export function locate(finding: Finding, source: Source): Problem {
  const { line, column } = finding.place ?? placeOf(source, finding.path);
  return {
    file: source.file,
    line,
    column,
    path: shorten(finding.path),
    value: finding.value === undefined ? shownValue(source, finding.path) : finding.value,
    message: shorten(finding.message),
    remedy: shorten(finding.remedy),
    severity: finding.severity,
    refusesRun: finding.severity === "error" || finding.refusesRun === true,
  };
}
