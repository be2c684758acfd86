/**
 * Whether other users of this host can read or replace the agent's own files.
 *
 * Who can write into the state directory can take a vote or a promise back, and so make two primaries;
 * the agent does not start there. Who can read the passfile is a standby.
 *
 * @module
 */
import { join } from "node:path";

/** A file that is open to more users than it may be. */
export interface OpenFile {
  readonly path: string;
  /** Its permission bits. */
  readonly mode: number;
  /** A clause: what others can do. */
  readonly finding: string;
  readonly why: string;
  readonly remedy: string;
  /** True where the agent must not start. */
  readonly refusesRun: boolean;
}

interface Rule {
  readonly name: string;
  /** Permission bits that must not be set. */
  readonly forbidden: number;
  readonly finding: string;
  readonly why: string;
  readonly refusesRun: boolean;
}

const WRITABLE = {
  forbidden: 0o022,
  finding: "other users can write there",
  why: "They could take back this node's vote, and so make two primaries.",
  refusesRun: true,
};

/** By the name within the state directory; "" is the directory itself. */
const RULES: readonly Rule[] = [
  { name: "", ...WRITABLE },
  { name: "state.json", ...WRITABLE },
  {
    name: "history.jsonl",
    forbidden: 0o022,
    finding: "other users can write there",
    why: "They could hide who steered the cluster.",
    refusesRun: false,
  },
  {
    name: "postgres",
    forbidden: 0o077,
    finding: "other users can look into it",
    why: "It holds the passfile for replication.",
    refusesRun: false,
  },
  {
    name: "postgres/pgpass",
    forbidden: 0o077,
    finding: "other users can reach the passfile for replication",
    why: "With its password they can copy every database; PostgreSQL ignores such a passfile.",
    refusesRun: false,
  },
];

/** Looks at the files that are there; what is not there, or cannot be looked at, is not open. */
export async function findOpenFiles(stateDir: string): Promise<readonly OpenFile[]> {
  const found: OpenFile[] = [];
  for (const { name, forbidden, ...rule } of RULES) {
    const path = name === "" ? stateDir : join(stateDir, name);
    const info = await Deno.stat(path).catch(() => null);
    const mode = info === null || info.mode === null ? 0 : info.mode & 0o777;
    if ((mode & forbidden) === 0) continue;
    const remedy = `Run: chmod ${(mode & ~forbidden).toString(8)} ${path}`;
    found.push({ path, mode, remedy, ...rule });
  }
  return found;
}

/**
 * One finding as a sentence or two.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const file = { path: "/s", mode: 0o777, finding: "others can", why: "Bad.", remedy: "Mend it." };
 * assert.equal(
 *   openFileText({ ...file, refusesRun: true }),
 *   "/s has mode 777: others can. Bad. Mend it.",
 * );
 * ```
 */
export function openFileText({ path, mode, finding, why, remedy }: OpenFile): string {
  return `${path} has mode ${mode.toString(8)}: ${finding}. ${why} ${remedy}`;
}
