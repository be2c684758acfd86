/**
 * Reads a configuration file for a command: every problem is printed, none is thrown.
 *
 * @module
 */
import { type Config, formatProblem, parseConfig, type Problem } from "../config/mod.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import type { Terminal } from "./terminal.ts";

/** What {@linkcode loadConfig} gives. */
export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly code: ExitCode };

/**
 * Loads `file`. Where it cannot be used, every problem is printed on standard error and the result
 * holds the exit code. Warnings are returned, not printed: what they mean differs by command.
 */
export function loadConfig(file: string, terminal: Pick<Terminal, "complain">): LoadedConfig {
  const read = readConfig(file);
  if (read.ok) return read;
  for (const problem of read.problems) terminal.complain(problem);
  return { ok: false, code: EXIT.configuration };
}

/** What {@linkcode readConfig} gives: the problems are lines for people. */
export type ReadConfig =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads and checks `file`, and prints nothing. */
export function readConfig(file: string): ReadConfig {
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch (error) {
    return {
      ok: false,
      problems: [`Cannot read the configuration ${file}: ${readFailure(error)}`],
    };
  }
  const parsed = parseConfig(text, {
    file,
    env: (name) => Deno.env.get(name),
    readFile: (path) => Deno.readTextFileSync(path),
    mode: modeOf,
  });
  if (parsed.ok) {
    const warnings = [...writable(file), ...openSecrets(file, text), ...parsed.warnings];
    return { ok: true, config: parsed.config, warnings };
  }
  return { ok: false, problems: parsed.problems.map(formatProblem) };
}

/** A file's permission bits; null where they cannot be told. */
function modeOf(path: string): number | null {
  try {
    return Deno.statSync(path).mode;
  } catch {
    return null;
  }
}

/** A secret that is written out, not taken from `${ENV}`; the keys that name a file end otherwise. */
const WRITTEN_SECRET =
  /^[ \t]*(?:password|(?:previous_)?cluster_secret|read_token)[ \t]*:[ \t]*["']?(?!\$\{)[^\s"'#]/m;

/** Warns where the file itself holds a secret and other users may read it. */
function openSecrets(file: string, text: string): readonly Problem[] {
  const mode = modeOf(file);
  const found = WRITTEN_SECRET.exec(text);
  if (found === null || mode === null || (mode & 0o004) === 0) return [];
  const before = text.slice(0, found.index).split("\n");
  return [{
    file,
    line: before.length,
    column: 1 + found[0].search(/\S/),
    path: "",
    value: null,
    message: "a secret is written out here, and every user of this host can read the file",
    remedy: `Run: chmod 600 ${file}`,
    severity: "warning",
    refusesRun: false,
  }];
}

/** Refuses a file that anybody can change: it says which programs run, and as whom. */
function writable(file: string): readonly Problem[] {
  const mode = modeOf(file);
  if (mode === null || (mode & 0o002) === 0) return [];
  return [{
    file,
    line: 1,
    column: 1,
    path: "",
    value: null,
    message: "every user of this host can change this file, and so what the agent runs",
    remedy: `Run: chmod o-w ${file}`,
    severity: "warning",
    refusesRun: true,
  }];
}

function readFailure(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) {
    return "there is no such file. Name another one with --config FILE.";
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "permission denied. Run as a user who may read it.";
  }
  if (error instanceof Deno.errors.IsADirectory) {
    return "it is a folder. Name the file in it.";
  }
  if (error instanceof TypeError) return "it is not UTF-8 text. Save it as UTF-8.";
  const reason = error instanceof Error ? error.message : String(error);
  return `${reason}. Check that it is a readable file.`;
}
