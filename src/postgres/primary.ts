/**
 * Becoming and being a primary: promotion, a direct start, and changes of the names.
 *
 * The names are always in force before the first commit can be acknowledged. A standby carries a
 * name that nobody bears (sync_names.ts), so the shared flag "there are names" is up before the
 * promotion; where it is not, a checkpoint is waited for first.
 *
 * @module
 */
import { parseLsn } from "../core/lsn.ts";
import type { Incarnation } from "../core/record.ts";
import type { SyncSetting } from "../core/server.ts";
import { prepareFiles } from "./change.ts";
import { openSession, type Session } from "./connection.ts";
import { type Facts, readFacts } from "./facts.ts";
import type { Grip } from "./grip.ts";
import { historyFileName, parseHistory, startOf } from "./history.ts";
import { adopt, readContents } from "./identity.ts";
import { sendersReloaded } from "./in_force.ts";
import type { ActionOutcome } from "./options.ts";
import { done, type Failed, failed, finished, type Step } from "./outcome.ts";
import type { Place } from "./place.ts";
import { replayedPosition } from "./position.ts";
import { findPostmaster } from "./postmaster.ts";
import { ensureDatabase, ensureReplicationRole } from "./roles.ts";
import { ensureSlots } from "./slots.ts";
import { startServer } from "./start.ts";
import { pause, until } from "./wait.ts";
import { writeOut } from "./write_out.ts";

const CHECKPOINT_MS = 600_000;
/** By then, after a promotion, those who waited for a primary have come. */
const FIRST_RUSH_MS = 2000;

/** Promotes a standby. A promotion that takes too long may still succeed: look again. */
export async function promote(
  grip: Grip,
  { sync, beyondTimeline }: { readonly sync: SyncSetting; readonly beyondTimeline?: number },
  signal?: AbortSignal,
): Promise<ActionOutcome> {
  const { promoteTimeoutMs = 30_000, syncTimeoutMs = 10_000 } = grip.options;
  return await onServer(grip, async (session, facts) => {
    const adopted = await grip.adopt(facts.systemIdentifier);
    if (!adopted.ok) return adopted;
    const incarnation = adopted.value;
    if (facts.role === "standby") {
      const flag = await session.query(
        "select current_setting('synchronous_standby_names') as names",
      );
      if (!flag.ok) return flag;
      const settings = { role: "primary", sync } as const;
      const [changed, slots] = await Promise.all([
        grip.change(settings, incarnation, { timeoutMs: syncTimeoutMs, signal }),
        ensureSlots(session, grip.options),
      ]);
      if (!changed.ok) return changed;
      if (!slots.ok) return slots;
      if (flag.rows[0]?.names === "" && sync.names.length > 0) {
        const raised = await session.query("checkpoint", syncTimeoutMs);
        if (!raised.ok) return raised;
      }
      if (beyondTimeline !== undefined) {
        const skipped = await skipTo(grip, session, beyondTimeline, signal);
        if (!skipped.ok) return skipped;
      }
      if (signal?.aborted) return failed("The promotion was aborted before it began");
      const asked = await session.query("select pg_promote(false)");
      if (!asked.ok) return failed(`Cannot promote: ${asked.because}`);
      const out = await until<Step<null>>(async () => {
        const told = await session.query("select pg_is_in_recovery()::text as standby");
        if (!told.ok) return told;
        return told.rows[0]?.standby === "false" ? done(null) : null;
      }, { timeoutMs: promoteTimeoutMs, signal });
      if (out.end !== "value") {
        return failed(`The promotion was not over after ${promoteTimeoutMs}ms; it may still be`);
      }
      if (!out.value.ok) return out.value;
    } else {
      const again = await bringInForce(grip, session, sync, incarnation, signal);
      if (!again.ok) return again;
      for (const ensure of [ensureSlots, ensureReplicationRole, ensureDatabase]) {
        const step = await ensure(session, grip.options);
        if (!step.ok) return step;
      }
    }
    return await report(grip, session, incarnation);
  });
}

async function skipTo(
  grip: Grip,
  session: Session,
  beyond: number,
  signal: AbortSignal | undefined,
): Promise<Step<null>> {
  const { timeoutMs } = grip.options;
  const target = { ...grip.target, replication: true };
  const end = await replayedPosition({ session, target, timeoutMs, signal });
  return end.ok ? await grip.skipTimelines(end.value, beyond) : end;
}

/**
 * Starts a data directory directly as a primary, on its own timeline. One that runs as a primary
 * already, after an attempt that failed late, is only brought to the names.
 */
export async function startPrimary(
  place: Place,
  grip: Grip,
  sync: SyncSetting,
  signal?: AbortSignal,
): Promise<ActionOutcome> {
  const { syncTimeoutMs = 10_000 } = grip.options;
  if (await findPostmaster(place.dataDir) !== null) {
    return await onServer(grip, async (session, facts) => {
      if (facts.role === "standby") {
        return failed("Cannot start PostgreSQL as a primary: it is running as a standby");
      }
      const owned = await grip.adopt(facts.systemIdentifier);
      if (!owned.ok) return owned;
      const forced = await bringInForce(grip, session, sync, owned.value, signal);
      return forced.ok ? await complete(grip, session, owned.value) : forced;
    });
  }
  const contents = await readContents(place);
  if (contents.kind !== "cluster") {
    return failed(contents.kind === "refused" ? contents.because : "There is no data directory");
  }
  const adopted = await adopt(place, contents.control.systemIdentifier);
  if (!adopted.ok) return adopted;
  const written = await prepareFiles(place, { role: "primary", sync }, adopted.value);
  if (!written.ok) return written;
  const started = await startServer(place, "primary", signal);
  if (!started.ok) return started;
  const { session } = started;
  try {
    // Older minor releases let a fresh checkpointer read the names late; this proves that it has.
    const flag = await session.query("checkpoint", syncTimeoutMs);
    if (!flag.ok) return flag;
    return await complete(grip, session, adopted.value);
  } finally {
    session.close();
  }
}

/** Makes whatever an interrupted first start left out. */
async function complete(
  grip: Grip,
  session: Session,
  incarnation: Incarnation,
): Promise<ActionOutcome> {
  for (const ensure of [ensureSlots, ensureReplicationRole, ensureDatabase]) {
    const step = await ensure(session, grip.options);
    if (!step.ok) return step;
  }
  return await report(grip, session, incarnation);
}

/** Changes the names of a running primary; done when they are in force. */
export async function setSync(
  grip: Grip,
  sync: SyncSetting,
  signal?: AbortSignal,
): Promise<ActionOutcome> {
  return await onServer(grip, async (session, facts) => {
    if (facts.role === "standby") return failed("Cannot set the names: PostgreSQL is a standby");
    const adopted = await grip.adopt(facts.systemIdentifier);
    if (!adopted.ok) return adopted;
    const forced = await bringInForce(grip, session, sync, adopted.value, signal);
    if (!forced.ok) return forced;
    // A member may have come to the configuration since; for want of its slot alone nothing waits.
    const slots = await ensureSlots(session, grip.options);
    if (!slots.ok) grip.options.log("warning", "slots", { because: slots.because });
    const told = await session.query("select pg_current_wal_insert_lsn()::text as lsn");
    if (!told.ok) return told;
    return finished({ type: "sync_in_force", barrierLsn: parseLsn(told.rows[0]?.lsn ?? "") ?? 0n });
  });
}

/** Reports a primary whose names are in force, and checkpoints it in the background. */
export async function report(
  grip: Grip,
  session: Session,
  incarnation: Incarnation,
): Promise<ActionOutcome> {
  const role = await ensureReplicationRole(session, grip.options);
  if (!role.ok) return role;
  const read = await readFacts(session, grip.options.timeoutMs);
  if (!read.ok) return read;
  const { facts } = read;
  if (facts.role !== "primary") return failed("PostgreSQL went back into recovery");
  const { timeline, insertLsn: barrierLsn, systemIdentifier } = facts;
  const name = historyFileName(timeline);
  const text = timeline === 1 ? "" : await grip.walFile(session, name);
  const lineage = parseHistory(timeline, text);
  if (lineage === null) return failed(`Cannot read pg_wal/${name} to tell where it began`);
  void checkpointLater(grip);
  const startLsn = startOf(lineage);
  return finished({
    type: "started_primary",
    systemIdentifier,
    incarnation,
    timeline,
    startLsn,
    barrierLsn,
  });
}

async function bringInForce(
  grip: Grip,
  session: Session,
  sync: SyncSetting,
  incarnation: Incarnation,
  signal: AbortSignal | undefined,
): Promise<Step<null>> {
  const { syncTimeoutMs: timeoutMs = 10_000 } = grip.options;
  const before = await session.query(
    "select current_setting('synchronous_standby_names') as names",
  );
  if (!before.ok) return before;
  const settings = { role: "primary", sync } as const;
  const changed = await grip.change(settings, incarnation, { timeoutMs, signal });
  if (!changed.ok) return changed;
  const asking = { target: grip.target, timeoutMs, signal };
  const senders = await sendersReloaded(session, asking);
  if (!senders.ok) return senders;
  if (before.rows[0]?.names !== "" || sync.names.length === 0) return done(null);
  const raised = await session.query("checkpoint", timeoutMs);
  return raised.ok ? done(null) : raised;
}

/**
 * After a promotion the control file shows the old timeline until a checkpoint is over. Until clients and
 * standbys have come it would only keep them waiting.
 */
async function checkpointLater(grip: Grip): Promise<void> {
  await pause(FIRST_RUSH_MS);
  const asked = { because: "a primary began", limitMs: CHECKPOINT_MS };
  await writeOut(grip.target, grip.options, asked);
}

async function onServer(
  grip: Grip,
  act: (session: Session, facts: Facts) => Promise<ActionOutcome>,
): Promise<ActionOutcome> {
  const { timeoutMs } = grip.options;
  const opened: { ok: true; session: Session } | Failed = await openSession(
    grip.target,
    timeoutMs,
  );
  if (!opened.ok) return opened;
  try {
    const read = await readFacts(opened.session, timeoutMs);
    return read.ok ? await act(opened.session, read.facts) : read;
  } finally {
    opened.session.close();
  }
}
