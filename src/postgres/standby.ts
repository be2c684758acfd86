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
import { type Ahead, openAhead } from "./ahead.ts";
import { openSession, type Session, type Target } from "./connection.ts";
import { readFacts } from "./facts.ts";
import type { Grip, Opened } from "./grip.ts";
import { descent, historyFileName, parseHistory } from "./history.ts";
import type { ActionOutcome } from "./options.ts";
import { done, failed, finished, type Step } from "./outcome.ts";
import {
  type Asking,
  finalPosition,
  receiverGone,
  replayedEnd,
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
  const { options } = grip;
  const own = openAhead(replicationOf(grip), options.timeoutMs);
  const sql = openAhead(targetAt(options, upstream.host, upstream.port), options.timeoutMs);
  try {
    const step = await askUpstream(options, upstream, async (theirs, remote) => {
      if (await alreadyFollows(grip, upstream, theirs)) return done(null);
      const opened = await grip.standby(theirs.systemIdentifier, signal);
      if (!opened.ok) return opened;
      const { session } = opened;
      try {
        const detached = await detach(grip, session, signal);
        if (!detached.ok) return detached;
        const fits = await liesOnHistory(
          grip,
          { ...asking(grip, session, signal), ahead: own },
          theirs,
        );
        if (!fits.ok) return fits;
        const there = await walIsThere(grip, upstream, fits.value, sql);
        if (!there.ok) return there;
        const slot = await ensureRemoteSlot(remote, slotName(grip.options.nodeName));
        if (!slot.ok) return slot;
        const settings = { role: "standby", following: upstream } as const;
        const limits = { timeoutMs: Math.max(options.timeoutMs, 5_000), signal };
        return await grip.change(settings, detached.value, limits);
      } finally {
        session.close();
      }
    });
    return step.ok ? finished({ type: "done" }) : step;
  } finally {
    own.close();
    sql.close();
  }
}

/** Stops receiving WAL, durably, and reads the final position. */
export async function revoke(grip: Grip, signal?: AbortSignal): Promise<ActionOutcome> {
  const ahead = openAhead(replicationOf(grip), grip.options.timeoutMs);
  const opened = await runningStandby(grip);
  try {
    if (!opened.ok) return opened;
    const detached = await detach(grip, opened.session, signal);
    if (!detached.ok) return detached;
    const position = await finalPosition({ ...asking(grip, opened.session, signal), ahead });
    return position.ok ? finished({ type: "revoked", position: position.value }) : position;
  } finally {
    ahead.close();
    if (opened.ok) opened.session.close();
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
    const end = await replayedEnd(asking(grip, session, signal));
    return end.ok ? finished({ type: "done" }) : end;
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
  asking: Asking,
  theirs: UpstreamFacts,
): Promise<Step<Lsn>> {
  const { session } = asking;
  const facts = await standbyFacts(session, grip.options.timeoutMs);
  if (!facts.ok) return facts;
  const { systemIdentifier } = facts.value;
  if (systemIdentifier !== theirs.systemIdentifier) {
    return failed(foreignMessage(systemIdentifier, theirs.systemIdentifier), "foreign");
  }
  const position = await replayedPosition(asking);
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
  { node }: Upstream,
  end: Lsn,
  ahead: Ahead,
): Promise<Step<null>> {
  const session = await ahead.take();
  if (session === null) return done(null);
  const missing = await whyWalIsMissing(session, end, options.timeoutMs);
  session.close();
  return missing === null ? done(null) : failed(`${node} cannot send WAL: ${missing}`, "diverged");
}

/** Why data of another system cannot follow. */
export function foreignMessage(own: string, theirs: string): string {
  return `The local data directory has the system identifier ${own}, the upstream ${theirs}: it belongs to another cluster. Move it away to have it cloned anew`;
}

function asking(grip: Grip, session: Session, signal: AbortSignal | undefined): Asking {
  const target = replicationOf(grip);
  return { session, target, timeoutMs: grip.options.timeoutMs, signal };
}

function replicationOf({ target }: Grip): Target {
  return { ...target, replication: true };
}
