/**
 * The terminal, as the commands see it: two streams of lines and what may be done with them.
 *
 * Commands take this as a value, so that a test reads what they print, and so that the rule about
 * colours (only for people: a terminal, and no `NO_COLOR`) lives in one place.
 *
 * @module
 */

/** Where a command prints, and how. */
export interface Terminal {
  /** Prints text on standard output, with a line feed behind it. */
  readonly print: (text: string) => void;
  /** Prints text on standard error, with a line feed behind it. */
  readonly complain: (text: string) => void;
  /** Writes raw text on standard output: escape sequences that redraw. */
  readonly write: (text: string) => void;
  /** True where standard output is a person's terminal, so that redrawing in place makes sense. */
  readonly interactive: boolean;
  /** True where colours may be used. */
  readonly colour: boolean;
  /** How many characters fit on a line now; null, or absent, where nobody knows. */
  readonly columns?: () => number | null;
}

/**
 * This process's own streams.
 *
 * Writes are synchronous, so that nothing is lost when the process ends, and a reader that went
 * away (`metako status | head -1`) is no fault.
 */
export function processTerminal(): Terminal {
  const interactive = Deno.stdout.isTerminal();
  return {
    print: (text) => writeAll(Deno.stdout, `${text}\n`),
    complain: (text) => writeAll(Deno.stderr, `${text}\n`),
    write: (text) => writeAll(Deno.stdout, text),
    interactive,
    colour: interactive && !Deno.env.get("NO_COLOR"),
    columns: () => interactive ? consoleColumns() : null,
  };
}

function consoleColumns(): number | null {
  try {
    return Deno.consoleSize().columns;
  } catch {
    return null;
  }
}

/** What overwrites the screen from its top, without clearing it first, so that it does not flicker. */
export function inPlace(text: string): string {
  const lines = text.split("\n").map((line) => `${line}\x1b[K`);
  return `\x1b[H${lines.join("\n")}\n\x1b[J`;
}

/** The colours that metako uses: a meaning each, never decoration. */
export type Tint = "good" | "doubtful" | "bad" | "quiet" | "strong";

const SEQUENCES: Readonly<Record<Tint, number>> = {
  good: 32,
  doubtful: 33,
  bad: 31,
  quiet: 2,
  strong: 1,
};

/**
 * Colours text where colours may be used.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(tinted("primary", "good", { colour: false }), "primary");
 * assert.equal(tinted("primary", "good", { colour: true }), "\x1b[32mprimary\x1b[0m");
 * ```
 */
export function tinted(text: string, tint: Tint | null, terminal: { colour: boolean }): string {
  if (tint === null || !terminal.colour) return text;
  return `\x1b[${SEQUENCES[tint]}m${text}\x1b[0m`;
}

const encoder = new TextEncoder();
const pause = new Int32Array(new SharedArrayBuffer(4));

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = encoder.encode(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(stream.writeSync(rest));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) return;
      // A full pipe on a non-blocking descriptor: its reader is slow, not gone.
      if (error instanceof Deno.errors.WouldBlock) {
        Atomics.wait(pause, 0, 0, 5);
        continue;
      }
      throw error;
    }
  }
}
