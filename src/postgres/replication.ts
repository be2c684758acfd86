/**
 * Questions that only a replication connection answers. PostgreSQL manual, "Streaming Replication
 * Protocol".
 *
 * @module
 */
import { type Lsn, parseLsn } from "../core/lsn.ts";
import type { Position } from "../core/record.ts";
import type { Upstream } from "../core/server.ts";
import {
  identifier,
  literal,
  openSession,
  type Session,
  type SqlFailure,
  type Target,
} from "./connection.ts";
import { historyFileName, type Lineage, parseHistory } from "./history.ts";
import { done, failed, type Step } from "./outcome.ts";
import type { PostgresOptions } from "./options.ts";

/** What a server says when it is asked who it is. */
export interface SystemIdentity {
  readonly systemIdentifier: string;
  /** Its timeline and its end of WAL on it. */
  readonly position: Position;
}

/** An upstream as a follower needs to know it. */
export interface UpstreamFacts extends SystemIdentity {
  readonly lineage: Lineage;
  readonly inRecovery: boolean;
}

/** Asks who the server is: IDENTIFY_SYSTEM, the only reliable source of a standby's timeline. */
export async function identifySystem(
  session: Session,
  timeoutMs: number,
): Promise<{ readonly ok: true; readonly identity: SystemIdentity } | SqlFailure> {
  const outcome = await session.query("IDENTIFY_SYSTEM", timeoutMs);
  if (!outcome.ok) return outcome;
  const row = outcome.rows[0] ?? {};
  const lsn: Lsn = parseLsn(row.xlogpos ?? "") ?? 0n;
  return {
    ok: true,
    identity: {
      systemIdentifier: row.systemid ?? "",
      position: { timeline: Number(row.timeline), lsn },
    },
  };
}

/** Connects to the upstream, learns its history, and hands the session to `use`. */
export async function askUpstream<T>(
  options: PostgresOptions,
  upstream: Upstream,
  use: (facts: UpstreamFacts, session: Session) => Promise<Step<T>>,
): Promise<Step<T>> {
  const opened = await openSession(replicationTarget(options, upstream), options.timeoutMs);
  if (!opened.ok) {
    return failed(`Cannot ask ${upstream.node} for its history: ${opened.because}`);
  }
  const { session } = opened;
  try {
    const facts = await upstreamFacts(session, options.timeoutMs);
    if (!facts.ok) return failed(`Cannot ask ${upstream.node}: ${facts.because}`);
    return await use(facts.value, session);
  } finally {
    session.close();
  }
}

/**
 * Creates a physical slot that holds WAL from now on; one that exists already is fine, unless it
 * lost its WAL: the server sends nothing through such a slot any more, so it is made anew.
 */
export async function ensureRemoteSlot(session: Session, slot: string): Promise<Step<null>> {
  const there = await session.query(
    `select coalesce(wal_status, '') as status from pg_replication_slots
    where slot_name = ${literal(slot)} and not active`,
  );
  if (there.ok && there.rows[0]?.status === "lost") {
    const dropped = await session.query(`DROP_REPLICATION_SLOT ${identifier(slot)}`);
    if (!dropped.ok && dropped.code !== "42704") {
      return failed(
        `Cannot drop the replication slot ${slot}, which lost its WAL: ${dropped.because}`,
      );
    }
  }
  const outcome = await session.query(
    `CREATE_REPLICATION_SLOT ${identifier(slot)} PHYSICAL RESERVE_WAL`,
  );
  if (outcome.ok || outcome.code === "42710") return done(null);
  return failed(`Cannot create the replication slot ${slot} on the upstream: ${outcome.because}`);
}

/** The replication role's way into a server. */
export function replicationTarget(
  options: PostgresOptions,
  { host, port }: { readonly host: string; readonly port: number },
): Target {
  return {
    host,
    port,
    user: options.replicationUser,
    password: options.replicationPassword,
    database: "postgres",
    replication: true,
  };
}

async function upstreamFacts(session: Session, timeoutMs: number): Promise<Step<UpstreamFacts>> {
  const asked = await identifySystem(session, timeoutMs);
  if (!asked.ok) return asked;
  const { identity } = asked;
  const { timeline } = identity.position;
  const recovery = await session.query("select pg_is_in_recovery()::text as standby", timeoutMs);
  if (!recovery.ok) return recovery;
  let lineage: Lineage | null = { timeline, ancestors: [] };
  if (timeline > 1) {
    const told = await session.query(`TIMELINE_HISTORY ${timeline}`, timeoutMs);
    if (!told.ok) return told;
    lineage = parseHistory(timeline, told.rows[0]?.content ?? "");
    if (lineage === null) return failed(`Cannot read its ${historyFileName(timeline)}`);
  }
  return done({ ...identity, lineage, inRecovery: recovery.rows[0]?.standby === "true" });
}
