/**
 * The agent's open connections to the local server: one for questions, one more while it is a
 * standby for IDENTIFY_SYSTEM, and now and then a fresh one, because a hung postmaster still
 * answers on old connections.
 *
 * @module
 */
import { openSession, type Session, type SqlFailure, type Target } from "./connection.ts";
import { type Facts, readFacts } from "./facts.ts";
import { identifySystem } from "./replication.ts";
import type { Position } from "../core/record.ts";

/** What was seen through the connections. */
export type Sight =
  | { readonly ok: true; readonly facts: Facts; readonly position: Position | null }
  | SqlFailure;

/** The open connections. */
export interface Eye {
  /** Looks at the server; bounded by `timeoutMs`. */
  look(timeoutMs: number): Promise<Sight>;
  /** The kept connection; null where there is none. */
  session(): Session | null;
  close(): void;
}

/** A fresh connection is tried once in this many milliseconds. */
const PROBE_EVERY_MS = 5_000;

/** Opens nothing yet. `onLost` is called when the kept connection breaks. */
export function openEye(target: Target, onLost: () => void): Eye {
  let kept: Session | null = null;
  let replication: Session | null = null;
  let probedAtMs = 0;

  async function look(timeoutMs: number): Promise<Sight> {
    const deadlineMs = performance.now() + timeoutMs;
    const leftMs = () => Math.max(1, deadlineMs - performance.now());
    const fresh = kept !== null && kept.isOpen();
    if (!fresh) {
      const opened = await openSession(target, leftMs());
      if (!opened.ok) return opened;
      keep(opened.session);
    }
    const [read, probe] = await Promise.all([
      readFacts(kept!, leftMs()),
      fresh ? probeNew(leftMs()) : null,
    ]);
    if (!read.ok) {
      // A connection that broke while it was idle says nothing about the server of today.
      if (read.kind === "lost" && fresh) return await look(leftMs());
      return read;
    }
    if (probe !== null) return probe;
    if (read.facts.role === "primary") {
      replication?.close();
      replication = null;
      return { ok: true, facts: read.facts, position: null };
    }
    const asked = await askIdentity(leftMs);
    return asked.ok ? { ok: true, facts: read.facts, position: asked.identity.position } : asked;
  }

  function keep(session: Session): void {
    kept = session;
    probedAtMs = performance.now();
    void session.lost.then(() => {
      if (kept === session) onLost();
    });
  }

  async function probeNew(timeoutMs: number): Promise<SqlFailure | null> {
    if (performance.now() - probedAtMs < PROBE_EVERY_MS) return null;
    probedAtMs = performance.now();
    const opened = await openSession(target, timeoutMs);
    if (opened.ok) opened.session.close();
    // Any answer, a refusal too, shows that new connections are being handled.
    return opened.ok || opened.kind !== "timeout" ? null : opened;
  }

  async function askIdentity(leftMs: () => number) {
    if (replication === null || !replication.isOpen()) {
      const opened = await openSession({ ...target, replication: true }, leftMs());
      if (!opened.ok) return opened;
      replication = opened.session;
    }
    return await identifySystem(replication, leftMs());
  }

  let looking: Promise<Sight> | null = null;
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
