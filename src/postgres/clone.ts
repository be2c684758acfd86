/**
 * Bringing a node back that cannot simply follow: its data directory is rewound onto the leader's
 * history where that can be, and replaced by a copy of the leader's where it must.
 *
 * A rewind that fails, or after which the server does not stream, is followed by a copy in the same
 * breath, so nothing is tried twice. WAL that left the leader's history is kept first in either
 * case. The result is a new incarnation. (docs/operations/rejoin.md)
 *
 * @module
 */
import type { Incarnation } from "../core/record.ts";
import type { Upstream } from "../core/server.ts";
import { archiveWaiting } from "./archive.ts";
import { type Attempts, whyEnough } from "./attempts.ts";
import { lastLines } from "./command.ts";
import { keepDiverged } from "./diverged.ts";
import { fenceServer } from "./fence.ts";
import { readContents } from "./identity.ts";
import { making, markAndSet } from "./making.ts";
import { workUnfinished } from "./marker.ts";
import type { ActionOutcome, ActionProgress } from "./options.ts";
import { done, failed, finished, type Step } from "./outcome.ts";
import { keepOwnFiles } from "./own_files.ts";
import { passfilePath, type Place, runProgram } from "./place.ts";
import { findPostmaster } from "./postmaster.ts";
import { parseProgress } from "./progress.ts";
import { askUpstream, ensureRemoteSlot, type UpstreamFacts } from "./replication.ts";
import { judgeRewind, runRewind } from "./rewind.ts";
import { connectionString } from "./settings.ts";
import { slotName } from "./slot_name.ts";
import { startServer } from "./start.ts";
import { seeStreaming } from "./verify.ts";

/** Whom to follow, and as which data directory. */
interface Wanted {
  readonly incarnation: Incarnation;
  readonly upstream: Upstream;
}

/** What an action may tell, and what aborts it. */
interface Run {
  readonly onProgress?: ((progress: ActionProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Rewinds the data directory, or replaces it by a copy of the upstream's, and follows that.
 *
 * @param attempts what was attempted before; brought up to date
 */
export async function clone(
  place: Place,
  wanted: Wanted,
  attempts: Attempts,
  run: Run,
): Promise<ActionOutcome> {
  const { upstream } = wanted;
  if (await findPostmaster(place.dataDir) !== null) {
    return failed("Cannot clone over a data directory whose server runs");
  }
  const asked = await askUpstream(place.options, upstream, async (theirs, remote) => {
    if (theirs.inRecovery) return failed(`${upstream.node} is not a primary`);
    const own = await mayBeReplaced(place, theirs.systemIdentifier);
    if (!own.ok) return own;
    if (own.value !== null && place.options.rejoin === "refuse") {
      return failed(refusal(place, upstream), "unsupported");
    }
    const enough = whyEnough(attempts.replaced, theirs.lineage.timeline, performance.now());
    if (own.value !== null && enough !== null) return failed(enough, "unsupported");
    if (own.value !== null) {
      const { lineage, position } = theirs;
      const line = { node: upstream.node, lineage, lsn: position.lsn };
      const kept = await keepDiverged(place, own.value, line);
      if (!kept.ok) return kept;
      await archiveWaiting(place, kept.value, run.signal);
    }
    const slot = await ensureRemoteSlot(remote, slotName(place.options.nodeName));
    return slot.ok ? done({ theirs, whole: own.value !== null }) : slot;
  });
  if (!asked.ok) return asked;
  const { theirs, whole } = asked.value;
  if (whole) {
    const { timeline } = theirs.lineage;
    attempts.replaced = [...attempts.replaced, { timeline, atMs: performance.now() }].slice(-20);
    if (await rewound(place, wanted, theirs, run)) return finished({ type: "done" });
  }
  await attempts.copies.before(run.signal);
  if (run.signal?.aborted) return failed("The clone was aborted before it began");
  const outcome = await copied(place, wanted, theirs, run);
  if (outcome.ok) attempts.copies.succeeded();
  else if (run.signal?.aborted !== true) attempts.copies.failed(outcome.because);
  return outcome;
}

function refusal({ dataDir }: Place, { node }: Upstream): string {
  return `The data directory ${dataDir} cannot follow ${node} as it is, and replication.rejoin is ` +
    "refuse. Keep what you need of it, move it away and restart the agent, or set replication.rejoin to rewind";
}

/** True where the directory was rewound and follows. Whatever went wrong is in the log. */
async function rewound(
  place: Place,
  wanted: Wanted,
  theirs: UpstreamFacts,
  run: Run,
): Promise<boolean> {
  const { upstream, incarnation } = wanted;
  const { log } = place.options;
  const began = performance.now();
  const judged = await judgeRewind(place, upstream, theirs, "whole", run.signal);
  const about = { peer: upstream.node, rule: judged.rule };
  if (judged.then === "clone") {
    log("info", "rewind", { ...about, outcome: "not_possible", because: judged.because });
    return false;
  }
  log("info", "rewind", { ...about, outcome: "started", because: judged.because });
  const attempt = await rewindAndFollow(place, wanted, theirs, run);
  log(attempt.ok ? "info" : "warning", "rewind", {
    ...about,
    incarnation,
    outcome: attempt.ok ? "done" : "failed",
    because: attempt.ok ? attempt.value : `${attempt.because}. The leader is copied instead`,
    elapsed_ms: Math.round(performance.now() - began),
  });
  return attempt.ok;
}

/** @returns what was seen of the stream, in words */
async function rewindAndFollow(
  place: Place,
  wanted: Wanted,
  theirs: UpstreamFacts,
  { onProgress, signal }: Run,
): Promise<Step<string>> {
  const { upstream, incarnation } = wanted;
  onProgress?.({ doing: "rewind", doneBytes: 0, totalBytes: 0 });
  const made = await making(place, "rewind", async () => {
    const putBack = await keepOwnFiles(place);
    const ran = await runRewind(place, upstream, onProgress, signal);
    if (!ran.ok) return ran;
    await putBack();
    const settings = { role: "standby", following: upstream } as const;
    return await markAndSet(place, settings, incarnation, theirs.systemIdentifier);
  });
  if (!made.ok) return made;
  const started = await startServer(place, "standby", signal);
  if (!started.ok) return started;
  const { session } = started;
  try {
    const seen = await seeStreaming(place.options, session, wanted, {
      stillMs: place.options.streamPatienceMs,
      signal,
    });
    if (!seen.ok) return seen;
    return done(
      seen.value === "streams"
        ? "it streams from the leader"
        : "the leader went away before it could be seen to stream; it follows whoever is next",
    );
  } finally {
    session.close();
  }
}

async function copied(
  place: Place,
  { incarnation, upstream }: Wanted,
  theirs: UpstreamFacts,
  { onProgress, signal }: Run,
): Promise<ActionOutcome> {
  // Bringing it to rest, or an attempt to rewind it, may have left it running.
  const fenced = await fenceServer(place, null);
  if (!fenced.ok) return fenced;
  const built = await making(place, "clone", async () => {
    const made = await baseBackup(place, upstream, onProgress, signal);
    if (!made.ok) return made;
    const settings = { role: "standby", following: upstream } as const;
    return await markAndSet(place, settings, incarnation, theirs.systemIdentifier);
  });
  if (!built.ok) return built;
  const started = await startServer(place, "standby", signal);
  if (!started.ok) return started;
  started.session.close();
  return finished({ type: "done" });
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
      if (progress !== null) onProgress?.({ doing: "clone", ...progress });
    },
  });
  if (end.code === 0) return done(null);
  return failed(
    `pg_basebackup from ${upstream.node} (${upstream.host}:${upstream.port}) failed: ${
      lastLines(end.stderr.replace(/^.*\d+\/\s*\d+ kB.*$/gm, ""))
    }`,
  );
}
