/**
 * The file's values against the schema, with every finding at once.
 *
 * Zod gives values only when all of them are right. The rules between keys are to be checked all
 * the same, so what is wrong is taken out and the rest is read again; `damaged` names what was
 * taken out, and a rule that needs one of those keys is not asked.
 *
 * @module
 */
import type * as z from "zod";
import type { Mapping, Value } from "./document.ts";
import { childPath, joinPath } from "./path.ts";
import type { Finding } from "./problem.ts";
import { fileSchema, type FileValues, knownKeys } from "./schema.ts";
import { nearest } from "./suggest.ts";

/** What {@linkcode validate} gives. */
export interface Validation {
  readonly values: FileValues;
  /** Paths whose values were refused, and therefore look unset. */
  readonly damaged: readonly string[];
  readonly findings: readonly Finding[];
}

/**
 * Reads every key that is right and reports every one that is not. Changes `root`, which loses
 * what was refused.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const { values, findings } = validate({ router: { port: 6432, hots: "x" } });
 * assert.equal(values.router?.port, 6432);
 * assert.match(findings[0]!.remedy, /Did you mean host\?/);
 * ```
 */
export function validate(root: Mapping): Validation {
  const first = fileSchema.safeParse(root);
  if (first.success) return { values: first.data, damaged: [], findings: [] };
  const { issues } = first.error;
  const findings = issues.flatMap(findingsOf);
  for (const issue of issues) remove(root, issue);
  return {
    values: fileSchema.parse(root),
    damaged: issues.filter(({ code }) => code !== "unrecognized_keys").map(({ path }) =>
      joinPath(path)
    ),
    findings,
  };
}

function findingsOf(issue: z.core.$ZodIssue): Finding[] {
  const path = joinPath(issue.path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(path, key));
    case "custom":
      return [{
        path,
        message: issue.message,
        remedy: String(issue.params?.remedy ?? ""),
        severity: "error",
      }];
    case "invalid_type":
      return [structure(path, issue.expected)];
    default:
      return [{ path, message: "is not valid", remedy: "See configs/.", severity: "error" }];
  }
}

function structure(path: string, expected: string): Finding {
  const list = expected === "array";
  return {
    path,
    message: list ? "must be a list" : "must be a mapping of keys",
    remedy: list
      ? "Begin each of its items with a hyphen, on a line of its own."
      : "Put its keys below it, indented.",
    severity: "error",
    // Text in the place of a section may be anything, a password too.
    value: null,
  };
}

/** The value of an unknown key is not shown: it may be a mistyped password. */
function unknownKey(section: string, key: string): Finding {
  return {
    path: childPath(section, key),
    message: "is not a known key",
    remedy: meantKey(section, key),
    severity: "error",
    value: null,
  };
}

function meantKey(section: string, key: string): string {
  const known = knownKeys();
  const pattern = section.replace(/\[\d+\]/g, "[]");
  const prefix = pattern === "" ? "" : `${pattern}.`;
  const here = known.filter((path) => path.startsWith(prefix))
    .map((path) => path.slice(prefix.length))
    .filter((rest) => !/[.[]/.test(rest));
  const meant = nearest(key, here);
  if (meant !== null) return `Did you mean ${meant}?`;
  const elsewhere = known.find((path) => path.endsWith(`.${key}`) || path === key);
  if (elsewhere !== undefined) return `Move it to ${elsewhere}.`;
  return `Remove it; the keys here are ${here.join(", ")}.`;
}

/**
 * Takes what an issue refuses out of the tree. A section in a list stays, as an empty place; a value
 * in a list takes the list with it.
 */
function remove(root: Mapping, issue: z.core.$ZodIssue): void {
  const keys = issue.code === "unrecognized_keys"
    ? issue.keys.map((key) => [...issue.path, key])
    : [issue.code === "custom" ? issue.path.slice(0, lastName(issue.path) + 1) : issue.path];
  for (const path of keys) {
    let parent: Value | undefined = root;
    for (const part of path.slice(0, -1)) parent = inside(parent, part);
    const last = path.at(-1);
    if (Array.isArray(parent)) parent.splice(Number(last), 1, {});
    else if (typeof parent === "object" && parent !== null) delete parent[String(last)];
  }
}

function lastName(path: readonly PropertyKey[]): number {
  return path.findLastIndex((part) => typeof part !== "number");
}

function inside(value: Value | undefined, part: PropertyKey): Value | undefined {
  if (Array.isArray(value)) return value[Number(part)];
  if (typeof value !== "object" || value === null) return undefined;
  return value[String(part)];
}
