/**
 * Being a standby: start, follow, revoke, prepare.
 *
 * A server always comes up attached to nobody. Only when its end of WAL is known, and lies on the
 * upstream's history, is it pointed there, by a reload. A primary that crashed goes the same way:
 * in recovery it replays its own WAL to the end and writes none, so its end becomes readable.
 *
 * @module
 */
import type { Lsn } from "../core/lsn.ts";
import type { Upstream } from "../core/server.ts";
import { openSession, type Session } from "./connection.ts";
import { readFacts } from "./facts.ts";
import type { Grip, Opened } from "./grip.ts";
import { descent, historyFileName, parseHistory } from "./history.ts";
import type { ActionOutcome } from "./options.ts";
import { done, failed, finished, type Step } from "./outcome.ts";
import {
  type Asking,
  finalPosition,
  receiverGone,
  replayedPosition,
  standbyFacts,
} from "./position.ts";
import { askUpstream, ensureRemoteSlot, type UpstreamFacts } from "./replication.ts";
import { slotName } from "./slot_name.ts";
import { targetAt } from "./place.ts";
import { whyWalIsMissing } from "./wal_there.ts";

/** Starts in recovery, attached to nobody. One that runs as a standby is left as it is. */
export async function startStandby(grip: Grip, signal?: AbortSignal): Promise<ActionOutcome> {
  const opened = await grip.standby(null, signal);
  if (!opened.ok) return opened;
  opened.session.close();
  return finished({ type: "done" });
}

/**
 * Streams from the upstream, unless the local WAL is not a prefix of the upstream's, or the
 * upstream has removed what comes after it.
 */
export async function follow(
  grip: Grip,
  upstream: Upstream,
  signal?: AbortSignal,
): Promise<ActionOutcome> {
  return await askUpstream(grip.options, upstream, async (theirs, remote) => {
    if (await alreadyFollows(grip, upstream, theirs)) return done(null);
    const opened = await grip.standby(theirs.systemIdentifier, signal);
    if (!opened.ok) return opened;
    const { session } = opened;
    try {
      const detached = await detach(grip, session, signal);
      if (!detached.ok) return detached;
      const fits = await liesOnHistory(grip, session, theirs, signal);
      if (!fits.ok) return fits;
      const there = await walIsThere(grip, upstream, fits.value);
      if (!there.ok) return there;
      const slot = await ensureRemoteSlot(remote, slotName(grip.options.nodeName));
      if (!slot.ok) return slot;
      const settings = { role: "standby", following: upstream } as const;
      const { timeoutMs } = grip.options;
      const options = { timeoutMs: Math.max(timeoutMs, 5_000), signal };
      return await grip.change(settings, detached.value, options);
    } finally {
      session.close();
    }
  }).then((step) => step.ok ? finished({ type: "done" }) : step);
}

/** Stops receiving WAL, durably, and reads the final position. */
export async function revoke(grip: Grip, signal?: AbortSignal): Promise<ActionOutcome> {
  const opened = await runningStandby(grip);
  if (!opened.ok) return opened;
  const { session } = opened;
  try {
    const detached = await detach(grip, session, signal);
    if (!detached.ok) return detached;
    const position = await finalPosition(asking(grip, session, signal));
    return position.ok ? finished({ type: "revoked", position: position.value }) : position;
  } finally {
    session.close();
  }
}

/** Waits until everything received is replayed, and checks the disk. Changes nothing. */
export async function prepare(grip: Grip, signal?: AbortSignal): Promise<ActionOutcome> {
  const opened = await runningStandby(grip);
  if (!opened.ok) return opened;
  const { session } = opened;
  try {
    const facts = await standbyFacts(session, grip.options.timeoutMs);
    if (!facts.ok) return facts;
    if (facts.value.replayPaused) {
      return failed("Replay is paused. Resume it with select pg_wal_replay_resume()");
    }
    const space = await grip.enoughSpace();
    if (!space.ok) return space;
    const position = await replayedPosition(asking(grip, session, signal));
    return position.ok ? finished({ type: "done" }) : position;
  } finally {
    session.close();
  }
}

async function runningStandby(grip: Grip): Promise<Opened> {
  const opened = await openSession(grip.target, grip.options.timeoutMs);
  if (!opened.ok) return opened;
  const facts = await standbyFacts(opened.session, grip.options.timeoutMs);
  if (facts.ok) return opened;
  opened.session.close();
  return facts;
}

/** Ends reception durably; gives the incarnation. */
async function detach(
  grip: Grip,
  session: Session,
  signal: AbortSignal | undefined,
): Promise<Step<string>> {
  const { timeoutMs } = grip.options;
  const facts = await standbyFacts(session, timeoutMs);
  if (!facts.ok) return facts;
  const adopted = await grip.adopt(facts.value.systemIdentifier);
  if (!adopted.ok) return adopted;
  const role = await grip.role();
  const attached = role?.role !== "standby" || role.following !== null;
  if (attached || facts.value.namesUpstream || facts.value.receiverPid !== null) {
    const settings = { role: "standby", following: null } as const;
    const changed = await grip.change(settings, adopted.value, { timeoutMs, signal });
    if (!changed.ok) return changed;
    const gone = await receiverGone(asking(grip, session, signal), (pid) => {
      void grip.endReceiver(pid);
    });
    if (!gone.ok) return gone;
  }
  return done(adopted.value);
}

async function alreadyFollows(
  grip: Grip,
  upstream: Upstream,
  theirs: UpstreamFacts,
): Promise<boolean> {
  const role = await grip.role();
  if (role?.role !== "standby" || role.following === null) return false;
  const { node, host, port } = role.following;
  if (node !== upstream.node || host !== upstream.host || port !== upstream.port) return false;
  const opened = await openSession(grip.target, grip.options.timeoutMs);
  if (!opened.ok) return false;
  const read = await readFacts(opened.session, grip.options.timeoutMs);
  opened.session.close();
  return read.ok && read.facts.role === "standby" &&
    read.facts.systemIdentifier === theirs.systemIdentifier &&
    read.facts.receiver?.status === "streaming" &&
    read.facts.receiver.host === host && read.facts.receiver.port === port;
}

async function liesOnHistory(
  grip: Grip,
  session: Session,
  theirs: UpstreamFacts,
  signal: AbortSignal | undefined,
): Promise<Step<Lsn>> {
  const facts = await standbyFacts(session, grip.options.timeoutMs);
  if (!facts.ok) return facts;
  const { systemIdentifier } = facts.value;
  if (systemIdentifier !== theirs.systemIdentifier) {
    return failed(foreignMessage(systemIdentifier, theirs.systemIdentifier), "foreign");
  }
  const position = await replayedPosition(asking(grip, session, signal));
  if (!position.ok) return position;
  const end = position.value;
  const name = historyFileName(end.timeline);
  const text = end.timeline === 1 ? "" : await grip.walFile(session, name);
  const own = parseHistory(end.timeline, text);
  if (own === null) return failed(`Cannot read the local pg_wal/${name}`, "diverged");
  const found = descent(end, own, theirs.lineage, theirs.position.lsn);
  return found.verdict === "prefix" ? done(end.lsn) : failed(found.because, "diverged");
}

/** The replication role may not list WAL, so the agent's own user asks; its refusal proves nothing. */
async function walIsThere(
  { options }: Grip,
  { node, host, port }: Upstream,
  end: Lsn,
): Promise<Step<null>> {
  const opened = await openSession(targetAt(options, host, port), options.timeoutMs);
  if (!opened.ok) return done(null);
  const missing = await whyWalIsMissing(opened.session, end, options.timeoutMs);
  opened.session.close();
  return missing === null ? done(null) : failed(`${node} cannot send WAL: ${missing}`, "diverged");
}

/** Why data of another system cannot follow. */
export function foreignMessage(own: string, theirs: string): string {
  return `The local data directory has the system identifier ${own}, the upstream ${theirs}: it belongs to another cluster. Move it away to have it cloned anew`;
}

function asking(grip: Grip, session: Session, signal: AbortSignal | undefined): Asking {
  const { options } = grip;
  const target = { ...grip.target, replication: true };
  return { session, target, timeoutMs: options.timeoutMs, signal };
}
