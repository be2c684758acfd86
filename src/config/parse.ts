/**
 * The way from a file's text to a configuration: read the YAML, check each key, find the secrets,
 * fill in the defaults, check the keys against each other. Every step reports what it finds and
 * the next one goes on with the rest, so that one run shows everything there is to mend.
 *
 * @module
 */
import type { Config } from "./config.ts";
import { readDocument } from "./document.ts";
import { isWithin } from "./path.ts";
import type { Problem } from "./problem.ts";
import { applyRules, type RuleFacts } from "./rule.ts";
import { RULES } from "./rules.ts";
import { readSecrets } from "./secrets.ts";
import { settle } from "./settle.ts";
import { locate } from "./source.ts";
import { validate } from "./validate.ts";

/** What the outside world has to offer. */
export interface ParseOptions {
  /** The file's name: shown in problems; relative paths in the file start at its folder. */
  readonly file: string;
  readonly env: (name: string) => string | undefined;
  /** Throws where the file cannot be read. */
  readonly readFile: (path: string) => string;
  /** A file's permission bits, or null. Without this port nobody is warned of open secrets. */
  readonly mode?: (path: string) => number | null;
}

/** What {@linkcode parseConfig} gives. Problems and warnings are in the order of the file. */
export type ParseResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Problem[] }
  | {
    readonly ok: false;
    readonly problems: readonly Problem[];
    readonly warnings: readonly Problem[];
  };

/**
 * Reads a configuration. Never throws over a text, whatever it holds.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const result = parseConfig("router:\n  prot: 6432\n", {
 *   file: "node1.yaml",
 *   env: () => undefined,
 *   readFile: () => "",
 * });
 * assert.ok(!result.ok);
 * const typo = result.problems.find((problem) => problem.path === "router.prot");
 * assert.equal(typo?.remedy, "Did you mean port?");
 * assert.deepEqual([typo?.line, typo?.column], [2, 3]);
 * ```
 */
export function parseConfig(text: string, options: ParseOptions): ParseResult {
  const { root, source, findings: found } = readDocument(text, options);
  const unusable = found.map(({ path }) => path).filter((path) => path !== "");
  const report = (findings: readonly Parameters<typeof locate>[0][]) => {
    const all = findings.map((finding) => locate(finding, source)).sort(byPlace);
    return {
      problems: all.filter(({ severity }) => severity === "error"),
      warnings: all.filter(({ severity }) => severity === "warning"),
    };
  };
  if (root === null) return { ok: false, ...report(found) };

  const resolve = (path: string) => joinToFolderOf(options.file, path);
  const validation = validate(root);
  const { values } = validation;
  const reading = readSecrets(values, {
    readFile: options.readFile,
    mode: options.mode,
    resolve,
  });
  const config = settle(values, reading.secrets, resolve);
  const damaged = [...unusable, ...validation.damaged, ...reading.damaged];
  const facts: RuleFacts = {
    values,
    config,
    source,
    isDamaged: (path) => damaged.some((other) => isWithin(path, other)),
    canRead: (path) => canRead(path, options),
    mode: (path) => options.mode?.(path) ?? null,
  };
  const { problems, warnings } = report([
    ...found,
    ...validation.findings,
    ...reading.findings,
    ...applyRules(RULES, facts, damaged),
  ]);
  return problems.length === 0 ? { ok: true, config, warnings } : { ok: false, problems, warnings };
}

function byPlace(a: Problem, b: Problem): number {
  return a.line - b.line || a.column - b.column;
}

function canRead(path: string, options: ParseOptions): boolean {
  try {
    options.readFile(path);
    return true;
  } catch {
    return false;
  }
}

/** A relative path means the same whatever folder the agent is started in. */
function joinToFolderOf(file: string, path: string): string {
  if (path.startsWith("/")) return path;
  const slash = file.lastIndexOf("/");
  return slash < 0 ? path : `${file.slice(0, slash + 1)}${path}`;
}
