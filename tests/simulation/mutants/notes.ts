/**
 * Verdicts on mutants, noted in a file as they come, so that a long run can be done in parts.
 */
import type { Found } from "./plot.ts";

/** What became of one mutant. */
export interface Verdict extends Found {
  readonly id: string;
  readonly what: string;
  /** contradicted: held to be equivalent, and killed all the same. */
  readonly outcome: "killed" | "SURVIVED" | "equivalent" | "contradicted" | "throws";
}

/** Verdicts by the id of their mutant. */
export interface Notes {
  has(id: string): boolean;
  get(id: string): Verdict | undefined;
  add(verdict: Verdict): void;
}

/** Reads what `file` holds from an earlier run; null keeps the notes in memory alone. */
export function createNotes(file: string | null): Notes {
  const verdicts = new Map<string, Verdict>();
  for (const line of file === null ? [] : linesOf(file)) {
    const verdict: Verdict = JSON.parse(line);
    verdicts.set(verdict.id, verdict);
  }
  return {
    has: (id) => verdicts.has(id),
    get: (id) => verdicts.get(id),
    add(verdict) {
      verdicts.set(verdict.id, verdict);
      if (file === null) return;
      Deno.writeTextFileSync(file, `${JSON.stringify(verdict)}\n`, { append: true });
    },
  };
}

/** A row of the table in docs/simulation.md. */
export function verdictLine(verdict: Verdict): string {
  const { id, what, outcome, killedBy, script, short, whole } = verdict;
  const storms = whole === 0 ? `${short} short` : `${short} short, ${whole} whole`;
  return `| \`${id}\` | ${what} | ${killedBy ?? outcome} | ${script ?? storms} |`;
}

function linesOf(file: string): string[] {
  try {
    return Deno.readTextFileSync(file).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
