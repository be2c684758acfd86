/**
 * What pgbench said about its work, read for what matters when a primary goes: which transactions were
 * acknowledged, how long the longest took, and what the sessions read that did not survive.
 *
 * The transactions are numbered by each session, from 1, and written as `session/number`; pgbench's
 * log (`--log`) has a line for each that was acknowledged.
 *
 * @module
 */

/** A whole run of pgbench. */
export interface Work {
  /** How many transactions each session saw committed, by session. */
  readonly acknowledged: ReadonlyMap<number, number>;
  /** How long the longest of them took. */
  readonly longestMs: number;
  /** What sessions read that ended early, one line for each. */
  readonly ended: readonly string[];
}

/**
 * Reads pgbench's logs and its standard error.
 *
 * @param logs the text of each log file
 * @throws Error where a line is not one of pgbench's
 */
export function readWork(logs: readonly string[], stderr: string): Work {
  const acknowledged = new Map<number, number>();
  let longestUs = 0;
  for (const log of logs) {
    for (const line of log.split("\n")) {
      if (line === "") continue;
      const [session, , tookUs] = line.split(" ").map(Number);
      if (!Number.isInteger(session) || !Number.isInteger(tookUs)) {
        throw new Error(`Cannot read pgbench's log: ${JSON.stringify(line)}`);
      }
      acknowledged.set(session!, (acknowledged.get(session!) ?? 0) + 1);
      longestUs = Math.max(longestUs, tookUs!);
    }
  }
  return { acknowledged, longestMs: longestUs / 1000, ended: endings(stderr) };
}

/** What each session read that pgbench gave up; what came between two statements it prints apart. */
function endings(stderr: string): readonly string[] {
  return stderr.split("\n").flatMap((line) => {
    const answered = /client \d+ script \d+ aborted in command \d+ query \d+: (.*)$/.exec(line);
    if (answered !== null) return [answered[1]!.replace(/\s+/g, " ")];
    return /client \d+ aborted in/.test(line) ? ["its end, between two statements"] : [];
  });
}

/** How many there are. */
export function countWork(acknowledged: Work["acknowledged"]): number {
  return [...acknowledged.values()].reduce((total, count) => total + count, 0);
}

/**
 * Transactions that were acknowledged and are not there.
 *
 * @param present what is in the table, as `session/number`
 */
export function missingWork(
  acknowledged: Work["acknowledged"],
  present: ReadonlySet<string>,
): readonly string[] {
  const missing: string[] = [];
  for (const [session, count] of acknowledged) {
    for (let number = 1; number <= count; number++) {
      const name = `${session}/${number}`;
      if (!present.has(name)) missing.push(name);
    }
  }
  return missing;
}
