/**
 * Making a data directory: a new one by initdb, or a copy of the upstream's by pg_basebackup.
 *
 * A note outside the directory says that it is being made. Until the note is cleared the directory
 * counts as absent, so an interruption at any point leads to a fresh attempt, never to a start of
 * half a copy. A helper that an agent's sudden death left behind is ended before the next attempt,
 * since it writes into the directory and holds the replication slot.
 *
 * @module
 */
import { join } from "node:path";
import type { Incarnation } from "../core/record.ts";
import type { SyncSetting, Upstream } from "../core/server.ts";
import { prepareFiles } from "./change.ts";
import { lastLines } from "./command.ts";
import { keepDiverged } from "./diverged.ts";
import { namesIn, removeDurably, writeDurably } from "./files.ts";
import type { Grip } from "./grip.ts";
import { readContents } from "./identity.ts";
import { clearWork, noteWork, workUnfinished, writeMark } from "./marker.ts";
import type { ActionOutcome, ActionProgress } from "./options.ts";
import { done, failed, finished, messageOf, type Step } from "./outcome.ts";
import { passfilePath, type Place, readControl, runProgram, serverFile } from "./place.ts";
import { findPostmaster } from "./postmaster.ts";
import { report } from "./primary.ts";
import { allProcesses, commandLine, killTree } from "./process.ts";
import { askUpstream, ensureRemoteSlot } from "./replication.ts";
import { ensureDatabase, ensureReplicationRole } from "./roles.ts";
import { connectionString, type RoleSettings } from "./settings.ts";
import { ensureSlots } from "./slots.ts";
import { slotName } from "./slot_name.ts";
import { setSignalFile, startServer } from "./start.ts";

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

/** Replaces the data directory by a copy of the upstream's, and follows it. */
export async function clone(
  place: Place,
  { incarnation, upstream }: { readonly incarnation: Incarnation; readonly upstream: Upstream },
  { onProgress, signal }: {
    readonly onProgress?: ((progress: ActionProgress) => void) | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<ActionOutcome> {
  if (await findPostmaster(place.dataDir) !== null) {
    return failed("Cannot clone over a data directory whose server runs");
  }
  const upstreamSystem = await askUpstream(place.options, upstream, async (theirs, remote) => {
    if (theirs.inRecovery) return failed(`${upstream.node} is not a primary`);
    const own = await mayBeReplaced(place, theirs.systemIdentifier);
    if (!own.ok) return own;
    if (own.value !== null) {
      const { lineage, position } = theirs;
      const line = { node: upstream.node, lineage, lsn: position.lsn };
      const kept = await keepDiverged(place, own.value, line);
      if (!kept.ok) return kept;
    }
    const slot = await ensureRemoteSlot(remote, slotName(place.options.nodeName));
    return slot.ok ? done(theirs.systemIdentifier) : slot;
  });
  if (!upstreamSystem.ok) return upstreamSystem;
  const built = await making(place, "clone", async () => {
    const copied = await baseBackup(place, upstream, onProgress, signal);
    return copied.ok
      ? await markAndSet(
        place,
        { role: "standby", following: upstream },
        incarnation,
        upstreamSystem.value,
      )
      : copied;
  });
  if (!built.ok) return built;
  const started = await startServer(place, "standby", signal);
  if (!started.ok) return started;
  started.session.close();
  return finished({ type: "done" });
}

/**
 * Reads a progress line of pg_basebackup.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseProgress("\r 1024/ 23456 kB (4%), 0/1 tablespace"), {
 *   doneBytes: 1048576,
 *   totalBytes: 24018944,
 * });
 * assert.equal(parseProgress("waiting for checkpoint"), null);
 * ```
 */
export function parseProgress(text: string): ActionProgress | null {
  const last = [...text.matchAll(/(\d+)\/\s*(\d+) kB/g)].at(-1);
  if (last === undefined) return null;
  return { doneBytes: Number(last[1]) * 1024, totalBytes: Number(last[2]) * 1024 };
}

async function making(
  place: Place,
  kind: "clone" | "initialise",
  make: () => Promise<Step<null>>,
): Promise<Step<null>> {
  try {
    await endHelpers(place);
    await noteWork(place, kind);
    await emptyDirectory(place);
    const made = await make();
    if (!made.ok) return made;
    await clearWork(place);
    return done(null);
  } catch (error) {
    return failed(`Cannot make the data directory ${place.dataDir}: ${messageOf(error)}`);
  }
}

async function endHelpers({ dataDir }: Place): Promise<void> {
  for (const { pid, name } of await allProcesses()) {
    if (name !== "pg_basebackup" && name !== "initdb") continue;
    if ((await commandLine(pid)).includes(dataDir)) await killTree(pid);
  }
}

/**
 * Only an absent directory, what an interrupted clone left, or a copy of the same system.
 *
 * @returns the copy; null where there is none
 */
async function mayBeReplaced(
  place: Place,
  upstreamSystem: string,
): Promise<
  Step<{ readonly incarnation: Incarnation | null; readonly systemIdentifier: string } | null>
> {
  if (await workUnfinished(place)) return done(null);
  const contents = await readContents(place);
  switch (contents.kind) {
    case "absent":
      return done(null);
    case "refused":
      return failed(contents.because, "foreign");
    case "cluster": {
      const { systemIdentifier } = contents.control;
      if (systemIdentifier === upstreamSystem) {
        return done({ incarnation: contents.incarnation, systemIdentifier });
      }
      return failed(
        `Cannot clone over ${place.dataDir}: it has the system identifier ${systemIdentifier}, the upstream ${upstreamSystem}. Move it away if it is not needed`,
        "foreign",
      );
    }
  }
}

/** Empties the directory but keeps it: it may be a mount point. */
async function emptyDirectory({ dataDir, owner }: Place): Promise<void> {
  await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
  for (const name of await namesIn(dataDir)) {
    if (name !== "lost+found") await Deno.remove(join(dataDir, name), { recursive: true });
  }
  await Deno.chmod(dataDir, 0o700);
  if (owner !== null) await Deno.chown(dataDir, owner.uid, owner.gid);
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
    if (end.code === 0) return done(null);
    return failed(`initdb failed in ${place.dataDir}: ${lastLines(end.stderr)}`);
  } finally {
    await removeDurably(pwfile);
  }
}

async function baseBackup(
  place: Place,
  upstream: Upstream,
  onProgress: ((progress: ActionProgress) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<Step<null>> {
  const { options } = place;
  const conninfo = connectionString(upstream, {
    user: options.replicationUser,
    passfile: passfilePath(place),
    applicationName: `metako clone of ${options.nodeName}`,
  });
  const end = await runProgram(place, "pg_basebackup", [
    "-D",
    place.dataDir,
    "-d",
    conninfo,
    "-X",
    "stream",
    "-S",
    slotName(options.nodeName),
    "--checkpoint=fast",
    "--progress",
    "--no-password",
  ], {
    signal,
    onStderr: (text) => {
      const progress = parseProgress(text);
      if (progress !== null) onProgress?.(progress);
    },
  });
  if (end.code === 0) return done(null);
  return failed(
    `pg_basebackup from ${upstream.node} (${upstream.host}:${upstream.port}) failed: ${
      lastLines(end.stderr.replace(/^.*\d+\/\s*\d+ kB.*$/gm, ""))
    }`,
  );
}

async function markAndSet(
  place: Place,
  settings: RoleSettings,
  incarnation: Incarnation,
  expectedSystem: string | null,
): Promise<Step<null>> {
  const control = await readControl(place);
  if (control === null) return failed(`The new data directory ${place.dataDir} cannot be read`);
  const { systemIdentifier } = control;
  if (expectedSystem !== null && systemIdentifier !== expectedSystem) {
    return failed("The upstream was replaced by another system while it was copied", "foreign");
  }
  await writeMark(place, { incarnation, systemIdentifier });
  await setSignalFile(place, settings.role);
  return await prepareFiles(place, settings, incarnation);
}
