/**
 * What the table of conditions looks at (condition.ts), and where each fact comes from.
 *
 * @module
 */
import { assertNever } from "../core/assert_never.ts";
import { serverFacts } from "../core/server_rules.ts";
import type { State } from "../core/state.ts";
import type { Finding, Setback } from "../postgres/server.ts";
import type { RunningAction, ServerDriver } from "./actions.ts";
import type { DiskWatch } from "./disks.ts";

/** What the table looks at: every fact is one of these words. */
export const CONDITION_FACTS = {
  /** What the last look found; none: a witness, unseen: nobody has looked yet. */
  server: [
    "none",
    "unseen",
    "primary",
    "standby",
    "orphaned",
    "absent",
    "unfinished",
    "foreign",
    "unusable",
    "stopped",
    "crashed",
    "frozen",
    "silent",
    "deaf",
    "unreachable",
    "elsewhere",
    "crowded",
    "denied",
    "failing",
    "stopping",
    "replaying",
    "starting",
  ],
  /** For how long it has left questions unanswered; long: beyond what a busy host explains. */
  silence: ["brief", "long"],
  /** The action that the agent is busy with. */
  doing: [
    "nothing",
    "creating",
    "cloning",
    "rewinding",
    "starting",
    "stopping",
    "fencing",
    "other",
  ],
  /** Whether a copy or a rewind goes on, or has brought nothing for long. */
  copy: ["moves", "stands"],
  /** How the last fence or orderly stop ended, where nothing was started since. */
  ended: ["not", "by_agent", "fence_failed"],
  /** Whether this node leads, and so may have a primary. */
  lease: ["here", "elsewhere"],
  stream: ["up", "down"],
  /** Whether PostgreSQL can write where its data or its WAL are. */
  disk: ["room", "full"],
  /** Whether starts or copies failed more than once in a row. */
  tries: ["fine", "failing"],
  rejoin: ["open", "blocked"],
  /** Whether what the agent has to remember can be written. */
  memory: ["written", "unwritten"],
} as const;

/** One word for each of {@linkcode CONDITION_FACTS}. */
export type ConditionFacts = {
  readonly [F in keyof typeof CONDITION_FACTS]: (typeof CONDITION_FACTS)[F][number];
};

/** What a look finds that got no answer. */
export const SILENT: readonly (Finding | null)[] = ["silent", "deaf"];

/** One look that ran out of time is no news on a busy host. */
const LONG_SILENCE_MS = 3_000;

/** For so long a copy, or a rewind, which reads before it writes, may bring nothing. */
const STILL_MS: { readonly [Action in RunningAction["action"]]?: number } = {
  clone: 60_000,
  rewind: 300_000,
};

/** Where the facts come from. */
export interface ConditionSources {
  readonly state: State;
  /** What the last look found; null before the first, and on a witness. */
  readonly finding: Finding | null;
  readonly running: RunningAction | null;
  readonly ended: ReturnType<ServerDriver["ended"]>;
  readonly disks: Pick<DiskWatch, "full">;
  /** For how long looks in a row got no answer; 0 where the last one did. */
  readonly silentMs: number;
  /** What was tried in vain; null where the last try succeeded. */
  readonly setback: Setback | null;
  /** Why the agent's own state cannot be written; null while it can. */
  readonly memory: string | null;
}

/** Reads the facts. */
export function conditionFacts(sources: ConditionSources): ConditionFacts {
  const { state, running, ended, disks, setback, memory } = sources;
  return {
    server: serverFact(sources),
    silence: sources.silentMs < LONG_SILENCE_MS ? "brief" : "long",
    doing: running === null ? "nothing" : DOING[running.action],
    copy: stands(running, state.nowMs) ? "stands" : "moves",
    ended,
    lease: state.role.kind === "leader" ? "here" : "elsewhere",
    stream: state.server?.state === "standby" && state.server.streamingFrom !== null
      ? "up"
      : "down",
    disk: disks.full() === null ? "room" : "full",
    tries: (setback?.failures ?? 0) > 1 ? "failing" : "fine",
    rejoin: state.rejoin.kind === "blocked" ? "blocked" : "open",
    memory: memory === null ? "written" : "unwritten",
  };
}

const DOING = {
  initialise: "creating",
  clone: "cloning",
  rewind: "rewinding",
  start_primary: "starting",
  start_standby: "starting",
  follow: "starting",
  stop: "stopping",
  fence: "fencing",
  revoke: "other",
  prepare: "other",
  promote: "other",
  set_sync: "other",
} as const satisfies Record<RunningAction["action"], ConditionFacts["doing"]>;

/** What has come whole is still to be flushed, which nobody reports on. */
function stands(running: RunningAction | null, nowMs: number): boolean {
  const limitMs = running === null ? undefined : STILL_MS[running.action];
  if (running === null || limitMs === undefined) return false;
  const { progress, movedAtMs } = running;
  const whole = progress !== null && progress.totalBytes > 0 &&
    progress.doneBytes >= progress.totalBytes;
  return !whole && nowMs - movedAtMs >= limitMs;
}

function serverFact({ state, finding, disks }: ConditionSources): ConditionFacts["server"] {
  const { server, settings } = state;
  if (settings.members.some(({ name, kind }) => name === settings.self && kind === "witness")) {
    return "none";
  }
  if (server === null || finding === null) return "unseen";
  if (serverFacts(state, state.nowMs).cluster === "foreign") return "foreign";
  if (finding !== "answers") return finding;
  switch (server.state) {
    case "primary":
    case "standby":
    case "starting":
    case "stopped":
    case "absent":
      return server.state;
    // With a full disk the core was told so on purpose (relief.ts). Else the finding is newer than
    // what the core was told of; the next look brings both together.
    case "unresponsive":
      return disks.full() === null ? "silent" : "primary";
    case "refused":
      return "unusable";
    default:
      return assertNever(server);
  }
}
