/**
 * What the doctor finds: what is so, why it matters, and what to do.
 *
 * @module
 */
import { type Tint, tinted } from "../terminal.ts";

/** How grave it is: it is well; it will hurt some day; it hurts, or will at the next failover. */
export type Gravity = "ok" | "warning" | "bad";

/** One finding. A sentence each; `why` and `remedy` are empty where all is well. */
export interface Finding {
  /** What was looked at: `clock`, `pg_hba`, … */
  readonly check: string;
  readonly gravity: Gravity;
  readonly finding: string;
  readonly why: string;
  readonly remedy: string;
}

/** All is well with what was looked at. */
export function well(check: string, finding: string): Finding {
  return { check, gravity: "ok", finding, why: "", remedy: "" };
}

const MARKS: Readonly<Record<Gravity, { readonly mark: string; readonly tint: Tint }>> = {
  ok: { mark: "ok", tint: "good" },
  warning: { mark: "warning", tint: "doubtful" },
  bad: { mark: "BAD", tint: "bad" },
};

/** The findings for people: one line each, and below it why it matters and what to do. */
export function renderFindings(
  findings: readonly Finding[],
  look: { readonly colour: boolean },
): string {
  const width = Math.max(0, ...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, gravity, finding, why, remedy }) => {
    const { mark, tint } = MARKS[gravity];
    const head = `${tinted(mark.padEnd(7), tint, look)}  ${check.padEnd(width)}  ${finding}`;
    const indent = " ".repeat(9 + width + 2);
    return [head, ...[why, remedy].filter((text) => text !== "").map((text) => indent + text)];
  });
  return [...lines, "", summary(findings)].join("\n");
}

function summary(findings: readonly Finding[]): string {
  const count = (gravity: Gravity) =>
    findings.filter((finding) => finding.gravity === gravity).length;
  const bad = count("bad");
  const warnings = count("warning");
  if (bad + warnings === 0) return "All is well.";
  const plural = (number: number, word: string) => `${number} ${word}${number === 1 ? "" : "s"}`;
  return `${bad} bad, ${plural(warnings, "warning")}, ${count("ok")} well.`;
}
