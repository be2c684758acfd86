/**
 * Reads what the router must know of a role before it lets a client in: whether it may go around the
 * cluster's rules, and the stored password to check the client against.
 *
 * The primary is asked, over one kept connection, because a standby may not know yet of a role, a
 * password or a right that was given a moment ago. Only while the primary does not answer the local
 * server has to do; a witness has none. Answers are believed for a short while, those about unknown
 * roles too.
 *
 * @module
 */
import type { Contact } from "../core/message.ts";
import { literal, openSession, type Session } from "./connection.ts";
import { type Login, targetAt } from "./place.ts";

/** A role's rights and stored password. */
export type RoleFacts =
  | {
    readonly ok: true;
    /** A superuser, or a role that may replicate. False where there is no such role. */
    readonly privileged: boolean;
    /** Null where there is no such role, or it has no password, or passwords are not read. */
    readonly stored: string | null;
  }
  /** `remedy` says what an operator has to do; null where it may be different in a moment. */
  | { readonly ok: false; readonly because: string; readonly remedy: string | null };

/** Reads and remembers. */
export interface RoleReader {
  /**
   * Bounded by `timeoutMs` for each server asked; never rejects.
   *
   * @param primary where the primary is; null where it is the local server, or not known
   */
  find(role: string, primary: Contact | null): Promise<RoleFacts>;
  forget(role: string): void;
  close(): void;
}

/** What {@linkcode openRoleReader} works with. */
export interface RoleReaderOptions {
  /** Who asks: a role with `SELECT` on `pg_authid`, or any role where passwords are not read. */
  readonly login: Login;
  /** False leaves `pg_authid` alone, which not every role may read. */
  readonly passwords: boolean;
  /** Looked up for each question, since a reload may change it. */
  readonly limits: { readonly timeoutMs: number };
}

const CACHE_MS = 2_000;
const CACHE_LIMIT = 1_000;
const INSUFFICIENT_PRIVILEGE = "42501";

/** Opens nothing yet. `local` is the kept connection to the local server; null where there is none. */
export function openRoleReader(
  { login, passwords, limits }: RoleReaderOptions,
  local: (() => Session | null) | null,
): RoleReader {
  const catalogue = passwords ? "pg_authid" : "pg_roles";
  const stored = passwords ? "rolpassword" : "null";
  const cache = new Map<string, { readonly answer: Promise<RoleFacts>; untilMs: number }>();
  let remote: { readonly where: string; readonly session: Promise<Opened> } | null = null;

  function sessionAt(contact: Contact): Promise<Opened> {
    const where = `${contact.host}:${contact.port}`;
    if (remote?.where === where) return remote.session;
    dropRemote();
    const session = openSession(targetAt(login, contact.host, contact.port), limits.timeoutMs);
    const opening = { where, session };
    remote = opening;
    const lost = () => {
      if (remote === opening) remote = null;
    };
    void session.then((opened) => opened.ok ? opened.session.lost.then(lost) : lost());
    return session;
  }

  function dropRemote(): void {
    void remote?.session.then((opened) => opened.ok && opened.session.close());
    remote = null;
  }

  async function ask(session: Session, role: string): Promise<RoleFacts> {
    const told = await session.query(
      `select (rolsuper or rolreplication)::text as privileged, ${stored} as stored
      from ${catalogue} where rolname = ${literal(role)}`,
      limits.timeoutMs,
    );
    if (told.ok) {
      const row = told.rows[0];
      return {
        ok: true,
        privileged: row?.["privileged"] === "true",
        stored: row?.["stored"] ?? null,
      };
    }
    return told.code === INSUFFICIENT_PRIVILEGE
      ? {
        ok: false,
        because: `the agent's role ${login.username} may not read pg_authid`,
        remedy:
          `GRANT SELECT ON pg_authid TO ${login.username}, or set router.authentication: relay.`,
      }
      : passing(told.because);
  }

  async function read(role: string, primary: Contact | null): Promise<RoleFacts> {
    let answer: RoleFacts = passing("no primary is known at the moment");
    if (primary !== null) {
      const opened = await sessionAt(primary);
      answer = opened.ok ? await ask(opened.session, role) : passing(opened.because);
      if (answer.ok) return answer;
    }
    if (local === null) return answer;
    const session = local();
    if (session?.isOpen() === true) return await ask(session, role);
    return primary === null ? passing("this node's PostgreSQL is not connected") : answer;
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

type Opened = Awaited<ReturnType<typeof openSession>>;

function passing(because: string): RoleFacts {
  return { ok: false, because, remedy: null };
}
