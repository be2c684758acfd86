/**
 * Reads stored passwords, for the router to check clients against.
 *
 * The primary is asked, over one kept connection as the agent's own user, because a standby may not
 * know yet of a role or a password that a client uses already. Only while the primary does not
 * answer the local server has to do. Answers are believed for a short while, those about unknown
 * roles too.
 *
 * @module
 */
import type { Contact } from "../core/message.ts";
import { literal, openSession, type Session } from "./connection.ts";
import type { PostgresOptions } from "./options.ts";
import { targetAt } from "./place.ts";

/** A role's stored password: null where there is none, or no such role. */
export type StoredPassword =
  | { readonly ok: true; readonly stored: string | null }
  | { readonly ok: false; readonly because: string };

/** Reads and remembers. */
export interface VerifierReader {
  /**
   * @param primary where the primary is; null where it is the local server, or not known
   */
  find(role: string, primary: Contact | null): Promise<StoredPassword>;
  forget(role: string): void;
  close(): void;
}

const CACHE_MS = 2_000;
const CACHE_LIMIT = 1_000;

/** Opens nothing yet. `local` is the kept connection to the local server. */
export function openVerifierReader(
  options: PostgresOptions,
  local: () => Session | null,
): VerifierReader {
  const cache = new Map<string, { readonly answer: Promise<StoredPassword>; untilMs: number }>();
  let remote: { readonly where: string; readonly session: Promise<Session | null> } | null = null;

  function sessionAt(contact: Contact): Promise<Session | null> {
    const where = `${contact.host}:${contact.port}`;
    if (remote?.where === where) return remote.session;
    dropRemote();
    const session = openSession(targetAt(options, contact.host, contact.port), options.timeoutMs)
      .then((opened) => opened.ok ? opened.session : null);
    const opening = { where, session };
    remote = opening;
    const lost = () => {
      if (remote === opening) remote = null;
    };
    void session.then((opened) => opened === null ? lost() : opened.lost.then(lost));
    return session;
  }

  function dropRemote(): void {
    void remote?.session.then((session) => session?.close());
    remote = null;
  }

  async function read(role: string, primary: Contact | null): Promise<StoredPassword> {
    let because = "this node's PostgreSQL is not connected";
    const sessions = [primary === null ? null : () => sessionAt(primary), local];
    for (const open of sessions) {
      const session = await open?.() ?? null;
      if (session === null || !session.isOpen()) continue;
      const told = await session.query(
        `select rolpassword as stored from pg_authid where rolname = ${literal(role)}`,
        options.timeoutMs,
      );
      if (told.ok) return { ok: true, stored: told.rows[0]?.stored ?? null };
      because = told.code === "42501"
        ? "the agent's role may not read pg_authid: grant it SELECT on pg_authid, or set " +
          "router.authentication: relay"
        : told.because;
    }
    return { ok: false, because };
  }

  return {
    find(role, primary) {
      const known = cache.get(role);
      if (known !== undefined && performance.now() < known.untilMs) return known.answer;
      if (cache.size >= CACHE_LIMIT) cache.clear();
      const entry = { answer: read(role, primary), untilMs: performance.now() + CACHE_MS };
      cache.set(role, entry);
      void entry.answer.then(({ ok }) => {
        if (!ok && cache.get(role) === entry) cache.delete(role);
      });
      return entry.answer;
    },
    forget: (role) => void cache.delete(role),
    close: dropRemote,
  };
}
