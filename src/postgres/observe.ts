/**
 * From processes, files and SQL to one {@linkcode ServerObservation}, and to the name of what was
 * found (look.ts).
 *
 * Without a postmaster the data directory speaks; with one, the server does, and what it does not
 * say within the time limit is itself the observation.
 *
 * @module
 */
import { assertNever } from "../core/assert_never.ts";
import type { Incarnation } from "../core/record.ts";
import type { ServerObservation } from "../core/server.ts";
import { wasShutDown } from "./controldata.ts";
import type { Eye, Glance, Sight } from "./eye.ts";
import { type Contents, ownedBy, readContents } from "./identity.ts";
import { type Finding, judgeLook, type LookFacts, phaseOf, UNASKED } from "./look.ts";
import { workUnfinished } from "./marker.ts";
import type { Place } from "./place.ts";
import { larger } from "./position.ts";
import { findPostmaster, type Postmaster, replaying } from "./postmaster.ts";
import { isAlive } from "./process.ts";
import { readRole, type RoleSettings } from "./settings.ts";
import { pause } from "./wait.ts";
import type { Watch } from "./watch.ts";

/** What was found, by its name and as the core sees it. */
export interface Observed {
  readonly finding: Finding;
  readonly server: ServerObservation;
}

/** A primary as it last answered, and the process that did. */
interface LastAnswer {
  readonly postmaster: Postmaster;
  readonly server: ServerObservation;
}

/** Makes the function that looks at a managed server. */
export function createObserver(place: Place, eye: Eye, watch: Watch): () => Promise<Observed> {
  let last: LastAnswer | null = null;

  return async () => {
    const postmaster = await findPostmaster(place.dataDir);
    if (postmaster === null) return await observeLost(watch) ?? await observeStopped(place);
    watch.seen(postmaster);
    if (postmaster.frozen) {
      const because = `process ${postmaster.pid} is stopped by a signal`;
      return observed({ ...UNASKED, process: "frozen" }, { because });
    }
    const glance = await eye.look(place.options.timeoutMs);
    const found = await observeRunning(place, postmaster, glance, last);
    if (found.finding === "answers" && found.server.state === "primary") {
      last = { postmaster, server: found.server };
    }
    return found;
  };
}

async function observeRunning(
  place: Place,
  postmaster: Postmaster,
  { sight, kept, fresh }: Glance,
  last: LastAnswer | null,
): Promise<Observed> {
  const segment = fresh === "cannot_now" ? await replaying(postmaster) : null;
  const facts: LookFacts = {
    ...UNASKED,
    phase: phaseOf(postmaster.phase, segment !== null),
    kept,
    fresh,
  };
  if (!sight.ok) {
    const because = segment === null
      ? waitingReason(postmaster, facts, sight.because)
      : `it replays WAL, now ${segment}`;
    return observed(facts, { because, before: before(postmaster, last) });
  }
  const { dataDir, systemIdentifier } = sight.facts;
  if (dataDir !== null && !(await samePlace(dataDir, place.dataDir))) {
    const because =
      `${place.options.host}:${place.options.port} leads to the server of ${dataDir}, not of ${place.dataDir}. Correct local_db.port or local_db.data_dir`;
    return observed({ ...facts, door: "other" }, { because });
  }
  const owned = await ownedBy(place, systemIdentifier);
  const role = await readRole(place.dataDir);
  const server = observationOf(sight, owned.ok ? owned.value : null, role);
  return observed(facts, { because: "", server });
}

/**
 * Names what was found, and puts it into the core's terms.
 *
 * @param given the reason; the server's own answer, where there is one; and how it was before
 */
export function observed(
  facts: LookFacts,
  given: {
    readonly because: string;
    readonly server?: ServerObservation;
    readonly before?: ServerObservation | null;
  },
): Observed {
  const { finding, state } = judgeLook(facts);
  const { because } = given;
  const said = (server: ServerObservation): Observed => ({ finding, server });
  switch (state) {
    case "absent":
      return said({ state: "absent" });
    case "refused":
    case "starting":
    case "unresponsive":
      return said({ state, because });
    case "as_before":
      return said(given.before ?? { state: "starting", because });
    case "stopped":
    case "answers":
      return said(given.server ?? { state: "unresponsive", because });
    default:
      return assertNever(state);
  }
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

/** A postmaster cannot change its role without ending, so that a primary is one until then. */
function before(postmaster: Postmaster, last: LastAnswer | null): ServerObservation | null {
  return last?.postmaster.pid === postmaster.pid &&
      last.postmaster.startedAt === postmaster.startedAt
    ? last.server
    : null;
}

function waitingReason({ phase }: Postmaster, { fresh }: LookFacts, because: string): string {
  if (fresh !== "refused") return because;
  return `its process is there (${phase === "" ? "not ready" : phase}), but: ${because}`;
}

/** A postmaster that runs on although its pid file, or the whole directory, is gone. */
async function observeLost(watch: Watch): Promise<Observed | null> {
  const known = watch.known();
  if (known === null || !(await isAlive(known))) return null;
  // In an orderly end the file goes first, and the process a moment later.
  await pause(100);
  if (!(await isAlive(known))) return null;
  const because =
    `process ${known.pid} runs on, but its data directory or its postmaster.pid was removed`;
  return observed({ ...UNASKED, process: "orphaned" }, { because });
}

async function observeStopped(place: Place): Promise<Observed> {
  const contents = await readContents(place);
  const facts = { ...UNASKED, process: "none", data: await dataFact(place, contents) } as const;
  if (contents.kind === "absent") return observed(facts, { because: "" });
  if (contents.kind === "refused") return observed(facts, { because: contents.because });
  const { control, incarnation, wasPrimary } = contents;
  return observed(facts, {
    because: "",
    server: {
      state: "stopped",
      incarnation,
      systemIdentifier: control.systemIdentifier,
      wasPrimary,
      cleanly: wasShutDown(control),
      checkpoint: { timeline: control.checkpointTimeline, lsn: control.checkpointLsn },
    },
  });
}

async function dataFact(place: Place, contents: Contents): Promise<LookFacts["data"]> {
  switch (contents.kind) {
    case "absent":
      return await workUnfinished(place) ? "unfinished" : "absent";
    case "refused":
      return contents.failure === "foreign" ? "foreign" : "unusable";
    case "cluster":
      return wasShutDown(contents.control) ? "clean" : "crashed";
  }
}

async function samePlace(a: string, b: string): Promise<boolean> {
  const real = (path: string) => Deno.realPath(path).catch(() => path);
  return await real(a) === await real(b);
}
