/**
 * Lines to standard output, written before the call returns: the last line before the agent exits
 * is the one that says why.
 *
 * Standard output can fail in two ways that must not end a database's agent. Its reader may be gone
 * (EPIPE): then nothing more is written. Or a pipe is full and does not block (EAGAIN): then the
 * writer waits, but no longer than {@linkcode PATIENCE_MS} and only once until the reader reads
 * again, since a heartbeat is waiting behind it. Lines that found no room are counted, and the next
 * line that does find room says how many are missing.
 *
 * @module
 */

/** Writes some of `bytes` and returns how many; throws as `Deno.stdout.writeSync` does. */
export type WriteSync = (bytes: Uint8Array) => number;

/** How long one line waits for a full pipe. */
export const PATIENCE_MS = 50;

const PAUSE_MS = 5;

/** Writes one line; `line` has no newline. */
export type WriteLine = (line: string) => void;

/**
 * Makes a writer of lines.
 *
 * @param writeSync where the bytes go
 * @param missingLine makes the line that tells how many lines found no room
 * @param pause waits for so many milliseconds without giving way to anything else
 */
export function createLineWriter(
  writeSync: WriteSync,
  missingLine: (count: number) => string,
  pause: (pauseMs: number) => void = pauseSync,
): WriteLine {
  const encoder = new TextEncoder();
  let closed = false;
  let stalled = false;
  let missing = 0;
  // The rest of a line that was written in part: nothing else may come before it.
  let rest: Uint8Array = new Uint8Array(0);

  const flush = (): boolean => {
    let waitedMs = 0;
    while (rest.length > 0) {
      const written = attempt(writeSync, rest);
      if (written === "closed") {
        closed = true;
        return false;
      }
      if (written === "full") {
        if (stalled || waitedMs >= PATIENCE_MS) {
          stalled = true;
          return false;
        }
        pause(PAUSE_MS);
        waitedMs += PAUSE_MS;
        continue;
      }
      rest = rest.subarray(written);
    }
    stalled = false;
    return true;
  };

  const write = (line: string): boolean => {
    if (!flush()) return false;
    rest = encoder.encode(`${line}\n`);
    flush();
    return true;
  };

  return (line) => {
    if (closed) return;
    if (missing > 0 && write(missingLine(missing))) missing = 0;
    if (missing > 0 || !write(line)) missing += 1;
  };
}

function attempt(writeSync: WriteSync, bytes: Uint8Array): number | "full" | "closed" {
  try {
    const written = writeSync(bytes);
    return written > 0 ? written : "full";
  } catch (error) {
    if (error instanceof Deno.errors.WouldBlock) return "full";
    if (error instanceof Deno.errors.Interrupted) return "full";
    // A disk that is full today may have room tomorrow.
    if (error instanceof Error && "code" in error && error.code === "ENOSPC") return "full";
    // A log that cannot be written is no reason to end the agent.
    return "closed";
  }
}

function pauseSync(pauseMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
}
