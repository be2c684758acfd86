/**
 * From processes, files and SQL to one {@linkcode ServerObservation}.
 *
 * Without a postmaster the data directory speaks; with one, the server does, and what it does not
 * say within the time limit is itself the observation.
 *
 * @module
 */
import type { Incarnation } from "../core/record.ts";
import type { ServerObservation } from "../core/server.ts";
import type { SqlFailure } from "./connection.ts";
import { wasShutDown } from "./controldata.ts";
import type { Eye, Sight } from "./eye.ts";
import { ownedBy, readContents } from "./identity.ts";
import type { Place } from "./place.ts";
import { larger } from "./position.ts";
import { findPostmaster } from "./postmaster.ts";
import { isAlive } from "./process.ts";
import { readRole, type RoleSettings } from "./settings.ts";
import { pause } from "./wait.ts";
import type { Watch } from "./watch.ts";

/** Looks at a managed server. */
export async function observeManaged(
  place: Place,
  eye: Eye,
  watch: Watch,
): Promise<ServerObservation> {
  const postmaster = await findPostmaster(place.dataDir);
  if (postmaster === null) return await observeLost(watch) ?? await observeStopped(place);
  watch.seen(postmaster);
  if (postmaster.frozen) {
    return { state: "unresponsive", because: `process ${postmaster.pid} is stopped by a signal` };
  }
  const sight = await eye.look(place.options.timeoutMs);
  if (!sight.ok) return observeFailure(sight, postmaster.phase);
  const { dataDir, systemIdentifier } = sight.facts;
  if (dataDir !== null && !(await samePlace(dataDir, place.dataDir))) {
    const because =
      `${place.options.host}:${place.options.port} leads to the server of ${dataDir}, not of ${place.dataDir}. Correct local_db.port or local_db.data_dir`;
    return { state: "unresponsive", because };
  }
  const owned = await ownedBy(place, systemIdentifier);
  const role = await readRole(place.dataDir);
  return observationOf(sight, owned.ok ? owned.value : null, role);
}

/** What an answer amounts to. */
export function observationOf(
  { facts, position }: Extract<Sight, { ok: true }>,
  incarnation: Incarnation | null,
  role: RoleSettings | null,
): ServerObservation {
  const { systemIdentifier } = facts;
  if (facts.role === "primary") {
    const { timeline, insertLsn, standbys, sync } = facts;
    const common = { incarnation, systemIdentifier, timeline, insertLsn };
    return { state: "primary", ...common, standbys, sync };
  }
  const { receiver, replayedLsn, replayPaused } = facts;
  const following = role?.role === "standby" && facts.namesUpstream ? role.following : null;
  const streams = receiver?.status === "streaming" && following !== null &&
    receiver.host === following.host && receiver.port === following.port;
  return {
    state: "standby",
    incarnation,
    systemIdentifier,
    position: {
      timeline: position?.timeline ?? 0,
      lsn: larger(position?.lsn ?? null, replayedLsn),
    },
    replayedLsn,
    streamingFrom: streams ? following.node : null,
    following: following?.node ?? null,
    replayPaused,
  };
}

/** What a failure to get an answer amounts to, while a process is there. */
export function observeFailure(failure: SqlFailure, phase: string): ServerObservation {
  const { because, code, kind } = failure;
  // 57P03: cannot connect now. 53300: too many connections, which a living server says.
  if (code === "57P03" || code === "53300" || code === "57P01") {
    return { state: "starting", because };
  }
  if (kind === "refused" || kind === "lost") {
    const doing = phase === "" ? "not ready" : phase;
    return { state: "starting", because: `its process is there (${doing}), but: ${because}` };
  }
  return { state: "unresponsive", because };
}

/** A postmaster that runs on although its pid file, or the whole directory, is gone. */
async function observeLost(watch: Watch): Promise<ServerObservation | null> {
  const known = watch.known();
  if (known === null || !(await isAlive(known))) return null;
  // In an orderly end the file goes first, and the process a moment later.
  await pause(100);
  if (!(await isAlive(known))) return null;
  const because =
    `process ${known.pid} runs on, but its data directory or its postmaster.pid was removed`;
  return { state: "refused", because };
}

async function observeStopped(place: Place): Promise<ServerObservation> {
  const contents = await readContents(place);
  switch (contents.kind) {
    case "absent":
      return { state: "absent" };
    case "refused":
      return { state: "refused", because: contents.because };
    case "cluster": {
      const { control, incarnation, wasPrimary } = contents;
      return {
        state: "stopped",
        incarnation,
        systemIdentifier: control.systemIdentifier,
        wasPrimary,
        cleanly: wasShutDown(control),
        checkpoint: { timeline: control.checkpointTimeline, lsn: control.checkpointLsn },
      };
    }
  }
}

async function samePlace(a: string, b: string): Promise<boolean> {
  const real = (path: string) => Deno.realPath(path).catch(() => path);
  return await real(a) === await real(b);
}
