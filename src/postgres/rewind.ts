/**
 * Rewinding: bringing a data directory that left the leader's history back onto it by pg_rewind.
 *
 * The server is first brought to rest: started in recovery, attached to nobody, so that it replays
 * its WAL to the end, and shut down in order. So pg_rewind never has to recover anything itself in
 * single-user mode, which would end a standby's recovery or miss a backup's start. While pg_rewind
 * writes, a note says so: after an interruption the directory counts as absent, is never started,
 * and is copied anew. Whether a rewind is right at all is a table's business (rewind_rules.ts).
 *
 * A rewound directory is a new incarnation, as a copy is: what it had acknowledged before may have
 * stood behind the fork.
 *
 * @module
 */
import { join } from "node:path";
import type { Upstream } from "../core/server.ts";
import { lastLines } from "./command.ts";
import { readConf } from "./conf_file.ts";
import { openSession, type Session } from "./connection.ts";
import { writeDurably } from "./files.ts";
import type { Grip, Opened } from "./grip.ts";
import { historyFileName, parseHistory, parting } from "./history.ts";
import { managedGrip } from "./managed_grip.ts";
import type { ActionProgress } from "./options.ts";
import { done, failed, type Step } from "./outcome.ts";
import { escapePass, type Place, readControl, runProgram, serverFile, targetAt } from "./place.ts";
import { replayedPosition } from "./position.ts";
import { findPostmaster } from "./postmaster.ts";
import { parseProgress } from "./progress.ts";
import type { UpstreamFacts } from "./replication.ts";
import { type RewindFacts, rewindRule } from "./rewind_rules.ts";
import { connectionString, quoteSetting, SETTINGS_FILE } from "./settings.ts";
import { stopServer } from "./stop.ts";
import { pause } from "./wait.ts";

/** How long the leader may take to checkpoint. It goes on serving meanwhile. */
const CHECKPOINT_MS = 300_000;

/** How long the local WAL may take to be replayed, before a copy is made instead. */
const REPLAY_MS = 900_000;

/** How long the leader may take to answer, at least: a slow answer must not cost a copy. */
const ANSWER_MS = 10_000;

/** What the table says of this place and that leader. */
export interface Judgement {
  readonly then: "rewind" | "clone";
  readonly rule: string;
  readonly because: string;
}

/**
 * Looks whether a rewind is right; brings the server to rest on the way, as far as that is needed.
 * Changes nothing that would speak against a copy.
 */
export async function judgeRewind(
  place: Place,
  upstream: Upstream,
  theirs: UpstreamFacts,
  copy: RewindFacts["copy"],
  signal: AbortSignal | undefined,
): Promise<Judgement> {
  // What is cheap to know comes first; the rest is looked at where a rewind is still possible.
  const best: RewindFacts = {
    wanted: place.options.rejoin === "clone" ? "clone" : "rewind",
    copy,
    history: "diverged",
    blocks: "logged",
    stopped: "in_order",
    checkpoint: "on_timeline",
    leader: "checkpointed",
  };
  const looks: readonly ((facts: RewindFacts) => Promise<Known>)[] = [
    () => Promise.resolve({ facts: {} }),
    () => blocksFact(place),
    () => bringToRest(place, theirs, signal),
    () => leaderFact(place, upstream, theirs),
  ];
  let facts = best;
  for (const look of looks) {
    const known = await look(facts);
    facts = { ...facts, ...known.facts };
    const rule = rewindRule(facts);
    if (rule.then === "rewind") continue;
    const because = known.detail === undefined ? rule.because : `${rule.because} (${known.detail})`;
    return { then: "clone", rule: rule.id, because };
  }
  const { id, because } = rewindRule(facts);
  return { then: "rewind", rule: id, because };
}

/**
 * Runs pg_rewind. The directory is then on the leader's history, but bears the leader's own
 * configuration and mark; the caller, who noted the work, replaces them.
 */
export async function runRewind(
  place: Place,
  upstream: Upstream,
  onProgress: ((progress: ActionProgress) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<Step<null>> {
  const { options, dataDir } = place;
  const passfile = join(place.privateDir, "pgpass-rewind");
  const entry = [options.username, options.password].map(escapePass).join(":");
  await writeDurably(passfile, `*:*:*:${entry}\n`, serverFile(place));
  try {
    const conninfo = connectionString(upstream, {
      user: options.username,
      passfile,
      applicationName: `metako rewind of ${options.nodeName}`,
    });
    const end = await runProgram(place, "pg_rewind", [
      "-D",
      dataDir,
      `--source-server=${conninfo} dbname=postgres`,
      "--progress",
      // It is at rest already; older releases know no other way.
      ...(place.major >= 13 ? ["--no-ensure-shutdown"] : []),
      ...(await archiveOptions(place)),
    ], {
      signal,
      onStderr: (text) => {
        const progress = parseProgress(text);
        if (progress !== null) onProgress?.({ doing: "rewind", ...progress });
      },
    });
    if (end.code === 0) return done(null);
    return failed(
      `pg_rewind from ${upstream.node} (${upstream.host}:${upstream.port}) failed: ${
        lastLines(`${end.stdout}\n${end.stderr}`.replace(/^.*\d+\/\s*\d+ kB.*$/gm, ""))
      }`,
    );
  } finally {
    await Deno.remove(passfile).catch(() => {});
  }
}

interface Known {
  readonly facts: Partial<RewindFacts>;
  readonly detail?: string | undefined;
}

async function blocksFact(place: Place): Promise<Known> {
  const control = await readControl(place);
  const can = control?.canRewind ?? null;
  return { facts: { blocks: can === null ? "unknown" : can ? "logged" : "unlogged" } };
}

/** Replays the local WAL to its end, compares it with the leader's history, and shuts down. */
async function bringToRest(
  place: Place,
  theirs: UpstreamFacts,
  signal: AbortSignal | undefined,
): Promise<Known> {
  const grip = managedGrip(place);
  const opened = await startAtRest(place, grip, theirs.systemIdentifier, signal);
  if (!opened.ok) return { facts: { stopped: "not_in_order" }, detail: opened.because };
  const { session } = opened;
  let history: RewindFacts["history"] = "unknown";
  let timeline: number;
  try {
    const target = { ...grip.target, replication: true };
    const end = await replayedPosition({ session, target, timeoutMs: REPLAY_MS, signal });
    if (!end.ok) {
      await stopServer(place, signal);
      return { facts: { stopped: "not_in_order" }, detail: end.because };
    }
    timeline = end.value.timeline;
    const text = timeline === 1 ? "" : await grip.walFile(session, historyFileName(timeline));
    const own = parseHistory(timeline, text);
    if (own !== null) {
      history = parting(end.value, own, theirs.lineage, theirs.position.lsn);
    }
  } finally {
    session.close();
  }
  const stopped = await stopServer(place, signal);
  if (!stopped.ok) {
    return { facts: { history, stopped: "not_in_order" }, detail: stopped.because };
  }
  const control = await readControl(place);
  const checkpoint = control?.checkpointTimeline === timeline ? "on_timeline" : "on_older";
  return { facts: { history, checkpoint } };
}

/** A long replay outlasts the time that a start may take; it is still shorter than a copy. */
async function startAtRest(
  place: Place,
  grip: Grip,
  systemIdentifier: string,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  const deadlineMs = performance.now() + REPLAY_MS;
  while (true) {
    const opened = await grip.standby(systemIdentifier, signal);
    if (opened.ok || signal?.aborted || performance.now() > deadlineMs) return opened;
    if (await findPostmaster(place.dataDir) === null) return opened;
    await pause(1_000, signal);
  }
}

/** A leader that has not checkpointed since its promotion is asked to; its control file counts. */
async function leaderFact(
  { options }: Place,
  upstream: Upstream,
  theirs: UpstreamFacts,
): Promise<Known> {
  const { host, port } = upstream;
  const timeoutMs = Math.max(options.timeoutMs, ANSWER_MS);
  const opened = await openSession(targetAt(options, host, port), timeoutMs);
  if (!opened.ok) return { facts: { leader: "unreachable" }, detail: opened.because };
  const { session } = opened;
  try {
    const wanted = theirs.lineage.timeline;
    if (await checkpointTimeline(session, timeoutMs) !== wanted) {
      const asked = await session.query("checkpoint", CHECKPOINT_MS);
      if (!asked.ok) return { facts: { leader: "not_checkpointed" }, detail: asked.because };
    }
    const found = await checkpointTimeline(session, timeoutMs);
    return { facts: { leader: found === wanted ? "checkpointed" : "not_checkpointed" } };
  } finally {
    session.close();
  }
}

async function checkpointTimeline(session: Session, timeoutMs: number): Promise<number | null> {
  const told = await session.query(
    "select timeline_id::text as timeline from pg_control_checkpoint() where not pg_is_in_recovery()",
    timeoutMs,
  );
  return told.ok && told.rows[0] !== undefined ? Number(told.rows[0].timeline) : null;
}

/**
 * Where the operator set a `restore_command`, WAL that the directory lacks comes from the archive.
 * metako.conf leaves that setting empty, since an archive may hold another branch's WAL; pg_rewind
 * reads only what it asks for by name, so it gets the operator's value in a file of its own.
 */
async function archiveOptions(place: Place): Promise<readonly string[]> {
  if (place.major < 14) return [];
  const files = await Promise.all(
    ["postgresql.conf", "postgresql.auto.conf"].map((name) =>
      readConf(join(place.dataDir, name), SETTINGS_FILE)
    ),
  );
  const value = files.flat().findLast(({ name }) => name === "restore_command")?.value ?? "";
  if (value === "") return [];
  const path = join(place.privateDir, "rewind.conf");
  await writeDurably(path, `restore_command = ${quoteSetting(value)}\n`, serverFile(place));
  return ["--restore-target-wal", `--config-file=${path}`];
}
