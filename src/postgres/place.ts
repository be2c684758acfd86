/**
 * The server's place on this host: its data directory, its programs, its user, and the agent's
 * private folder for it. Every managed action works on one of these.
 *
 * @module
 */
import { join } from "node:path";
import type { Target } from "./connection.ts";
import { runCommand } from "./command.ts";
import { type ControlData, parseControlData } from "./controldata.ts";
import { type FileOptions, type Owner, readIfThere, writeDurably } from "./files.ts";
import type { PostgresOptions } from "./options.ts";
import { done, failed, messageOf, type Step } from "./outcome.ts";
import type { Tries } from "./tries.ts";

/** What managed actions need to know. */
export interface Place {
  readonly options: PostgresOptions;
  readonly dataDir: string;
  readonly binDir: string;
  readonly major: number;
  /** Whom to act as; null is the agent's own user. */
  readonly owner: Owner | null;
  /** Holds the passfile, the server's log, its socket, and the note of work under way. */
  readonly privateDir: string;
  /** What became of its starts. */
  readonly starts: Tries;
}

/** The agent's own way into the server. */
export function localTarget({ options }: Place): Target {
  return targetAt(options, options.host, options.port);
}

/** A role of the database, and its password. */
export type Login = Pick<PostgresOptions, "username" | "password">;

/** A role's way into the server at an address. */
export function targetAt({ username, password }: Login, host: string, port: number): Target {
  return { host, port, user: username, password, database: "postgres" };
}

/** Options for a file that the server's user has to read. */
export function serverFile({ owner }: Place): FileOptions {
  return { owner, mode: 0o600 };
}

/** Where the passfile is. */
export function passfilePath({ privateDir }: Place): string {
  return join(privateDir, "pgpass");
}

/** The server's own log. */
export function logPath({ privateDir }: Place): string {
  return join(privateDir, "server.log");
}

/** Runs one of PostgreSQL's programs as the server's user. */
export function runProgram(
  place: Place,
  name: string,
  args: readonly string[],
  rest: { signal?: AbortSignal | undefined; onStderr?: (text: string) => void } = {},
) {
  const program = join(place.binDir, name);
  return runCommand({ program, args, owner: place.owner, ...rest });
}

/** Reads the control file; null where it cannot be read. */
export async function readControl(place: Place): Promise<ControlData | null> {
  const end = await runProgram(place, "pg_controldata", ["-D", place.dataDir]);
  return end.code === 0 ? parseControlData(end.stdout) : null;
}

/** Creates the private folder and the passfile, and checks that the server's user gets there. */
export async function preparePrivateFolder(place: Place): Promise<Step<null>> {
  const { privateDir, owner, options } = place;
  try {
    await Deno.mkdir(options.stateDir, { recursive: true });
    await Deno.mkdir(privateDir, { recursive: true });
    await Deno.chmod(privateDir, 0o700);
    if (owner !== null) await Deno.chown(privateDir, owner.uid, owner.gid);
    const entry = [options.replicationUser, options.replicationPassword].map(escapePass).join(":");
    await keepText(passfilePath(place), `*:*:*:${entry}\n`, serverFile(place));
  } catch (error) {
    return failed(
      `Cannot prepare ${privateDir}: ${
        messageOf(error)
      }. Set state_dir to a folder that the agent may write`,
    );
  }
  const args = ["-r", passfilePath(place)];
  const readable = await runCommand({ program: "test", args, owner });
  if (readable.code === 0) return done(null);
  return failed(
    `Cannot keep the passfile in ${privateDir}: the user ${
      owner?.name ?? "of the agent"
    } cannot reach it. Give the folders above it mode 0711, or set state_dir elsewhere`,
  );
}

/** A file that is right already needs no room on a disk that has none. */
async function keepText(path: string, text: string, options: FileOptions): Promise<void> {
  if (await readIfThere(path).catch(() => null) !== text) await writeDurably(path, text, options);
}

/** Escapes a field of a passfile. PostgreSQL manual, "The Password File". */
export function escapePass(text: string): string {
  return text.replace(/[\\:]/g, "\\$&");
}
