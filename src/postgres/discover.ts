/**
 * Finding PostgreSQL's programs: the configured folder, or the usual places, newest first.
 *
 * @module
 */
import { delimiter, join } from "node:path";
import { runCommand } from "./command.ts";
import { exists, namesIn } from "./files.ts";
import { done, failed, type Step } from "./outcome.ts";
import { objectionTo, OLDEST_MAJOR } from "./version.ts";

/** Programs of one PostgreSQL release. */
export interface PostgresPrograms {
  readonly binDir: string;
  /** The major version, such as 15. */
  readonly major: number;
}

const NEEDED = ["postgres", "initdb", "pg_ctl", "pg_controldata", "pg_basebackup"] as const;

/**
 * Finds the programs.
 *
 * @param wanted the configured `local_db.bin_dir`; null searches the usual places
 * @param major only this release, because a data directory belongs to it; null takes the newest
 * @returns the folder and its release, or a sentence that names the package to install
 */
export async function findPostgres(
  wanted: string | null = null,
  major: number | null = null,
): Promise<Step<PostgresPrograms>> {
  if (wanted !== null) return await inspect(wanted, major);
  let complaint: string | null = null;
  for (const binDir of await usualPlaces()) {
    const found = await inspect(binDir, major);
    if (found.ok) return found;
    complaint ??= await exists(join(binDir, "postgres")) ? found.because : null;
  }
  const release = major === null ? `${OLDEST_MAJOR} or newer` : `${major}`;
  return failed(
    complaint ??
      `Cannot find PostgreSQL ${release}. Install it (Debian, Ubuntu: postgresql; Red Hat: postgresql-server; macOS: brew install postgresql), or set local_db.bin_dir to the folder of initdb and postgres`,
  );
}

/**
 * Reads the release out of `postgres --version`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(parseMajor("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), 15);
 * assert.equal(parseMajor("postgres (PostgreSQL) 18beta1"), 18);
 * assert.equal(parseMajor("9.6.24"), null);
 * ```
 */
export function parseMajor(text: string): number | null {
  const match = /\(PostgreSQL\) (\d+)/.exec(text);
  return match === null ? null : Number(match[1]);
}

async function inspect(binDir: string, major: number | null): Promise<Step<PostgresPrograms>> {
  for (const name of NEEDED) {
    if (await exists(join(binDir, name))) continue;
    return failed(
      `Cannot use local_db.bin_dir ${binDir}: it has no ${name}. Set it to the folder that holds initdb and postgres, or leave it out to have the usual places searched`,
    );
  }
  const end = await runCommand({
    program: join(binDir, "postgres"),
    args: ["--version"],
    owner: null,
  });
  const found = parseMajor(end.stdout);
  if (found === null) return failed(`Cannot use ${binDir}: postgres --version does not answer`);
  const objection = objectionTo(found);
  if (objection?.kind === "too_old") {
    return failed(`Cannot use the programs in ${binDir}: ${objection.because}`);
  }
  if (major !== null && found !== major) {
    return failed(
      `Cannot use PostgreSQL ${found} in ${binDir}: the data directory was made by ${major}. Set local_db.bin_dir to the programs of ${major}`,
    );
  }
  return done({ binDir, major: found });
}

async function usualPlaces(): Promise<string[]> {
  const places: string[] = [];
  for (const major of newestFirst(await namesIn("/usr/lib/postgresql"), /^(\d+)$/)) {
    places.push(`/usr/lib/postgresql/${major}/bin`);
  }
  for (const name of newestFirst(await namesIn("/usr"), /^pgsql-(\d+)$/)) {
    places.push(`/usr/${name}/bin`);
  }
  places.push("/usr/local/pgsql/bin");
  for (const brew of ["/opt/homebrew/opt", "/usr/local/opt"]) {
    for (const name of newestFirst(await namesIn(brew), /^postgresql@(\d+)$/)) {
      places.push(`${brew}/${name}/bin`);
    }
  }
  const path = (Deno.env.get("PATH") ?? "").split(delimiter).filter((entry) => entry !== "");
  return [...places, ...path];
}

function newestFirst(names: readonly string[], pattern: RegExp): string[] {
  const number = (name: string) => Number(pattern.exec(name)?.[1]);
  return names.filter((name) => pattern.test(name)).sort((a, b) => number(b) - number(a));
}
