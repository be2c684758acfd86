/**
 * Files that must survive a power cut, and belong to the server's user.
 *
 * Written beside the target, fsynced, renamed over it, and the folder fsynced: a reader sees the
 * old text or the new one, never half of either.
 *
 * @module
 */
import { dirname } from "node:path";

/** A system user by number; the agent's own files need none. */
export interface Owner {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Whom a written file belongs to, and its mode (default 0600). */
export interface FileOptions {
  readonly owner: Owner | null;
  readonly mode?: number;
}

/**
 * Replaces a file durably.
 *
 * @throws what the file system throws (no space, no permission)
 */
export async function writeDurably(
  path: string,
  text: string,
  { owner, mode = 0o600 }: FileOptions,
): Promise<void> {
  const temporary = `${path}.metako-new`;
  await Deno.remove(temporary).catch(() => {});
  const file = await Deno.open(temporary, { write: true, createNew: true, mode });
  try {
    const bytes = new TextEncoder().encode(text);
    for (let written = 0; written < bytes.length;) {
      written += await file.write(bytes.subarray(written));
    }
    await file.sync();
  } finally {
    file.close();
  }
  if (owner !== null) await Deno.chown(temporary, owner.uid, owner.gid);
  await Deno.rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Removes a file durably; nothing to do where it is not there. */
export async function removeDurably(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  await syncFolder(dirname(path));
}

/** The file's text, or null where there is none. Other errors are thrown. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return null;
    }
    throw error;
  }
}

/** True where a file or a folder of that name exists and can be seen. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

/** Names in a folder; empty where it does not exist. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await Deno.open(folder, { read: true });
  try {
    await handle.sync();
  } finally {
    handle.close();
  }
}
