/**
 * Reads an lcov report, as `deno coverage --lcov` writes it.
 *
 * @module
 */

/** How many there are, how many were reached, and the line numbers of those that were not. */
export interface Reached {
  readonly found: number;
  readonly hit: number;
  readonly missed: readonly number[];
}

/** One source file. */
export interface FileCoverage {
  readonly path: string;
  readonly lines: Reached;
  readonly branches: Reached;
}

/** The share that was reached, in percent; 100 where there is nothing to reach. */
export function share({ found, hit }: Pick<Reached, "found" | "hit">): number {
  return found === 0 ? 100 : 100 * hit / found;
}

/**
 * Reads the text of a report: records of `SF:path`, `DA:line,count` and
 * `BRDA:line,block,branch,count`, each closed by `end_of_record`.
 */
export function readLcov(text: string): readonly FileCoverage[] {
  const records = text.split("end_of_record").map((record) => record.split("\n"));
  return records.flatMap((record): FileCoverage[] => {
    const path = record.find((line) => line.startsWith("SF:"))?.slice(3);
    if (path === undefined) return [];
    return [{ path, lines: reached(record, "DA:"), branches: reached(record, "BRDA:") }];
  });
}

/** The first number of an entry is its line, the last how often it was reached, or `-` for never. */
function reached(record: readonly string[], tag: string): Reached {
  const entries = record.filter((line) => line.startsWith(tag))
    .map((line) => line.slice(tag.length).split(","));
  const missed = entries.filter((entry) => !(Number(entry.at(-1)) > 0))
    .map((entry) => Number(entry[0]));
  return { found: entries.length, hit: entries.length - missed.length, missed };
}
