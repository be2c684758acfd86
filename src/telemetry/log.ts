/**
 * The agent's log: one JSON object per line on standard output.
 *
 * ```json
 * {"time":"…","level":"INFO","event":"vote","node":"node1","outcome":"granted","term":7}
 * ```
 *
 * The lines go through LogTape, which is one per process, while agents may be several (in tests).
 * So each log is a category of its own below `metako`, with its own level and its own writer; one
 * sink finds the writer by the category.
 *
 * @module
 */
import {
  compareLogLevel,
  configureSync,
  getConfig,
  getLogger,
  type LogRecord,
} from "@logtape/logtape";
import type { Log, LogLevel } from "../core/log.ts";
import { createLineWriter, type WriteSync } from "./line_writer.ts";
import { logValue } from "./log_value.ts";

/** What a log needs. */
export interface LogOptions {
  /** Quieter lines than this are not written. */
  readonly level: LogLevel;
  /** This node's name, which every line bears. */
  readonly node: string;
  /** Where bytes go; standard output unless told otherwise. */
  readonly write?: WriteSync;
}

/**
 * Makes a log. A line is written when the call returns; a log that cannot be written (its reader is
 * gone, a pipe stays full) never throws.
 *
 * `time`, `level`, `event` and `node` come first in a line and belong to the log: a field of the
 * same name is written as `field_time` and so on. A bigint is written as an LSN. Values of fields
 * that are named like secrets are hidden.
 */
export function createLog(options: LogOptions): Log {
  configureOnce();
  const { node, write = (bytes) => Deno.stdout.writeSync(bytes) } = options;
  const category = [ROOT, String(channels.size)];
  const writeLine = createLineWriter(
    write,
    (count) =>
      line(new Date().toISOString(), "warning", "log_lines_missing", node, {
        count,
        because: "standard output did not take them",
      }),
  );
  channels.set(category[1]!, ({ timestamp, level, rawMessage, properties }) =>
    writeLine(
      line(new Date(timestamp).toISOString(), level, String(rawMessage), node, properties),
    ));
  const logger = getLogger(category);
  return (level, event, fields = {}) => {
    if (compareLogLevel(level, options.level) < 0) return;
    logger[level](event, { ...fields });
  };
}

const ROOT = "metako";

/** The writer of each log, by its category. */
const channels = new Map<string, (record: LogRecord) => void>();

function configureOnce(): void {
  if (getConfig() !== null) return;
  configureSync({
    sinks: { lines: (record) => channels.get(record.category[1] ?? "")?.(record) },
    loggers: [
      { category: ROOT, lowestLevel: "debug", sinks: ["lines"] },
      // LogTape's own notices would break the rule of one JSON object per line.
      { category: ["logtape", "meta"], sinks: [], parentSinks: "override" },
    ],
  });
}

const RESERVED: readonly string[] = ["time", "level", "event", "node"];

function line(
  time: string,
  level: string,
  event: string,
  node: string,
  fields: Readonly<Record<string, unknown>>,
): string {
  const values = logValue(fields) as Record<string, unknown>;
  const renamed = Object.entries(values).map(([name, value]) =>
    [RESERVED.includes(name) ? `field_${name}` : name, value] as const
  );
  return JSON.stringify({
    time,
    level: level.toUpperCase(),
    event,
    node,
    ...Object.fromEntries(renamed),
  });
}
