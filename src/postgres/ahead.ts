/**
 * A connection that is opened before it is needed, beside something that takes a while anyway: each
 * new one costs the server a process, and both sides the arithmetic of a password.
 *
 * @module
 */
import { openSession, type Session, type Target } from "./connection.ts";

/** A connection that is on its way. */
export interface Ahead {
  /**
   * The session, which is the caller's from then on, to close as well. Null where it could not be
   * opened, has gone again, or was taken before: then the caller opens one as if there were no such thing.
   */
  take(): Promise<Session | null>;
  /** Closes it, unless somebody has taken it. */
  close(): void;
}

/** Begins to open a connection. */
export function openAhead(target: Target, timeoutMs: number): Ahead {
  const opening = openSession(target, timeoutMs);
  let taken = false;
  return {
    async take() {
      if (taken) return null;
      taken = true;
      const opened = await opening;
      return opened.ok && opened.session.isOpen() ? opened.session : null;
    },
    close() {
      if (taken) return;
      taken = true;
      void opening.then((opened) => {
        if (opened.ok) opened.session.close();
      });
    },
  };
}
