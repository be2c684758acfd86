/**
 * When a change of `synchronous_standby_names` is in force. docs/consensus.md, "Electable, and
 * durability".
 *
 * `SHOW` proves nothing, since each process reloads in its own time. Evidence: a new session, born
 * of the postmaster, carries its load time, so one past the change proves that the postmaster has
 * reloaded and signalled the others; a WAL sender reads settings before it reads replies, so one
 * whose `reply_time` has changed twice since has reloaded; and a checkpoint that was asked for
 * afterwards proves the checkpointer, which keeps the shared flag "there are names", and matters
 * only where that flag has to go up.
 *
 * @module
 */
import { literal, openSession, type Session, type Target } from "./connection.ts";
import { done, failed, type Step } from "./outcome.ts";
import { until } from "./wait.ts";

/** What to wait for, and how long. */
export interface InForce {
  readonly target: Target;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The postmaster's load time, as an opaque text. Read it before a change. */
export async function loadTime({ target, timeoutMs }: InForce): Promise<Step<string>> {
  const opened = await openSession(target, timeoutMs);
  if (!opened.ok) return failed(opened.because);
  const told = await opened.session.query("select pg_conf_load_time()::text as at", timeoutMs);
  opened.session.close();
  return told.ok ? done(told.rows[0]?.at ?? "") : told;
}

/**
 * Waits until the postmaster has reloaded, then compares what a new session sees with what was
 * written.
 *
 * @param before the load time before the change
 * @param expected setting → value; one that differs is overridden somewhere
 */
export async function reloaded(
  asking: InForce,
  before: string,
  expected: Readonly<Record<string, string>>,
): Promise<Step<null>> {
  const { target, timeoutMs, signal } = asking;
  const names = Object.keys(expected).map(literal).join(", ");
  const statement =
    `select name, setting, coalesce(sourcefile, source) as origin, pg_conf_load_time()::text as at
    from pg_settings where name in (${names})`;
  const waited = await until<Step<null>>(async () => {
    const opened = await openSession(target, timeoutMs);
    if (!opened.ok) return opened.kind === "sql" ? null : failed(opened.because);
    const told = await opened.session.query(statement, timeoutMs);
    opened.session.close();
    if (!told.ok) return told;
    if (told.rows.some((row) => row.at === before)) return null;
    const odd = told.rows.find((row) => row.setting !== expected[row.name ?? ""]);
    return odd === undefined ? done(null) : failed(
      `Cannot set ${odd.name}: ${
        odd.origin ?? "another place"
      } overrides metako.conf. Remove it there (ALTER SYSTEM RESET ${odd.name})`,
    );
  }, { timeoutMs, signal });
  if (waited.end === "value") return waited.value;
  return failed(`PostgreSQL has not reloaded its settings within ${timeoutMs}ms`);
}

/** Waits until every WAL sender has proved that it reloaded. */
export async function sendersReloaded(
  session: Session,
  { timeoutMs, signal }: InForce,
): Promise<Step<null>> {
  const started = await session.query("select clock_timestamp()::text as at", timeoutMs);
  if (!started.ok) return started;
  const since = literal(started.rows[0]?.at ?? "");
  const statement = `select pid::text, coalesce(reply_time::text, '') as reply
    from pg_stat_replication
    where state in ('streaming', 'catchup') and backend_start < ${since}::timestamptz`;
  const replies = new Map<string, { last: string; changes: number }>();
  const waited = await until<Step<null>>(async () => {
    const told = await session.query(statement, timeoutMs);
    if (!told.ok) return told;
    let silent = false;
    for (const { pid, reply } of told.rows) {
      const known = replies.get(pid!) ?? { last: reply!, changes: 0 };
      if (known.last !== reply) Object.assign(known, { last: reply, changes: known.changes + 1 });
      replies.set(pid!, known);
      silent ||= known.changes < 2;
    }
    if (!silent) return done(null);
    // A committed message is flushed at once, and standbys reply to what they flush.
    const nudged = await session.query("select pg_logical_emit_message(true, 'metako', '')");
    return nudged.ok ? null : nudged;
  }, { timeoutMs, everyMs: 15, signal });
  if (waited.end === "value") return waited.value;
  return failed(
    `Cannot tell whether the names are in force: a WAL sender has not replied within ${timeoutMs}ms`,
  );
}
