/**
 * The shape of a logger, so that every room can be handed one without knowing who writes the lines.
 *
 * @module
 */

/** How loud a line is. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/**
 * Writes one line. `event` names what happened in snake case; `fields` are the architecture's
 * common ones (`node`, `role`, `term`, `timeline`, `lsn`, `rule`, `because`, `peer`,
 * `elapsed_ms`) and the event's own. Never a password, never a query's text.
 */
export type Log = (
  level: LogLevel,
  event: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;
