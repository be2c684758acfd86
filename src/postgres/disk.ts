/**
 * How much room there is where a folder lies.
 *
 * @module
 */

/** Space on the file system of a folder, in bytes; `freeBytes` is what an ordinary user may take. */
export interface DiskSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** A file system that takes longer to answer hangs. */
const LIMIT_MS = 5000;

/** Asks `df`; null where the folder is not there, or its file system does not answer. */
export async function readDiskSpace(folder: string): Promise<DiskSpace | null> {
  try {
    const { success, stdout } = await new Deno.Command("df", {
      args: ["-Pk", folder],
      stdin: "null",
      stderr: "null",
      signal: AbortSignal.timeout(LIMIT_MS),
    }).output();
    return success ? parseDiskSpace(new TextDecoder().decode(stdout)) : null;
  } catch {
    return null;
  }
}

/**
 * Reads the last line of `df -Pk`; names of file systems and mount points may hold blanks.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseDiskSpace("/dev/sda1 1000 400 600 40% /\n"), {
 *   totalBytes: 1_024_000,
 *   freeBytes: 614_400,
 * });
 * assert.equal(parseDiskSpace("df: no such file\n"), null);
 * ```
 */
export function parseDiskSpace(text: string): DiskSpace | null {
  const match = / (\d+) +\d+ +(\d+) +\d+% /.exec(text.trimEnd().split("\n").at(-1) ?? "");
  if (match === null) return null;
  return { totalBytes: Number(match[1]) * 1024, freeBytes: Number(match[2]) * 1024 };
}
