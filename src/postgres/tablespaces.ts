/**
 * Where the tablespaces of a data directory lie.
 *
 * @module
 */
import { join } from "node:path";

/** A tablespace outside the data directory. */
export interface Tablespace {
  /** Where its files are, as an operator knows it: the path that was given when it was created. */
  readonly path: string;
  /** False where it holds temporary files of queries alone, or nothing yet. */
  readonly holdsTables: boolean;
}

/**
 * Reads `pg_tblspc`, which has a symbolic link for each tablespace.
 *
 * @returns sorted by path; empty where there are none, or the data directory cannot be read
 *
 * @see https://www.postgresql.org/docs/current/storage-file-layout.html
 */
export async function listTablespaces(dataDir: string): Promise<readonly Tablespace[]> {
  const links = join(dataDir, "pg_tblspc");
  const found = await Promise.all((await namesIn(links)).map(async (name) => {
    try {
      const path = await Deno.readLink(join(links, name));
      return [{ path, holdsTables: await holdsTables(path) }];
    } catch {
      // One that lies inside the data directory, or was dropped just now.
      return [];
    }
  }));
  return found.flat().toSorted((one, other) => one.path < other.path ? -1 : 1);
}

/** Each release has a folder in it, and in that each database one, named by its number. */
async function holdsTables(path: string): Promise<boolean> {
  const releases = (await namesIn(path)).filter((name) => name.startsWith("PG_"));
  const names = await Promise.all(releases.map((release) => namesIn(join(path, release))));
  return names.flat().some((name) => /^\d+$/.test(name));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch {
    return [];
  }
}
