/**
 * Changing a running server's settings: write, reload, and see that it took effect.
 *
 * @module
 */
import type { Incarnation } from "../core/record.ts";
import { writeAccess } from "./hba.ts";
import { type InForce, loadTime, reloaded } from "./in_force.ts";
import { done, failed, type Step } from "./outcome.ts";
import { localTarget, passfilePath, type Place } from "./place.ts";
import { findPostmaster } from "./postmaster.ts";
import { sendSignal } from "./process.ts";
import { type RoleSettings, roleValues, writeSettings } from "./settings.ts";

/** Brings a running server to the settings of a role. */
export async function changeSettings(
  place: Place,
  settings: RoleSettings,
  incarnation: Incarnation,
  { timeoutMs, signal }: Omit<InForce, "target">,
): Promise<Step<null>> {
  const asking = { target: localTarget(place), timeoutMs, signal };
  const before = await loadTime(asking);
  if (!before.ok) return before;
  const written = await prepareFiles(place, settings, incarnation);
  if (!written.ok) return written;
  const postmaster = await findPostmaster(place.dataDir);
  if (postmaster === null || !sendSignal(postmaster.pid, "SIGHUP")) {
    return failed("Cannot reload PostgreSQL's settings: its process is gone");
  }
  const expected = roleValues(place.options, settings, incarnation, passfilePath(place));
  return await reloaded(asking, before.value, expected);
}

/** Writes the role's settings and the members' access lines; a server that is down reads them later. */
export async function prepareFiles(
  place: Place,
  settings: RoleSettings,
  incarnation: Incarnation,
): Promise<Step<null>> {
  const written = await writeSettings(place, settings, incarnation);
  if (!written.ok) return written;
  const access = await writeAccess(place);
  return access.ok ? done(null) : access;
}
