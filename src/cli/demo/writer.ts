/**
 * The demo's client: writes numbered rows, one at a time, and keeps the ledger.
 *
 * It behaves as a careful application does. It keeps one connection per router and takes them in
 * turn; after an error it drops that connection, goes on with the next router, and never repeats the
 * row, since an INSERT that failed may have been done. Every number is used once, so the table can be
 * compared with the ledger afterwards.
 *
 * @module
 */
import type { Ledger } from "./ledger.ts";

/** A connection that inserts rows. */
export interface RowSink {
  /** Settles once the server acknowledged the row; rejects where it did not. */
  readonly insert: (row: number) => Promise<void>;
  /** Drops the connection at once; never throws. */
  readonly close: () => void;
}

/** A writer at work. */
export interface Writer {
  /** What was acknowledged, and what was not. */
  readonly ledger: Ledger;
  /** The last error, in words; null where there was none. */
  readonly lastError: () => string | null;
  /** Ends after the row that is under way, and closes the connections. */
  readonly stop: () => Promise<void>;
}

/** What a writer needs. */
export interface WriterOptions {
  /** What was acknowledged, and what was not. */
  readonly ledger: Ledger;
  /** One per router: opens a connection. */
  readonly routers: readonly (() => RowSink)[];
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** Waits that many milliseconds. */
  readonly sleep: (ms: number) => Promise<void>;
  /** The pause between two rows, which bounds the load and the measurement's grain. */
  readonly pauseMs: number;
}

/** Starts writing; the first row has the number 1. */
export function startWriter(options: WriterOptions): Writer {
  const { ledger, routers, now, sleep, pauseMs } = options;
  const sinks: (RowSink | null)[] = routers.map(() => null);
  let stopping = false;
  let lastError: string | null = null;

  const work = async () => {
    for (let row = 1; !stopping; row += 1) {
      const turn = row % routers.length;
      const sink = sinks[turn] ??= routers[turn]!();
      try {
        await sink.insert(row);
        ledger.acknowledged.push({ row, atMs: now() });
      } catch (error) {
        ledger.open.push(row);
        lastError = error instanceof Error ? error.message : String(error);
        sink.close();
        sinks[turn] = null;
      }
      await sleep(pauseMs);
    }
    for (const sink of sinks) sink?.close();
  };
  const finished = work();

  return {
    ledger,
    lastError: () => lastError,
    stop: () => {
      stopping = true;
      return finished;
    },
  };
}
