/**
 * Seeing that a standby really streams, which a server that starts has not proved yet.
 *
 * The upstream is asked: its `pg_stat_replication` says "streaming" of a standby that has caught up,
 * and a standby that has not moves on as long as it can. There is no limit to how long replay may
 * take, only to how long nothing may happen.
 *
 * @module
 */
import type { Incarnation } from "../core/record.ts";
import { standbyName, type Upstream } from "../core/server.ts";
import { literal, openSession, type Session } from "./connection.ts";
import type { PostgresOptions } from "./options.ts";
import { done, failed, type Step } from "./outcome.ts";
import { targetAt } from "./place.ts";
import { larger, standbyFacts } from "./position.ts";
import { until } from "./wait.ts";
import { whyWalIsMissing } from "./wal_there.ts";

/** What came of the wait: it streams, it never will, or nobody is there to stream from. */
export type Streaming = "streams" | "upstream_gone";

/** How long nothing may happen. Default {@linkcode STILL_MS}. */
export const STILL_MS = 30_000;

/** How long an answer may take, at least. */
const ANSWER_MS = 10_000;

/** No wait at all lasts longer. */
const LONGEST_MS = 24 * 3_600_000;

/**
 * Waits until the standby streams.
 *
 * @param session on the standby
 * @returns a failure where it does not, and cannot be expected to
 */
export async function seeStreaming(
  options: PostgresOptions,
  session: Session,
  { incarnation, upstream }: { readonly incarnation: Incarnation; readonly upstream: Upstream },
  { stillMs = STILL_MS, signal }: {
    readonly stillMs?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Step<Streaming>> {
  // A slow answer on a busy host must not cost a copy.
  const timeoutMs = Math.max(options.timeoutMs, ANSWER_MS);
  const opened = await openSession(targetAt(options, upstream.host, upstream.port), timeoutMs);
  if (!opened.ok) return done("upstream_gone");
  const remote = opened.session;
  const name = standbyName({ node: options.nodeName, incarnation });
  let moved = { mark: "", atMs: performance.now() };
  try {
    const waited = await until<Step<Streaming>>(async () => {
      const asked = await remote.query(
        `select state, sent_lsn::text as sent from pg_stat_replication
        where application_name = ${literal(name)}`,
        timeoutMs,
      );
      if (!asked.ok) return done("upstream_gone");
      const row = asked.rows[0];
      if (row?.state === "streaming") return done("streams");
      const facts = await standbyFacts(session, timeoutMs);
      if (!facts.ok) return facts;
      const end = larger(facts.value.receivedLsn, facts.value.replayedLsn);
      const mark = `${end} ${facts.value.replayedLsn} ${row?.sent}`;
      if (mark !== moved.mark) {
        moved = { mark, atMs: performance.now() };
        return null;
      }
      if (facts.value.receiverPid === null) {
        const missing = await whyWalIsMissing(remote, end, timeoutMs);
        if (missing !== null) return failed(`${upstream.node} cannot send it WAL: ${missing}`);
      }
      if (performance.now() - moved.atMs < stillMs) return null;
      return failed(`it does not stream from ${upstream.node}, and nothing moved for ${stillMs}ms`);
    }, { timeoutMs: LONGEST_MS, everyMs: 100, signal });
    if (waited.end === "value") return waited.value;
    return failed("the wait for the stream was aborted");
  } finally {
    remote.close();
  }
}
