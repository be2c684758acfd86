/**
 * What a rule between keys is, and how a table of them is applied.
 *
 * A rule names the keys it reads. Where one of them was refused already the rule is not asked: its
 * answer would speak of a default that nobody chose.
 *
 * @module
 */
import type { Config } from "./config.ts";
import { isWithin } from "./path.ts";
import type { Finding } from "./problem.ts";
import type { FileValues } from "./schema.ts";
import { shownValue, type Source } from "./source.ts";

/** What a rule looks at. */
export interface RuleFacts {
  /** What the file sets. */
  readonly values: FileValues;
  /** The same with every default filled in. */
  readonly config: Config;
  readonly source: Source;
  /** True where the key's value was refused, so that it only looks unset. */
  readonly isDamaged: (path: string) => boolean;
  /** True where the file at this path, as the configuration has it, can be read. */
  readonly canRead: (path: string) => boolean;
  /** The permission bits of such a file; null where they cannot be told. */
  readonly mode: (path: string) => number | null;
}

/** One rule. */
export interface Rule {
  readonly id: string;
  /** The keys whose values the rule needs; `cluster_members[].role` is that key of every member. */
  readonly reads: readonly string[];
  /** Everything that is wrong by this rule; empty where it holds. */
  readonly check: (facts: RuleFacts) => readonly Finding[];
}

/** Applies every rule whose keys are undamaged. */
export function applyRules(
  rules: readonly Rule[],
  facts: RuleFacts,
  damaged: readonly string[],
): Finding[] {
  const patterns = damaged.map((path) => path.replace(/\[\d+\]/g, "[]"));
  return rules
    .filter(({ reads }) => !reads.some((key) => patterns.some((path) => isWithin(key, path))))
    .flatMap((rule) => rule.check(facts));
}

/** An error about one key. */
export function wrong(path: string, message: string, remedy: string, value?: string): Finding {
  return { path, message, remedy, severity: "error", ...(value !== undefined && { value }) };
}

/** A warning about one key, without its value. */
export function risky(path: string, message: string, remedy: string): Finding {
  return { path, message, remedy, severity: "warning", value: null };
}

/** The value as the file has it; the default, named as such, where the file does not set it. */
export function valueOrDefault(facts: RuleFacts, path: string, fallback: string): string {
  return shownValue(facts.source, path) ?? `${fallback} (default)`;
}
