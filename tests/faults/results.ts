/**
 * Outcomes in a file, a line of JSON for each run, so that a report can be made of several calls of
 * the suite.
 *
 * @module
 */
import { z } from "zod";
import type { Outcome } from "./play.ts";

/** An outcome, and under what conditions it came. */
export interface Result extends Outcome {
  /** When it ended, as ISO 8601. */
  readonly at: string;
  /** The commit that was played; "" where that is not known. */
  readonly commit: string;
  readonly cores: number;
  /** How many processes ran or wanted to before it began, on average over a minute. */
  readonly load: number;
}

const count = z.int().nonnegative();
const ms = z.number().nonnegative();
const result: z.ZodType<Result> = z.strictObject({
  at: z.iso.datetime(),
  commit: z.string(),
  cores: count,
  load: z.number().nonnegative(),
  scenario: z.string(),
  writeOutageMs: ms,
  readOutageMs: ms,
  acknowledged: count,
  lost: count,
  overlapping: count,
  terms: count,
  wholeMs: ms.nullable(),
  faults: z.array(z.string()),
});

/** One line of the file, without its end. */
export function resultLine(given: Result): string {
  return JSON.stringify(given);
}

/**
 * Reads what {@linkcode resultLine} made.
 *
 * @throws Error naming the first line that is no result
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseResults(""), []);
 * assert.throws(() => parseResults("{}"), /line 1 is no result/);
 * ```
 */
export function parseResults(text: string): readonly Result[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    try {
      return [result.parse(JSON.parse(line))];
    } catch (error) {
      throw new Error(`Cannot read results: line ${index + 1} is no result.`, { cause: error });
    }
  });
}

/** What this machine is like now; the load is that of the minute before. */
export async function conditions(): Promise<Pick<Result, "commit" | "cores" | "load">> {
  const git = new Deno.Command("git", {
    args: ["describe", "--always", "--abbrev=7", "--exclude=*"],
    cwd: new URL(".", import.meta.url).pathname,
    stderr: "null",
  });
  const commit = await git.output().then(
    ({ stdout }) => new TextDecoder().decode(stdout).trim(),
    () => "",
  );
  return { commit, cores: navigator.hardwareConcurrency, load: Deno.loadavg()[0] ?? 0 };
}
