/**
 * Where a standby's WAL ends, for certain.
 *
 * While a WAL receiver runs the answer moves. Once it is gone, the end is what was received or
 * replayed, whichever is more, provided that a receiver ran at all since the server started: it
 * is only started when all local WAL has been replayed. Where none ran, local WAL may still be
 * waiting for replay, and the end is known only when replay stands still: the startup process has
 * looked for more at least once, found nothing, and waits.
 *
 * A trailing part of a record is received but can never be replayed. Standing still with less
 * replayed than received therefore has to last longer than the interval at which the startup
 * process looks again.
 *
 * @module
 */
import type { Lsn } from "../core/lsn.ts";
import type { Position } from "../core/record.ts";
import type { Ahead } from "./ahead.ts";
import { openSession, type Session, type Target } from "./connection.ts";
import { type Facts, readFacts, type StandbyFacts } from "./facts.ts";
import { done, failed, type Step } from "./outcome.ts";
import { identifySystem } from "./replication.ts";
import { RETRY_INTERVAL_MS } from "./standing.ts";
import { until } from "./wait.ts";

/** How to ask, and how long. `target` is for a replication connection. */
export interface Asking {
  readonly session: Session;
  readonly target: Target;
  /** A connection to `target` that was opened ahead. */
  readonly ahead?: Ahead | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** How long replay has to stand still below what was received. */
const STANDSTILL_MS = 2 * RETRY_INTERVAL_MS + 50;

/** Waits until no WAL receiver is there. `onStubborn` is called once with one that stays. */
export async function receiverGone(
  { session, timeoutMs, signal }: Asking,
  onStubborn: (pid: number) => void,
): Promise<Step<StandbyFacts>> {
  const beganMs = performance.now();
  let told = false;
  const waited = await until<Step<StandbyFacts>>(async () => {
    const facts = await standbyFacts(session, timeoutMs);
    if (!facts.ok || facts.value.receiverPid === null) return facts;
    if (!told && performance.now() - beganMs > Math.min(300, timeoutMs / 2)) {
      told = true;
      onStubborn(facts.value.receiverPid);
    }
    return null;
  }, { timeoutMs, signal });
  if (waited.end === "value") return waited.value;
  return failed(`The WAL receiver did not end within ${timeoutMs}ms`);
}

/** The final position of a standby without a WAL receiver. */
export async function finalPosition(asking: Asking): Promise<Step<Position>> {
  const settled = await until<Step<StandbyFacts>>(
    settling(asking, (facts) => facts.receivedLsn !== null),
    { timeoutMs: asking.timeoutMs, signal: asking.signal },
  );
  if (settled.end !== "value") {
    return failed(`The standby still replays local WAL after ${asking.timeoutMs}ms`);
  }
  if (!settled.value.ok) return settled.value;
  const end = endOf(settled.value.value);
  const position = await withTimeline(asking, end);
  if (!position.ok) return position;
  const again = await standbyFacts(asking.session, asking.timeoutMs);
  if (!again.ok) return again;
  const { receiverPid } = again.value;
  return receiverPid === null && endOf(again.value) === end
    ? position
    : failed("A WAL receiver came back while the final position was read");
}

/** The end of the last complete record: everything that could be replayed has been. */
export async function replayedPosition(asking: Asking): Promise<Step<Position>> {
  const end = await replayedEnd(asking);
  return end.ok ? await withTimeline(asking, end.value) : end;
}

/** The same without its timeline, which takes a connection of its own. */
export async function replayedEnd(asking: Omit<Asking, "target" | "ahead">): Promise<Step<Lsn>> {
  const settled = await until<Step<StandbyFacts>>(
    settling(asking, ({ receivedLsn, replayedLsn }) => replayedLsn >= (receivedLsn ?? MAX)),
    { timeoutMs: asking.timeoutMs, signal: asking.signal },
  );
  if (settled.end !== "value") {
    return failed(
      `The standby has not replayed all that it received after ${asking.timeoutMs}ms; is replay paused or held up by a query?`,
    );
  }
  return settled.value.ok ? done(settled.value.value.replayedLsn) : settled.value;
}

/** Reads the facts of a server that has to be a standby. */
export async function standbyFacts(
  session: Session,
  timeoutMs: number,
): Promise<Step<StandbyFacts>> {
  const read = await readFacts(session, timeoutMs);
  if (!read.ok) return read;
  const facts: Facts = read.facts;
  return facts.role === "standby" ? done(facts) : failed("PostgreSQL runs as a primary");
}

function endOf({ receivedLsn, replayedLsn }: StandbyFacts): Lsn {
  return larger(receivedLsn, replayedLsn);
}

/** The larger of two positions, of which the first may not exist. */
export function larger(a: Lsn | null, b: Lsn): Lsn {
  return a !== null && a > b ? a : b;
}

const MAX: Lsn = (1n << 64n) - 1n;

/** True where the startup process waits for WAL that is not there. */
export function waitsForWal(facts: StandbyFacts): boolean {
  return facts.startupWaitsFor === "RecoveryRetrieveRetryInterval" ||
    facts.startupWaitsFor === "RecoveryWalStream";
}

/** A look that gives the facts once they are enough, or once replay has stood still. */
function settling(
  { session, timeoutMs }: Pick<Asking, "session" | "timeoutMs">,
  enough: (facts: StandbyFacts) => boolean,
): () => Promise<Step<StandbyFacts> | null> {
  let still: { readonly lsn: Lsn; readonly sinceMs: number } | null = null;
  return async () => {
    const facts = await standbyFacts(session, timeoutMs);
    if (!facts.ok || enough(facts.value)) return facts;
    const { replayedLsn, replayPaused } = facts.value;
    const nowMs = performance.now();
    if (replayPaused || !waitsForWal(facts.value)) still = null;
    else if (still?.lsn !== replayedLsn) still = { lsn: replayedLsn, sinceMs: nowMs };
    return still !== null && nowMs - still.sinceMs >= STANDSTILL_MS ? facts : null;
  };
}

/**
 * Adds the timeline. IDENTIFY_SYSTEM tells the one that is being replayed, with the end of WAL on
 * it; a position beyond that end was received on a later timeline that replay has not reached.
 */
async function withTimeline(asking: Asking, lsn: Lsn): Promise<Step<Position>> {
  const early = await asking.ahead?.take() ?? null;
  const opened = early === null
    ? await openSession(asking.target, asking.timeoutMs)
    : { ok: true as const, session: early };
  if (!opened.ok) return failed(opened.because);
  try {
    const waited = await until<Step<Position>>(async () => {
      const asked = await identifySystem(opened.session, asking.timeoutMs);
      if (!asked.ok) return asked;
      const { position } = asked.identity;
      return position.lsn >= lsn ? done({ timeline: position.timeline, lsn }) : null;
    }, { timeoutMs: asking.timeoutMs, signal: asking.signal });
    if (waited.end === "value") return waited.value;
    return failed("Replay has not reached the timeline on which WAL was received");
  } finally {
    opened.session.close();
  }
}
