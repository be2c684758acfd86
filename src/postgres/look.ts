/**
 * What a look at the local server amounts to: a table.
 *
 * A look asks the process table, `postmaster.pid`, the agent's kept connection and now and then a new
 * one; without a process, the data directory. Each answer is one of a few words, and the first row of
 * {@linkcode LOOKS} that fits them names what was found. So a hung server is told from a dead one, a
 * starting one and one that is merely crowded, and the same words come out wherever it is shown.
 *
 * @module
 */
import type { SqlFailure } from "./connection.ts";

/** What a look asks, and the words of each answer. */
export const LOOK_FACTS = {
  /** orphaned: it runs on, but its data directory or its pid file is gone. */
  process: ["none", "running", "frozen", "orphaned"],
  /** The last line of postmaster.pid; replaying: its startup process says so itself. */
  phase: ["unknown", "starting", "replaying", "ready", "stopping"],
  /** Whether host and port lead to the server of this data directory. */
  door: ["own", "other"],
  /** The connection that is kept open; none: there was none. */
  kept: ["none", "answers", "silent"],
  /** A new connection; untried: the kept one was enough this time. */
  fresh: [
    "untried",
    "answers",
    "cannot_now",
    "crowded",
    "denied",
    "refused",
    "silent",
    "failed",
  ],
  /** The data directory, which is read only while there is no process. */
  data: ["unread", "absent", "unfinished", "foreign", "unusable", "clean", "crashed"],
} as const;

/** One answer to each of {@linkcode LOOK_FACTS}. */
export type LookFacts = { readonly [F in keyof typeof LOOK_FACTS]: (typeof LOOK_FACTS)[F][number] };

const RUNS = ["running"] as const;

/**
 * The table; the first row that fits decides. `state` is how the core sees it; "answers": as what
 * the server says of itself, "as_before": as it was, since nothing speaks against that.
 */
export const LOOKS = [
  { finding: "orphaned", when: { process: ["orphaned"] }, state: "refused" },
  { finding: "absent", when: { process: ["none"], data: ["absent"] }, state: "absent" },
  { finding: "unfinished", when: { process: ["none"], data: ["unfinished"] }, state: "absent" },
  { finding: "foreign", when: { process: ["none"], data: ["foreign"] }, state: "refused" },
  { finding: "unusable", when: { process: ["none"], data: ["unusable"] }, state: "refused" },
  { finding: "stopped", when: { process: ["none"], data: ["clean"] }, state: "stopped" },
  { finding: "crashed", when: { process: ["none"], data: ["crashed"] }, state: "stopped" },
  // Neither a process nor a directory can be asked: nothing may be begun.
  { finding: "unreachable", when: { process: ["none"] }, state: "unresponsive" },
  { finding: "frozen", when: { process: ["frozen"] }, state: "unresponsive" },
  { finding: "elsewhere", when: { process: RUNS, door: ["other"] }, state: "unresponsive" },
  // A hung postmaster answers on old connections for as long as they last.
  {
    finding: "deaf",
    when: { process: RUNS, kept: ["answers"], fresh: ["silent"] },
    state: "unresponsive",
  },
  {
    finding: "stopping",
    when: { process: RUNS, kept: ["answers"], phase: ["stopping"] },
    state: "answers",
  },
  {
    finding: "crowded",
    when: { process: RUNS, kept: ["answers"], fresh: ["crowded"] },
    state: "answers",
  },
  { finding: "answers", when: { process: RUNS, kept: ["answers"] }, state: "answers" },
  { finding: "silent", when: { process: RUNS, kept: ["silent"] }, state: "unresponsive" },
  { finding: "answers", when: { process: RUNS, fresh: ["answers"] }, state: "answers" },
  { finding: "silent", when: { process: RUNS, fresh: ["silent"] }, state: "unresponsive" },
  // Only a living server says that it has too many connections.
  { finding: "crowded", when: { process: RUNS, fresh: ["crowded"] }, state: "as_before" },
  { finding: "denied", when: { process: RUNS, fresh: ["denied"] }, state: "unresponsive" },
  { finding: "failing", when: { process: RUNS, fresh: ["failed"] }, state: "unresponsive" },
  { finding: "stopping", when: { process: RUNS, phase: ["stopping"] }, state: "starting" },
  { finding: "replaying", when: { process: RUNS, phase: ["replaying"] }, state: "starting" },
  { finding: "starting", when: {}, state: "starting" },
] as const satisfies readonly LookRule[];

interface LookRule {
  readonly finding: string;
  readonly when: { readonly [F in keyof LookFacts]?: readonly LookFacts[F][] };
  readonly state:
    | "absent"
    | "refused"
    | "stopped"
    | "starting"
    | "unresponsive"
    | "answers"
    | "as_before";
}

/** What a look can find. */
export type Finding = (typeof LOOKS)[number]["finding"];

/** A row of the table. */
export type Look = (typeof LOOKS)[number];

/**
 * The row that applies.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const facts = {
 *   process: "running",
 *   phase: "ready",
 *   door: "own",
 *   kept: "answers",
 *   fresh: "silent",
 *   data: "unread",
 * } as const;
 * assert.equal(judgeLook(facts).finding, "deaf");
 * assert.equal(judgeLook({ ...facts, fresh: "untried" }).finding, "answers");
 * ```
 */
export function judgeLook(facts: LookFacts): Look {
  return LOOKS.find(({ when }) => fits(when, facts)) ?? LOOKS.at(-1)!;
}

/** Nothing was asked yet; a look changes what it learns. */
export const UNASKED: LookFacts = {
  process: "running",
  phase: "unknown",
  door: "own",
  kept: "none",
  fresh: "untried",
  data: "unread",
};

/**
 * What the failure of a new connection is called.
 *
 * 57P01 to 57P03: it shuts down, crashed, or cannot take connections now. 53300: too many of them.
 * 28xxx and 3D000: it does not let the agent in, or has no such database.
 */
export function freshOf({ kind, code }: SqlFailure): LookFacts["fresh"] {
  if (code?.startsWith("57P0")) return "cannot_now";
  if (code === "53300") return "crowded";
  if (code?.startsWith("28") || code === "3D000") return "denied";
  if (kind === "timeout") return "silent";
  return kind === "sql" ? "failed" : "refused";
}

/** The fact behind the last line of postmaster.pid. `replays`: the startup process says so. */
export function phaseOf(line: string, replays: boolean): LookFacts["phase"] {
  if (line === "stopping") return "stopping";
  if (replays || line === "standby") return "replaying";
  return line === "starting" || line === "ready" ? line : "unknown";
}

/**
 * The WAL segment that a startup process is replaying, by its title; null where it says nothing.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const title = "postgres: shop: startup recovering 000000020000000000000017";
 * assert.equal(replayedSegment(title), "000000020000000000000017");
 * assert.equal(replayedSegment("postgres: shop: startup waiting"), null);
 * ```
 */
export function replayedSegment(title: string): string | null {
  return / startup\s+(?:process\s+)?recovering ([0-9A-F]{24})/.exec(title)?.[1] ?? null;
}

function fits(when: LookRule["when"], facts: LookFacts): boolean {
  return (Object.keys(when) as (keyof LookFacts)[]).every((name) => {
    const allowed: readonly string[] | undefined = when[name];
    return allowed === undefined || allowed.includes(facts[name]);
  });
}
