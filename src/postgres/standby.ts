/**
 * Being a standby: start, follow, revoke, prepare.
 *
 * A server always comes up attached to nobody. Only when its end of WAL is known, and lies on the
 * upstream's history, is it pointed there, by a reload. A primary that crashed goes the same way:
 * in recovery it replays its own WAL to the end and writes none, so its end becomes readable.
 *
 * @module
 */
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { changeSettings, prepareFiles } from "./change.ts";
import type { Session } from "./connection.ts";
import { openSession } from "./connection.ts";
import { readFacts } from "./facts.ts";
import { readIfThere } from "./files.ts";
import { descent, historyFileName, parseHistory } from "./history.ts";
import { adopt, readContents } from "./identity.ts";
import type { ActionOutcome } from "./options.ts";
import { done, type Failed, failed, finished, messageOf, type Step } from "./outcome.ts";
import { localTarget, type Place } from "./place.ts";
import {
  type Asking,
  finalPosition,
  receiverGone,
  replayedPosition,
  standbyFacts,
} from "./position.ts";
import { findPostmaster } from "./postmaster.ts";
import { lookAtProcess, sendSignal } from "./process.ts";
import { askUpstream, ensureRemoteSlot, type UpstreamFacts } from "./replication.ts";
import { readRole } from "./settings.ts";
import { dropIdleSlots } from "./slots.ts";
import { slotName } from "./slot_name.ts";
import { startServer } from "./start.ts";
import type { Upstream } from "../core/server.ts";

/** Starts in recovery, attached to nobody. One that runs as a standby is left as it is. */
export async function startStandby(place: Place, signal?: AbortSignal): Promise<ActionOutcome> {
  const opened = await detachedServer(place, signal);
  if (!opened.ok) return opened;
  opened.session.close();
  return finished({ type: "done" });
}

/** Streams from the upstream, unless the local WAL is not a prefix of the upstream's. */
export async function follow(
  place: Place,
  upstream: Upstream,
  signal?: AbortSignal,
): Promise<ActionOutcome> {
  return await askUpstream(place.options, upstream, async (theirs, remote) => {
    if (await alreadyFollows(place, upstream, theirs)) return done(null);
    const opened = await detachedServer(place, signal, theirs.systemIdentifier);
    if (!opened.ok) return opened;
    const { session } = opened;
    try {
      const detached = await detach(place, session, signal);
      if (!detached.ok) return detached;
      const fits = await liesOnHistory(place, session, theirs, signal);
      if (!fits.ok) return fits;
      const slot = await ensureRemoteSlot(remote, slotName(place.options.nodeName));
      if (!slot.ok) return slot;
      const settings = { role: "standby", following: upstream } as const;
      const { timeoutMs } = place.options;
      const options = { timeoutMs: Math.max(timeoutMs, 5_000), signal };
      const changed = await changeSettings(place, settings, detached.value, options);
      if (!changed.ok) return changed;
      return await dropIdleSlots(session);
    } finally {
      session.close();
    }
  }).then((step) => step.ok ? finished({ type: "done" }) : step);
}

/** Stops receiving WAL, durably, and reads the final position. */
export async function revoke(place: Place, signal?: AbortSignal): Promise<ActionOutcome> {
  const opened = await runningStandby(place);
  if (!opened.ok) return opened;
  const { session } = opened;
  try {
    const detached = await detach(place, session, signal);
    if (!detached.ok) return detached;
    const position = await finalPosition(asking(place, session, signal));
    return position.ok ? finished({ type: "revoked", position: position.value }) : position;
  } finally {
    session.close();
  }
}

/** Waits until everything received is replayed, and checks the disk. Changes nothing. */
export async function prepare(place: Place, signal?: AbortSignal): Promise<ActionOutcome> {
  const opened = await runningStandby(place);
  if (!opened.ok) return opened;
  const { session } = opened;
  try {
    const facts = await standbyFacts(session, place.options.timeoutMs);
    if (!facts.ok) return facts;
    if (facts.value.replayPaused) {
      return failed("Replay is paused. Resume it with select pg_wal_replay_resume()");
    }
    const space = await enoughSpace(place);
    if (!space.ok) return space;
    const position = await replayedPosition(asking(place, session, signal));
    return position.ok ? finished({ type: "done" }) : position;
  } finally {
    session.close();
  }
}

type Opened = { readonly ok: true; readonly session: Session } | Failed;

async function runningStandby(place: Place): Promise<Opened> {
  const opened = await openSession(localTarget(place), place.options.timeoutMs);
  if (!opened.ok) return opened;
  const facts = await standbyFacts(opened.session, place.options.timeoutMs);
  if (facts.ok) return opened;
  opened.session.close();
  return facts;
}

/** A session on the standby, which is started where it is down. */
async function detachedServer(
  place: Place,
  signal: AbortSignal | undefined,
  expectedSystem: string | null = null,
): Promise<Opened> {
  if (await findPostmaster(place.dataDir) !== null) return await runningStandby(place);
  const contents = await readContents(place);
  if (contents.kind === "absent") return failed(`There is no data directory ${place.dataDir}`);
  if (contents.kind === "refused") return failed(contents.because, "foreign");
  const { systemIdentifier } = contents.control;
  if (expectedSystem !== null && expectedSystem !== systemIdentifier) {
    return failed(foreignMessage(place, systemIdentifier, expectedSystem), "foreign");
  }
  const adopted = await adopt(place, systemIdentifier);
  if (!adopted.ok) return adopted;
  const settings = { role: "standby", following: null } as const;
  const written = await prepareFiles(place, settings, adopted.value);
  if (!written.ok) return written;
  return await startServer(place, "standby", signal);
}

/** Ends reception durably; gives the incarnation. */
async function detach(
  place: Place,
  session: Session,
  signal: AbortSignal | undefined,
): Promise<Step<string>> {
  const { timeoutMs } = place.options;
  const facts = await standbyFacts(session, timeoutMs);
  if (!facts.ok) return facts;
  const adopted = await adopt(place, facts.value.systemIdentifier);
  if (!adopted.ok) return adopted;
  const role = await readRole(place.dataDir);
  const attached = role?.role !== "standby" || role.following !== null;
  if (attached || facts.value.receiverPid !== null) {
    const settings = { role: "standby", following: null } as const;
    const changed = await changeSettings(place, settings, adopted.value, { timeoutMs, signal });
    if (!changed.ok) return changed;
    const gone = await receiverGone(asking(place, session, signal), (pid) => {
      void endReceiver(place, pid);
    });
    if (!gone.ok) return gone;
  }
  return done(adopted.value);
}

/** A startup process that is busy replaying ends its receiver late; the receiver itself obeys. */
async function endReceiver(place: Place, pid: number): Promise<void> {
  const [postmaster, receiver] = await Promise.all([
    findPostmaster(place.dataDir),
    lookAtProcess(pid),
  ]);
  if (postmaster !== null && receiver?.parent === postmaster.pid) sendSignal(pid, "SIGTERM");
}

async function alreadyFollows(
  place: Place,
  upstream: Upstream,
  theirs: UpstreamFacts,
): Promise<boolean> {
  const role = await readRole(place.dataDir);
  if (role?.role !== "standby" || role.following === null) return false;
  const { node, host, port } = role.following;
  if (node !== upstream.node || host !== upstream.host || port !== upstream.port) return false;
  const opened = await openSession(localTarget(place), place.options.timeoutMs);
  if (!opened.ok) return false;
  const read = await readFacts(opened.session, place.options.timeoutMs);
  opened.session.close();
  return read.ok && read.facts.role === "standby" &&
    read.facts.systemIdentifier === theirs.systemIdentifier &&
    read.facts.receiver?.status === "streaming" &&
    read.facts.receiver.host === host && read.facts.receiver.port === port;
}

async function liesOnHistory(
  place: Place,
  session: Session,
  theirs: UpstreamFacts,
  signal: AbortSignal | undefined,
): Promise<Step<null>> {
  const facts = await standbyFacts(session, place.options.timeoutMs);
  if (!facts.ok) return facts;
  const { systemIdentifier } = facts.value;
  if (systemIdentifier !== theirs.systemIdentifier) {
    return failed(foreignMessage(place, systemIdentifier, theirs.systemIdentifier), "foreign");
  }
  const position = await replayedPosition(asking(place, session, signal));
  if (!position.ok) return position;
  const end = position.value;
  const name = historyFileName(end.timeline);
  const text = await readIfThere(join(place.dataDir, "pg_wal", name));
  const own = parseHistory(end.timeline, text ?? "");
  if (own === null) return failed(`Cannot read the local pg_wal/${name}`, "diverged");
  const found = descent(end, own, theirs.lineage, theirs.position.lsn);
  return found.verdict === "prefix" ? done(null) : failed(found.because, "diverged");
}

function foreignMessage(place: Place, own: string, theirs: string): string {
  return `${place.dataDir} has the system identifier ${own}, the upstream ${theirs}: it belongs to another cluster. Move it away to have it cloned anew`;
}

function asking(place: Place, session: Session, signal: AbortSignal | undefined): Asking {
  const { options } = place;
  const target = { ...localTarget(place), replication: true };
  return { session, target, timeoutMs: options.timeoutMs, signal };
}

async function enoughSpace(place: Place): Promise<Step<null>> {
  const floorMiB = place.options.diskFloorMiB ?? 64;
  try {
    const { bavail, bsize } = await statfs(place.dataDir);
    const freeMiB = Math.floor(bavail * bsize / 1024 / 1024);
    if (freeMiB >= floorMiB) return done(null);
    return failed(
      `${place.dataDir} has ${freeMiB} MiB left, a primary needs at least ${floorMiB} MiB. Free some`,
    );
  } catch (error) {
    return failed(`Cannot read the free space of ${place.dataDir}: ${messageOf(error)}`);
  }
}
