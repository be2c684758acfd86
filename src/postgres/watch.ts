/**
 * Noticing the postmaster's death at once.
 *
 * Two independent signs: the process table, looked at ten times a second (one small file), and
 * the agent's idle connection, which the dying server's kernel closes. The second only asks for a
 * look, since a connection also breaks when one backend crashes. The postmaster may have been
 * started by anybody, also before this agent.
 *
 * @module
 */
import { isAlive, type ProcessId } from "./process.ts";

/** A running watch. */
export interface Watch {
  /** The last postmaster seen, dead or alive. */
  known(): ProcessId | null;
  /** Tells the watch about a postmaster that somebody saw. */
  seen(postmaster: ProcessId): void;
  /** Asks for a look now. */
  look(): void;
  onExit(callback: () => void): void;
  close(): void;
}

const EVERY_MS = 100;

/** Watches the postmaster that `find` finds. */
export function watchPostmaster(find: () => Promise<ProcessId | null>): Watch {
  const callbacks: (() => void)[] = [];
  let known: ProcessId | null = null;
  let running = false;
  let looking: Promise<void> | null = null;

  async function look(): Promise<void> {
    if (running && known !== null && !(await isAlive(known))) {
      running = false;
      for (const callback of callbacks) callback();
    }
    if (!running) {
      const found = await find();
      if (found !== null) seen(found);
    }
  }

  function seen(postmaster: ProcessId): void {
    known = { pid: postmaster.pid, startedAt: postmaster.startedAt };
    running = true;
  }

  function start(): void {
    looking ??= look().catch(() => {}).finally(() => looking = null);
  }

  const timer = setInterval(start, EVERY_MS);
  start();
  return {
    known: () => known,
    seen,
    look: start,
    onExit: (callback) => void callbacks.push(callback),
    close: () => clearInterval(timer),
  };
}
