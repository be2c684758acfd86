/**
 * A server that the agent owns: its data directory, its process and its settings.
 *
 * @module
 */
import { join } from "node:path";
import { assertNever } from "../core/assert_never.ts";
import type { ServerAction } from "../core/server.ts";
import { worksAsPrimary } from "./ask.ts";
import { type Attempts, noAttempts } from "./attempts.ts";
import { initialise } from "./build.ts";
import { careFor, safely } from "./care.ts";
import { clone } from "./clone.ts";
import { openSession } from "./connection.ts";
import { dispatcher } from "./dispatch.ts";
import { findPostgres } from "./discover.ts";
import { openEye } from "./eye.ts";
import { fenceServer } from "./fence.ts";
import { type Owner, readIfThere } from "./files.ts";
import { adopt } from "./identity.ts";
import { managedGrip } from "./managed_grip.ts";
import { noteWork } from "./marker.ts";
import { createObserver } from "./observe.ts";
import { observing } from "./observing.ts";
import { measureServer } from "./measure.ts";
import type { ActionOutcome, OpenResult, PostgresOptions, RunOptions } from "./options.ts";
import { done, failed, finished, messageOf } from "./outcome.ts";
import { localTarget, type Place, preparePrivateFolder, readControl } from "./place.ts";
import { findPostmaster } from "./postmaster.ts";
import { promote, setSync, startPrimary } from "./primary.ts";
import { follow, prepare, revoke, startStandby } from "./standby.ts";
import { stopServer } from "./stop.ts";
import { rememberTries } from "./tries.ts";
import { resolveOwner } from "./users.ts";
import { openRoleReader } from "./role_reader.ts";
import { watchPostmaster } from "./watch.ts";
import { BEFORE_STOP, writeOut } from "./write_out.ts";

/** What a running server has already told about itself. */
export interface Known {
  readonly owner: Owner | null;
  readonly binDir: string;
}

/** Opens a server by its data directory. */
export async function openManaged(
  options: PostgresOptions,
  dataDir: string,
  known: Partial<Known> = {},
): Promise<OpenResult> {
  const found = await findPlace(options, dataDir, known);
  if (!found.ok) return found;
  const { place } = found;
  const prepared = await preparePrivateFolder(place);
  if (!prepared.ok) return { ok: false, because: prepared.because };
  const unusable = await whyUnusable(place);
  if (unusable !== null) return { ok: false, because: unusable };

  const watch = watchPostmaster(() => findPostmaster(dataDir));
  const eye = openEye(localTarget(place), () => watch.look());
  watch.onExit(place.starts.died);
  const attempts = noAttempts(rememberTries("clone", options));
  const { readsPasswords: passwords = true } = options;
  const roles = openRoleReader({ login: options, passwords, limits: options }, eye.session);
  const perform = (action: ServerAction, run: RunOptions) => {
    if (action.type === "fence" || action.type === "stop") place.starts.ending();
    return action.type === "fence" ? fence() : act(place, attempts, action, run);
  };
  async function fence(): Promise<ActionOutcome> {
    const fenced = await fenceServer(place, watch.known());
    watch.look();
    return fenced.ok ? finished({ type: "done" }) : fenced;
  }
  return {
    ok: true,
    server: {
      ...observing(createObserver(place, eye, watch), options),
      run: dispatcher(perform),
      discard: () => discard(place),
      onExit: watch.onExit,
      setback: () => place.starts.setback() ?? attempts.copies.setback(),
      limitations: [],
      dataDir,
      worksAsPrimary: (contact, timeoutMs) => worksAsPrimary(options, contact, timeoutMs),
      writeOut: (limitMs) =>
        writeOut(localTarget(place), options, { because: BEFORE_STOP, limitMs }),
      care: safely(careFor(options, localTarget(place), place)),
      roles,
      measure: (timeoutMs) => measureServer(localTarget(place), timeoutMs),
      close() {
        roles.close();
        watch.close();
        eye.close();
        return Promise.resolve();
      },
    },
  };
}

/** Notes a clone that has not happened yet: what is left of one counts as no data directory. */
async function discard(place: Place): Promise<ActionOutcome> {
  if (await findPostmaster(place.dataDir) !== null) {
    return failed("Cannot give up a data directory whose server runs");
  }
  try {
    await noteWork(place, "clone");
    return finished({ type: "done" });
  } catch (error) {
    return failed(`Cannot note that ${place.dataDir} is given up: ${messageOf(error)}`);
  }
}

async function act(
  place: Place,
  attempts: Attempts,
  action: Exclude<ServerAction, { type: "fence" }>,
  run: RunOptions,
): Promise<ActionOutcome> {
  const { signal } = run;
  const grip = managedGrip(place);
  switch (action.type) {
    case "initialise":
      return await initialise(place, grip, action, signal);
    case "start_primary":
      return await startPrimary(place, grip, action.sync, signal);
    case "start_standby":
      return await startStandby(grip, signal);
    case "follow":
      return await follow(grip, action.upstream, signal);
    case "revoke":
      return await revoke(grip, signal);
    case "prepare":
      return await prepare(grip, signal);
    case "promote":
      return await promote(grip, action, signal);
    case "set_sync":
      return await setSync(grip, action.sync, signal);
    case "stop":
      return await stopServer(place, signal);
    case "clone":
      return await clone(place, action, attempts, run);
    default:
      return assertNever(action);
  }
}

async function findPlace(
  options: PostgresOptions,
  dataDir: string,
  known: Partial<Known>,
): Promise<{ readonly ok: true; readonly place: Place } | { ok: false; because: string }> {
  const owner = known.owner === undefined ? await resolveOwner(options.osUser) : done(known.owner);
  if (!owner.ok) return owner;
  const version = await readIfThere(join(dataDir, "PG_VERSION")).catch(() => null);
  const major = version === null ? null : Number.parseInt(version, 10) || null;
  const programs = await findPostgres(options.binDir ?? known.binDir ?? null, major);
  if (!programs.ok) return programs;
  const privateDir = join(options.stateDir, "postgres");
  return {
    ok: true,
    place: {
      options,
      dataDir,
      ...programs.value,
      owner: owner.value,
      privateDir,
      starts: rememberTries("start", options),
    },
  };
}

/** A running server has to let the agent in; one that nobody marked is adopted. */
async function whyUnusable(place: Place): Promise<string | null> {
  if (await findPostmaster(place.dataDir) === null) return null;
  const opened = await openSession(localTarget(place), place.options.timeoutMs);
  if (!opened.ok) return opened.code?.startsWith("28") ? opened.because : null;
  opened.session.close();
  const control = await readControl(place);
  if (control === null) return null;
  const adopted = await adopt(place, control.systemIdentifier);
  return adopted.ok ? null : adopted.because;
}
