/**
 * postgresql.conf, as PostgreSQL reads it: what is set where, includes followed.
 *
 * The server itself tells all this while it runs (pg_file_settings); a data directory at rest has
 * to be read. PostgreSQL manual, "Parameter Interaction via the Configuration File".
 *
 * @module
 */
import { dirname, isAbsolute, join } from "node:path";
import { namesIn, readIfThere } from "./files.ts";

/** One line that sets something. */
export interface ConfEntry {
  /** In lower case, as PostgreSQL compares names. */
  readonly name: string;
  readonly value: string;
  /** Counted from 1. */
  readonly line: number;
}

/** An entry and the file that it stands in. */
export interface PlacedEntry extends ConfEntry {
  readonly file: string;
}

/** PostgreSQL gives up at this depth too. */
const MAX_DEPTH = 10;

/**
 * Reads the lines of one file; those that are no settings are left out, as the server's own
 * complaint about them comes sooner than any of metako's.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseConf("# nothing\nPort 5433\ncluster_name = 'it''s' # mine\n"), [
 *   { name: "port", value: "5433", line: 2 },
 *   { name: "cluster_name", value: "it's", line: 3 },
 * ]);
 * ```
 */
export function parseConf(text: string): ConfEntry[] {
  const pattern = /^\s*([A-Za-z_][\w.$]*)\s*=?\s*(?:'((?:[^'\\]|\\.|'')*)'|([^\s'#]+))\s*(?:#.*)?$/;
  return text.split("\n").flatMap((line, index) => {
    const match = pattern.exec(line.replace(/\r$/, ""));
    if (match === null) return [];
    const [, name, quoted, bare] = match;
    const value = quoted === undefined ? bare! : unquote(quoted);
    return [{ name: name!.toLowerCase(), value, line: index + 1 }];
  });
}

/**
 * Reads a file with everything that it includes, in the order in which the server does; the last
 * entry of a name counts.
 *
 * @param skip the file name of an include that is left out
 */
export async function readConf(path: string, skip: string, depth = 0): Promise<PlacedEntry[]> {
  const text = await readIfThere(path).catch(() => null);
  if (text === null || depth > MAX_DEPTH) return [];
  const entries: PlacedEntry[] = [];
  for (const entry of parseConf(text)) {
    const there = isAbsolute(entry.value) ? entry.value : join(dirname(path), entry.value);
    switch (entry.name) {
      case "include":
      case "include_if_exists":
        if (entry.value !== skip) entries.push(...await readConf(there, skip, depth + 1));
        break;
      case "include_dir":
        for (const name of (await namesIn(there).catch(() => [])).sort()) {
          if (!name.endsWith(".conf") || name.startsWith(".")) continue;
          entries.push(...await readConf(join(there, name), skip, depth + 1));
        }
        break;
      default:
        entries.push({ ...entry, file: path });
    }
  }
  return entries;
}

/**
 * Takes settings out of a text such as postgresql.auto.conf.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const text = "# by ALTER SYSTEM\nwork_mem = '8MB'\nprimary_conninfo = 'host=b'\n";
 * assert.equal(withoutSettings(text, ["primary_conninfo"]), "# by ALTER SYSTEM\nwork_mem = '8MB'\n");
 * ```
 */
export function withoutSettings(text: string, names: readonly string[]): string {
  const drop = new Set(
    parseConf(text).filter(({ name }) => names.includes(name)).map(({ line }) => line),
  );
  return text.split("\n").filter((_, index) => !drop.has(index + 1)).join("\n");
}

function unquote(text: string): string {
  return text.replace(/''|\\(.)/g, (found, escaped: string | undefined) => {
    if (found === "''") return "'";
    return { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" }[escaped!] ?? escaped!;
  });
}
