/**
 * A node's own files inside its data directory, which pg_rewind replaces by the leader's: its
 * configuration, access lines, certificates and keys.
 *
 * They are kept in memory while pg_rewind runs. Where that is interrupted the directory is copied
 * anew, and has the leader's files as every copy does.
 *
 * @module
 */
import { join } from "node:path";
import type { Place } from "./place.ts";

const OWN = /\.(conf|crt|key|pem)$/;

/** Larger files of such names are nobody's configuration. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Reads the files.
 *
 * @returns puts them back, durably, with the owner and mode that they had
 * @throws what the file system throws
 */
export async function keepOwnFiles({ dataDir }: Place): Promise<() => Promise<void>> {
  const kept: { name: string; bytes: Uint8Array; info: Deno.FileInfo }[] = [];
  for await (const { name, isFile } of Deno.readDir(dataDir)) {
    if (!isFile || !OWN.test(name)) continue;
    const info = await Deno.stat(join(dataDir, name));
    if (info.size > MAX_BYTES) continue;
    kept.push({ name, bytes: await Deno.readFile(join(dataDir, name)), info });
  }
  return async () => {
    for (const { name, bytes, info } of kept) await putBack(join(dataDir, name), bytes, info);
  };
}

async function putBack(path: string, bytes: Uint8Array, info: Deno.FileInfo): Promise<void> {
  const temporary = `${path}.metako-new`;
  await Deno.remove(temporary).catch(() => {});
  await Deno.writeFile(temporary, bytes, { createNew: true, mode: (info.mode ?? 0o600) & 0o777 });
  using file = await Deno.open(temporary, { read: true, write: true });
  await file.sync();
  if (info.uid !== null && info.gid !== null) await Deno.chown(temporary, info.uid, info.gid);
  await Deno.rename(temporary, path);
}
