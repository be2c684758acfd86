/**
 * WAL that still waits for the archive on a node that was a primary and is about to be replaced.
 *
 * A standby archives nothing, and the new primary counts what it received as archived, so these
 * segments would be missing from the archive for ever. Those that lie on the leader's history are
 * handed to the operator's `archive_command` first; what lies behind the fork is nobody's business
 * but `state_dir/diverged`. Best effort: a node comes back although its archive is out of order, and
 * the log says what is missing. PostgreSQL manual, "Setting Up WAL Archiving".
 *
 * @module
 */
import { join } from "node:path";
import type { Lsn } from "../core/lsn.ts";
import type { Position } from "../core/record.ts";
import { lastLines, runCommand } from "./command.ts";
import { readConf } from "./conf_file.ts";
import { namesIn } from "./files.ts";
import type { Place } from "./place.ts";
import { SETTINGS_FILE } from "./settings.ts";

/** How long all the commands together may take. */
const LIMIT_MS = 60_000;

/**
 * Archives what waits.
 *
 * @param fork where the local WAL left the leader's history; null where it never did
 */
export async function archiveWaiting(
  place: Place,
  fork: Position | null,
  signal?: AbortSignal,
): Promise<void> {
  const { dataDir, options: { log } } = place;
  const folder = join(dataDir, "pg_wal", "archive_status");
  const waiting: string[] = [];
  for (const name of (await namesIn(folder)).sort()) {
    const segment = name.replace(/\.ready$/, "");
    if (segment !== name && await liesBefore(place, segment, fork)) waiting.push(segment);
  }
  if (waiting.length === 0) return;
  const command = await archiveCommand(dataDir);
  if (command === null) return;
  const limit = AbortSignal.any([AbortSignal.timeout(LIMIT_MS), ...(signal ? [signal] : [])]);
  let archived = 0;
  let because = "";
  for (const name of waiting) {
    const end = await runCommand({
      program: "/bin/sh",
      args: ["-c", `cd "$1" && ${expand(command, name)}`, "sh", dataDir],
      owner: place.owner,
      signal: limit,
    });
    if (end.code !== 0) {
      because = `archive_command failed on ${name}: ${lastLines(end.stderr) || `code ${end.code}`}`;
      break;
    }
    await Deno.rename(join(folder, `${name}.ready`), join(folder, `${name}.done`));
    archived++;
  }
  log(because === "" ? "info" : "warning", "wal_archived", {
    outcome: because === "" ? "done" : "failed",
    because: because === "" ? "it waited for the archive when this node stopped" : because,
    segments: archived,
    missing: waiting.slice(archived),
  });
}

/**
 * Fills in a segment's path and name. PostgreSQL manual, `archive_command`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(expand("cp %p /a/%f # 5%%", "0A"), "cp pg_wal/0A /a/0A # 5%");
 * ```
 */
export function expand(command: string, name: string): string {
  return command.replace(/%([pf%])/g, (_, what) => {
    return what === "p" ? `pg_wal/${name}` : what === "f" ? name : "%";
  });
}

/** Null where nothing is archived, or by a library, which only the server itself can call. */
async function archiveCommand(dataDir: string): Promise<string | null> {
  const files = await Promise.all(
    ["postgresql.conf", "postgresql.auto.conf"].map((name) =>
      readConf(join(dataDir, name), SETTINGS_FILE)
    ),
  );
  const set = new Map(files.flat().map(({ name, value }) => [name, value]));
  const archives = ["on", "always", "true", "yes", "1"].includes(set.get("archive_mode") ?? "off");
  const command = set.get("archive_command") ?? "";
  const library = set.get("archive_library") ?? "";
  return archives && command !== "" && library === "" ? command : null;
}

/** Whole segments only: what was written on both sides of the fork is the leader's to archive. */
async function liesBefore(
  { dataDir }: Place,
  name: string,
  fork: Position | null,
): Promise<boolean> {
  const match = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/.exec(name);
  const info = await Deno.stat(join(dataDir, "pg_wal", name)).catch(() => null);
  if (match === null || info === null) return false;
  if (fork === null) return true;
  const [timeline, high, low] = match.slice(1).map((part) => Number.parseInt(part, 16));
  const endLsn: Lsn = (BigInt(high!) << 32n) + BigInt(low! + 1) * BigInt(info.size);
  return timeline! <= fork.timeline && endLsn <= fork.lsn;
}
