/**
 * Making the cluster's first data directory by initdb.
 *
 * @module
 */
import { join } from "node:path";
import type { Incarnation } from "../core/record.ts";
import type { SyncSetting } from "../core/server.ts";
import { lastLines } from "./command.ts";
import { removeDurably, writeDurably } from "./files.ts";
import type { Grip } from "./grip.ts";
import { readContents } from "./identity.ts";
import { emptyDirectory, making, markAndSet } from "./making.ts";
import type { ActionOutcome } from "./options.ts";
import { done, failed, type Step } from "./outcome.ts";
import { type Place, runProgram, serverFile } from "./place.ts";
import { report } from "./primary.ts";
import { ensureDatabase, ensureReplicationRole } from "./roles.ts";
import { ensureSlots } from "./slots.ts";
import { startServer } from "./start.ts";

/** Makes the cluster's first primary and starts it. */
export async function initialise(
  place: Place,
  grip: Grip,
  { incarnation, sync }: { readonly incarnation: Incarnation; readonly sync: SyncSetting },
  signal?: AbortSignal,
): Promise<ActionOutcome> {
  const contents = await readContents(place);
  if (contents.kind !== "absent") {
    return failed(
      contents.kind === "refused" ? contents.because : `${place.dataDir} holds a cluster already`,
    );
  }
  const built = await making(place, "initialise", async () => {
    const made = await initdb(place, signal);
    return made.ok ? await markAndSet(place, { role: "primary", sync }, incarnation, null) : made;
  });
  if (!built.ok) return built;
  const started = await startServer(place, "primary", signal);
  if (!started.ok) return started;
  const { session } = started;
  try {
    for (const ensure of [ensureReplicationRole, ensureDatabase, ensureSlots]) {
      const step = await ensure(session, place.options);
      if (!step.ok) return step;
    }
    const flag = await session.query("checkpoint", 30_000);
    return flag.ok ? await report(grip, session, incarnation) : flag;
  } finally {
    session.close();
  }
}

/**
 * By the Unix socket the superuser comes in as its system user, and all others with their password, as
 * they do by TCP; so the router may go that way too.
 */
async function openSocket(place: Place): Promise<Step<null>> {
  const path = join(place.dataDir, "pg_hba.conf");
  const user = `"${place.options.username.replaceAll('"', '""')}"`;
  const peer = /^local +all +all +peer$/m;
  const lines = `local all ${user} peer\nlocal all all scram-sha-256`;
  const text = await Deno.readTextFile(path);
  await writeDurably(path, text.replace(peer, () => lines), serverFile(place));
  return done(null);
}

async function initdb(place: Place, signal: AbortSignal | undefined): Promise<Step<null>> {
  const pwfile = join(place.privateDir, "initdb-password");
  await writeDurably(pwfile, `${place.options.password}\n`, serverFile(place));
  try {
    const attempt = (locale: string) =>
      runProgram(place, "initdb", [
        "-D",
        place.dataDir,
        "-U",
        place.options.username,
        `--pwfile=${pwfile}`,
        "--auth-local=peer",
        "--auth-host=scram-sha-256",
        "--data-checksums",
        "--encoding=UTF8",
        `--locale=${locale}`,
      ], { signal });
    let end = await attempt("C.UTF-8");
    // Not every system has C.UTF-8; C is everywhere and sorts the same.
    if (end.code === 1 && /locale/.test(end.stderr)) {
      await emptyDirectory(place);
      end = await attempt("C");
    }
    if (end.code === 0) return await openSocket(place);
    return failed(`initdb failed in ${place.dataDir}: ${lastLines(end.stderr)}`);
  } finally {
    await removeDurably(pwfile);
  }
}
