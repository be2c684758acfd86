/**
 * What `pg_controldata` says about a data directory. PostgreSQL manual, "pg_controldata"; the
 * program is run with LC_ALL=C, so its labels are the English ones.
 *
 * @module
 */
import { type Lsn, parseLsn } from "../core/lsn.ts";

/** The parts of the control file that decisions rest on. */
export interface ControlData {
  readonly systemIdentifier: string;
  /** "in production", "shut down", "shut down in recovery", "in archive recovery", … */
  readonly clusterState: string;
  readonly checkpointLsn: Lsn;
  readonly checkpointTimeline: number;
}

/**
 * Reads the program's output.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const text = `Database system identifier:           7420000000000000001
 * Database cluster state:               shut down
 * Latest checkpoint location:           0/3000028
 * Latest checkpoint's TimeLineID:       2`;
 * assert.deepEqual(parseControlData(text), {
 *   systemIdentifier: "7420000000000000001",
 *   clusterState: "shut down",
 *   checkpointLsn: 0x3000028n,
 *   checkpointTimeline: 2,
 * });
 * assert.equal(parseControlData("pg_controldata: error: could not open file"), null);
 * ```
 *
 * @returns null where a part is missing or unreadable
 */
export function parseControlData(text: string): ControlData | null {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const systemIdentifier = fields.get("Database system identifier") ?? "";
  const clusterState = fields.get("Database cluster state") ?? "";
  const checkpointLsn = parseLsn(fields.get("Latest checkpoint location") ?? "");
  const checkpointTimeline = Number(fields.get("Latest checkpoint's TimeLineID"));
  if (!/^\d+$/.test(systemIdentifier) || clusterState === "" || checkpointLsn === null) return null;
  if (!Number.isSafeInteger(checkpointTimeline) || checkpointTimeline < 1) return null;
  return { systemIdentifier, clusterState, checkpointLsn, checkpointTimeline };
}

/** True where the server was shut down in order, as a primary or as a standby. */
export function wasShutDown(control: ControlData): boolean {
  return control.clusterState === "shut down" || control.clusterState === "shut down in recovery";
}
