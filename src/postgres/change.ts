/**
 * Changing a running server's settings: write, reload, and see that it took effect.
 *
 * @module
 */
import type { Incarnation } from "../core/record.ts";
import { identifier, openSession, type Session } from "./connection.ts";
import { writeAccess } from "./hba.ts";
import { type InForce, reloaded } from "./in_force.ts";
import { done, failed, type Step } from "./outcome.ts";
import { localTarget, passfilePath, type Place } from "./place.ts";
import { findPostmaster } from "./postmaster.ts";
import { sendSignal } from "./process.ts";
import { readMark } from "./marker.ts";
import {
  clearAutoConf,
  readRole,
  type RoleSettings,
  roleValues,
  settingsText,
  upstreamAddress,
  waitsForStandbys,
  writeSettings,
} from "./settings.ts";
import { inTurn } from "./turns.ts";
import { startServer } from "./start.ts";
import { stopServer } from "./stop.ts";
import { isGuarded } from "./standing.ts";
import { offers } from "./version.ts";

/** Brings a running server to the settings of a role. */
export async function changeSettings(
  place: Place,
  settings: RoleSettings,
  incarnation: Incarnation,
  { timeoutMs, signal }: Omit<InForce, "target">,
): Promise<Step<null>> {
  const asking = { target: localTarget(place), timeoutMs, signal };
  const opened = await openSession(asking.target, timeoutMs);
  if (!opened.ok) return opened;
  const { session } = opened;
  const address = await upstreamAddress(place, settings);
  const passfile = passfilePath(place);
  const values = roleValues(place.options, settings, incarnation, { passfile, address });
  let before: string;
  let restart: boolean;
  try {
    const told = await session.query(
      `select pg_conf_load_time()::text as at, current_setting('primary_conninfo', true) as conninfo,
      current_setting('primary_slot_name', true) as slot`,
      timeoutMs,
    );
    if (!told.ok) return told;
    const { at, conninfo, slot } = told.rows[0] ?? {};
    before = at ?? "";
    restart = settings.role === "standby" && !offers(place.major, "reloads_upstream") &&
      (conninfo !== values.primary_conninfo || slot !== values.primary_slot_name);
    await resetGuarded(place, session, waitsForStandbys(settings));
  } finally {
    session.close();
  }
  const written = await writeFiles(place, settings, incarnation, address);
  if (!written.ok) return written;
  if (restart) return await restartStandby(place, signal);
  const postmaster = await findPostmaster(place.dataDir);
  if (postmaster === null || !sendSignal(postmaster.pid, "SIGHUP")) {
    return failed("Cannot reload PostgreSQL's settings: its process is gone");
  }
  return await reloaded(asking, before, reloadable(place.major, values));
}

/** The way of PostgreSQL 12. Its sessions end, the caller's too: what follows is tried again. */
async function restartStandby(place: Place, signal: AbortSignal | undefined): Promise<Step<null>> {
  const stopped = await stopServer(place, signal);
  if (!stopped.ok) return stopped;
  const started = await startServer(place, "standby", signal);
  if (!started.ok) return started;
  started.session.close();
  place.options.log("info", "restarted", {
    outcome: "done",
    because: `PostgreSQL ${place.major} changes primary_conninfo by a restart alone`,
  });
  return done(null);
}

/** Those of the values that a reload changes in that release. */
export function reloadable(
  major: number,
  values: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const fixed = [
    ...(offers(major, "reloads_upstream") ? [] : ["primary_conninfo", "primary_slot_name"]),
    ...(offers(major, "reloads_restore_command") ? [] : ["restore_command"]),
  ];
  return Object.fromEntries(Object.entries(values).filter(([name]) => !fixed.includes(name)));
}

/**
 * Takes back what ALTER SYSTEM set of the guarded settings, which would override metako.conf.
 * Whatever else it set is the operator's business. A reload has to follow.
 *
 * @param waits whether commits have to wait for standbys
 * @returns the names that were taken back
 */
export async function resetGuarded(
  place: Place,
  session: Session,
  waits: boolean,
): Promise<readonly string[]> {
  const found = await session.query(
    `select lower(name) as name, setting, sourcefile, sourceline::text from pg_file_settings
    where sourcefile like '%/postgresql.auto.conf' and name is not null`,
  );
  if (!found.ok) return [];
  const taken: string[] = [];
  for (const { name, setting, sourcefile, sourceline } of found.rows) {
    if (!isGuarded({ name: name!, value: setting ?? "", waits })) continue;
    const reset = await session.query(`alter system reset ${identifier(name!)}`);
    place.options.log("warning", "setting_overridden", {
      outcome: reset.ok ? "taken_back" : "failed",
      setting: name!,
      source: `${sourcefile}:${sourceline}`,
      because: reset.ok ? "ALTER SYSTEM had set what a failover rests on" : reset.because,
    });
    if (reset.ok) taken.push(name!);
  }
  return taken;
}

/** Writes the settings and access lines of a server that is down. It reads them when it starts. */
export async function prepareFiles(
  place: Place,
  settings: RoleSettings,
  incarnation: Incarnation,
): Promise<Step<null>> {
  const cleared = await clearAutoConf(place, settings);
  if (!cleared.ok) return cleared;
  for (const { name, line } of cleared.value) {
    place.options.log("warning", "setting_overridden", {
      outcome: "taken_back",
      setting: name,
      source: `postgresql.auto.conf:${line}`,
      because: "ALTER SYSTEM, or a tool, had set what a failover rests on",
    });
  }
  return await writeFiles(place, settings, incarnation, await upstreamAddress(place, settings));
}

/**
 * Brings the files to what the operator has set since, for the role that is written there.
 *
 * @returns whether anything changed, so that a reload has to follow
 */
export function refreshSettings(place: Place): Promise<boolean> {
  return inTurn(place, async () => {
    const [role, mark] = await Promise.all([readRole(place.dataDir), readMark(place.dataDir)]);
    if (role === null || mark.kind !== "mark") return false;
    const before = await settingsText(place.dataDir);
    const address = await upstreamAddress(place, role);
    const written = await writeSettings(place, role, mark.mark.incarnation, address);
    return written.ok && await settingsText(place.dataDir) !== before;
  });
}

/**
 * Brings pg_hba.conf to the addresses that the members' names have by now.
 *
 * @returns whether anything changed, so that a reload has to follow
 */
export function refreshAccess(place: Place): Promise<boolean> {
  return inTurn(place, async () => {
    if ((await readMark(place.dataDir)).kind !== "mark") return false;
    const written = await writeAccess(place);
    if (!written.ok || !written.value) return false;
    place.options.log("info", "access", {
      outcome: "done",
      because:
        "the members' lines in pg_hba.conf were missing, elsewhere, or named other addresses",
    });
    return true;
  });
}

function writeFiles(
  place: Place,
  settings: RoleSettings,
  incarnation: Incarnation,
  address: string | null,
): Promise<Step<null>> {
  return inTurn(place, () => writeBoth(place, settings, incarnation, address));
}

async function writeBoth(
  place: Place,
  settings: RoleSettings,
  incarnation: Incarnation,
  address: string | null,
): Promise<Step<null>> {
  const written = await writeSettings(place, settings, incarnation, address);
  if (!written.ok) return written;
  const access = await writeAccess(place);
  return access.ok ? done(null) : access;
}
