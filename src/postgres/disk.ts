/**
 * How much room there is where a folder lies.
 *
 * @module
 */
import { statfs } from "node:fs";
import { promisify } from "node:util";
import { pause } from "./wait.ts";

/** Space on the file system of a folder, in bytes; `freeBytes` is what an ordinary user may take. */
export interface DiskSpace {
  /** The file system's number on this host; two folders with the same share their room. */
  readonly device: number;
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** A file system that takes longer to answer hangs. */
const LIMIT_MS = 5000;

/** In this form it is older than in `node:fs/promises`. */
const statFileSystem = promisify(statfs);

/** Questions without an answer yet: a file system that hangs is not asked again meanwhile. */
const asking = new Map<string, Promise<DiskSpace | null>>();

/** Asks the kernel; null where the folder is not there, or its file system does not answer. */
export async function readDiskSpace(folder: string): Promise<DiskSpace | null> {
  let asked = asking.get(folder);
  if (asked === undefined) {
    asked = ask(folder).finally(() => asking.delete(folder));
    asking.set(folder, asked);
  }
  const over = new AbortController();
  try {
    return await Promise.race([asked, pause(LIMIT_MS, over.signal).then(() => null)]);
  } finally {
    over.abort();
  }
}

async function ask(folder: string): Promise<DiskSpace | null> {
  try {
    const [{ bsize, blocks, bavail }, { dev }] = await Promise.all([
      statFileSystem(folder),
      Deno.stat(folder),
    ]);
    return { device: dev, totalBytes: bsize * blocks, freeBytes: Math.max(0, bsize * bavail) };
  } catch {
    return null;
  }
}
