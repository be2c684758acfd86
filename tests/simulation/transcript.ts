/**
 * A run as people read it: one line for each thing that happened, without the heartbeats that say
 * nothing new.
 */
import type { TraceLine } from "./world.ts";

/** Gathers lines; hand `take` to play(). */
export interface Transcript {
  take(line: TraceLine): void;
  readonly lines: TraceLine[];
}

/** An empty transcript that keeps the newest `limit` lines, or all. */
export function createTranscript(limit = Infinity): Transcript {
  const said = new Map<string, string>();
  let lines: TraceLine[] = [];
  return {
    get lines() {
      return lines.slice(-limit);
    },
    take(line) {
      const topic = routine(line);
      if (topic !== null) {
        if (said.get(topic) === line.text) return;
        said.set(topic, line.text);
      }
      lines.push(line);
      if (lines.length > 2 * limit) lines = lines.slice(-limit);
    },
  };
}

/** One line: seconds, who, what. */
export function lineText({ atMs, node, kind, text }: TraceLine): string {
  const mark = MARKS[kind];
  return `${(atMs / 1000).toFixed(3).padStart(9)} ${(node ?? "").padEnd(4)}${mark} ${text}`;
}

const MARKS: Readonly<Record<TraceLine["kind"], string>> = {
  fault: "⚡",
  message: " ",
  decision: "·",
  server: "▪",
  operator: "?",
  violation: "✗",
};

/** What a routine message is about: it is shown only where it says something else than before. */
function routine({ node, kind, text }: TraceLine): string | null {
  if (kind !== "message") return null;
  const match = /^→ (\S+): (heartbeat|heard)|^(probes) (\S+):/.exec(text);
  return match === null ? null : `${node} ${match[0]}`;
}
