/**
 * Secrets, which stand in the file itself (also as `${NAME}`) or in a file of their own, named by
 * the same key with `_file` behind it.
 *
 * @module
 */
import type { Finding } from "./problem.ts";
import type { FileValues } from "./schema.ts";

/** The secrets that were found; null where none is set, or none could be read. */
export interface Secrets {
  readonly localDbPassword: string | null;
  readonly replicationPassword: string | null;
  readonly clusterSecret: string | null;
  readonly previousClusterSecret: string | null;
  readonly readToken: string | null;
}

/** How files are reached. */
export interface SecretFiles {
  /** Throws where the file cannot be read. */
  readonly readFile: (path: string) => string;
  /** The file's permission bits, or null where there are none to be had. */
  readonly mode?: ((path: string) => number | null) | undefined;
  /** Joins a relative path with the configuration file's folder. */
  readonly resolve: (path: string) => string;
}

/** What {@linkcode readSecrets} gives. */
export interface SecretReading {
  readonly secrets: Secrets;
  readonly findings: readonly Finding[];
  /** Secrets that a file was to hold and does not: not the same as not set. */
  readonly damaged: readonly string[];
}

/**
 * Finds every secret. One newline at the end of a secret's file is not part of the secret.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const { secrets } = readSecrets(
 *   { security: { cluster_secret_file: "secret" } },
 *   { readFile: () => "correct horse battery\n", resolve: (path) => `/etc/metako/${path}` },
 * );
 * assert.equal(secrets.clusterSecret, "correct horse battery");
 * ```
 */
export function readSecrets(values: FileValues, files: SecretFiles): SecretReading {
  const findings: Finding[] = [];
  const damaged: string[] = [];
  const find = (path: string, inline: string | undefined, file: string | undefined, min = 1) => {
    if (file === undefined) return inline ?? null;
    const filePath = `${path}_file`;
    const read = inline === undefined
      ? readSecretFile(filePath, file, min, files)
      : { secret: null, findings: [givenTwice(filePath)] };
    findings.push(...read.findings);
    if (read.secret === null) damaged.push(path);
    return read.secret;
  };
  const { local_db, replication, security } = values;
  const secrets: Secrets = {
    localDbPassword: find("local_db.password", local_db?.password, local_db?.password_file),
    replicationPassword: find(
      "replication.password",
      replication?.password,
      replication?.password_file,
    ),
    clusterSecret: find(
      "security.cluster_secret",
      security?.cluster_secret,
      security?.cluster_secret_file,
      16,
    ),
    previousClusterSecret: find(
      "security.previous_cluster_secret",
      security?.previous_cluster_secret,
      security?.previous_cluster_secret_file,
    ),
    readToken: find(
      "security.read_token",
      security?.read_token,
      security?.read_token_file,
      16,
    ),
  };
  return { secrets, findings, damaged };
}

function givenTwice(path: string): Finding {
  return {
    path,
    message: `must not stand beside ${path.replace(/^.*\.|_file$/g, "")}`,
    remedy: "Remove one of the two.",
    severity: "error",
  };
}

function readSecretFile(
  path: string,
  file: string,
  minCharacters: number,
  files: SecretFiles,
): { secret: string | null; findings: Finding[] } {
  const refuse = (message: string, remedy: string) => ({
    secret: null,
    findings: [{ path, message, remedy, severity: "error" as const }],
  });
  const resolved = files.resolve(file);
  let content: string;
  try {
    content = files.readFile(resolved);
  } catch (error) {
    const reason = error instanceof Error ? error.name : "unknown error";
    return refuse(
      `must name a file that can be read (${resolved}: ${reason})`,
      "Create it, and let the agent's user read it.",
    );
  }
  const secret = content.replace(/\r?\n$/, "");
  if ([...secret].length < minCharacters) {
    return refuse(
      `must name a file with at least ${minCharacters} character${minCharacters === 1 ? "" : "s"}`,
      "Write the secret into it.",
    );
  }
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  if (/[\x00-\x1f\x7f]/.test(secret)) {
    return refuse("must name a file with one line", "Write nothing but the secret into it.");
  }
  const mode = files.mode?.(resolved) ?? null;
  const findings: Finding[] = mode !== null && (mode & 0o007) !== 0
    ? [{
      path,
      message: "names a file that every user of this host can reach",
      remedy: `Run: chmod 600 ${resolved}`,
      severity: "warning",
    }]
    : [];
  return { secret, findings };
}
