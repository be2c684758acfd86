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
  /** Checksums or hints in WAL, without which pg_rewind refuses; null where it is not told. */
  readonly canRewind: boolean | null;
  /** "minimal", "replica" or "logical"; null where it is not told. */
  readonly walLevel: string | null;
  /** What the primary that wrote the WAL had, and a standby needs at least; null: not told. */
  readonly maxConnections: number | null;
  readonly maxWorkerProcesses: number | null;
  readonly maxWalSenders: number | null;
  readonly maxPreparedTransactions: number | null;
  readonly maxLocksPerTransaction: number | null;
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
 * const control = parseControlData(`${text}\nData page checksum version: 1\nwal_log_hints setting: off`);
 * assert.equal(control?.systemIdentifier, "7420000000000000001");
 * assert.equal(control?.checkpointLsn, 0x3000028n);
 * assert.equal(control?.canRewind, true);
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
  const number = (label: string) => {
    const text = fields.get(label) ?? "";
    return /^\d+$/.test(text) ? Number(text) : null;
  };
  const checksums = number("Data page checksum version");
  const hints = fields.get("wal_log_hints setting");
  return {
    systemIdentifier,
    clusterState,
    checkpointLsn,
    checkpointTimeline,
    canRewind: checksums === null || hints === undefined ? null : checksums > 0 || hints === "on",
    walLevel: fields.get("wal_level setting") ?? null,
    maxConnections: number("max_connections setting"),
    maxWorkerProcesses: number("max_worker_processes setting"),
    maxWalSenders: number("max_wal_senders setting"),
    maxPreparedTransactions: number("max_prepared_xacts setting"),
    maxLocksPerTransaction: number("max_locks_per_xact setting"),
  };
}

/** True where the server was shut down in order, as a primary or as a standby. */
export function wasShutDown(control: Pick<ControlData, "clusterState">): boolean {
  return control.clusterState === "shut down" || control.clusterState === "shut down in recovery";
}
