/**
 * The agent's open connections to the local server: one for questions, one more while it is a
 * standby for IDENTIFY_SYSTEM, and now and then a fresh one, because a hung postmaster still
 * answers on old connections.
 *
 * @module
 */
import { openSession, type Session, type SqlFailure, type Target } from "./connection.ts";
import { type Facts, readFacts } from "./facts.ts";
import { freshOf, type LookFacts } from "./look.ts";
import { identifySystem } from "./replication.ts";
import type { Position } from "../core/record.ts";

/** What was seen through the connections. */
export type Sight =
  | { readonly ok: true; readonly facts: Facts; readonly position: Position | null }
  | SqlFailure;

/** How each connection fared, and what was seen. A new one that hangs makes the sight a failure. */
export interface Glance extends Pick<LookFacts, "kept" | "fresh"> {
  readonly sight: Sight;
}

/** The open connections. */
export interface Eye {
  /** Looks at the server; bounded by `timeoutMs`. */
  look(timeoutMs: number): Promise<Glance>;
  /** The kept connection; null where there is none. */
  session(): Session | null;
  close(): void;
}

/** A new connection is tried once in this many milliseconds, unless told otherwise. */
const PROBE_EVERY_MS = 5_000;

/** Opens nothing yet. `onLost` is called when the kept connection breaks. */
export function openEye(
  target: Target,
  onLost: () => void,
  { probeEveryMs = PROBE_EVERY_MS }: { readonly probeEveryMs?: number } = {},
): Eye {
  let kept: Session | null = null;
  let replication: Session | null = null;
  let probedAtMs = 0;
  /** A server that left a new connection unanswered is asked each time, until it answers one. */
  let doubtful = false;
  /** A server that last was a standby is asked everything at once, so that each has its whole time. */
  let standby = false;

  async function look(timeoutMs: number): Promise<Glance> {
    const deadlineMs = performance.now() + timeoutMs;
    const leftMs = () => Math.max(1, deadlineMs - performance.now());
    const held = kept !== null && kept.isOpen();
    if (!held) {
      const opened = await openSession(target, leftMs());
      if (!opened.ok) return { kept: "none", fresh: freshOf(opened), sight: opened };
      keep(opened.session);
      doubtful = false;
    }
    const [read, probe, identity] = await Promise.all([
      readFacts(kept!, leftMs()),
      held ? probeNew(leftMs()) : null,
      standby ? askIdentity(leftMs) : null,
    ]);
    const fresh = !held ? "answers" : probe === null ? "untried" : probe.fresh;
    if (!read.ok) {
      // A connection that broke while it was idle says nothing about the server of today.
      if (read.kind === "lost" && held) return await look(leftMs());
      return read.kind === "timeout"
        ? { kept: "silent", fresh, sight: read }
        : { kept: "none", fresh: freshOf(read), sight: read };
    }
    if (probe?.failure) return { kept: "answers", fresh, sight: probe.failure };
    standby = read.facts.role === "standby";
    if (!standby) {
      replication?.close();
      replication = null;
      return { kept: "answers", fresh, sight: { ok: true, facts: read.facts, position: null } };
    }
    const asked = identity ?? await askIdentity(leftMs);
    if (!asked.ok) {
      // What it answered over SQL does not count without its position.
      const told = freshOf(asked);
      return { kept: told === "silent" ? "silent" : "none", fresh: told, sight: asked };
    }
    const { position } = asked.identity;
    return { kept: "answers", fresh, sight: { ok: true, facts: read.facts, position } };
  }

  function keep(session: Session): void {
    kept = session;
    probedAtMs = performance.now();
    void session.lost.then(() => {
      if (kept === session) onLost();
    });
  }

  /** Null: not tried. Any answer, a refusal too, shows that new connections are being handled. */
  async function probeNew(
    timeoutMs: number,
  ): Promise<{ fresh: LookFacts["fresh"]; failure: SqlFailure | null } | null> {
    if (!doubtful && performance.now() - probedAtMs < probeEveryMs) return null;
    probedAtMs = performance.now();
    const opened = await openSession(target, timeoutMs);
    if (opened.ok) opened.session.close();
    const fresh = opened.ok ? "answers" : freshOf(opened);
    doubtful = fresh === "silent";
    return { fresh, failure: doubtful && !opened.ok ? opened : null };
  }

  async function askIdentity(leftMs: () => number) {
    if (replication === null || !replication.isOpen()) {
      const opened = await openSession({ ...target, replication: true }, leftMs());
      if (!opened.ok) return opened;
      replication = opened.session;
    }
    return await identifySystem(replication, leftMs());
  }

  let looking: Promise<Glance> | null = null;
  return {
    look: (timeoutMs) => looking ??= look(timeoutMs).finally(() => looking = null),
    session: () => kept !== null && kept.isOpen() ? kept : null,
    close() {
      const session = kept;
      kept = null;
      session?.close();
      replication?.close();
    },
  };
}
