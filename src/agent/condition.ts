/**
 * How this node's PostgreSQL is, in one word: a table.
 *
 * What a look found (postgres/look.ts), what the agent is doing, the lease and the disks are put into a few words each; the first row of {@linkcode CONDITIONS} that fits them is the
 * condition. Its name, reason and remedy are the same in `status`, in `/metrics` and in the log, and
 * docs/operations/health.md has a paragraph for each.
 *
 * @module
 */

import type { ConditionFacts } from "./condition_facts.ts";

interface ConditionRule {
  readonly name: string;
  readonly when: { readonly [F in keyof ConditionFacts]?: readonly ConditionFacts[F][] };
  /** good: as it should be; passing: it ends by itself; bad: somebody has to look. */
  readonly level: "good" | "passing" | "bad";
  readonly because: string;
  /** What to do; empty where nothing is to be done. */
  readonly remedy: string;
}

/** The table; the first row that fits decides. */
export const CONDITIONS = [
  {
    name: "undecided",
    when: { memory: ["unwritten"] },
    level: "bad",
    because: "the agent cannot write its state file, so it decides nothing and answers no member",
    remedy: "make room on the disk of state_dir, or repair it; the agent goes on by itself",
  },
  {
    name: "votes_only",
    when: { server: ["none"] },
    level: "good",
    because: "a witness has no PostgreSQL",
    remedy: "",
  },
  {
    name: "fence_failed",
    when: { ended: ["fence_failed"], server: ["primary", "frozen", "silent", "deaf", "orphaned"] },
    level: "bad",
    because: "PostgreSQL has to be ended here and cannot be",
    remedy: "kill its processes with SIGKILL, or cut this host off; it may still take writes",
  },
  {
    name: "fencing",
    when: { doing: ["fencing"] },
    level: "passing",
    because: "PostgreSQL and all its backends are being ended",
    remedy: "",
  },
  {
    name: "creating",
    when: { doing: ["creating"] },
    level: "passing",
    because: "the cluster's first data directory is being made",
    remedy: "",
  },
  {
    name: "copy_stalled",
    when: { doing: ["cloning", "rewinding"], copy: ["stands"] },
    level: "bad",
    because: "the primary's data are being copied here, and nothing has come for a minute or more",
    remedy:
      "look at the network to the primary and at the disks of both; metako reinit, with this " +
      "node's name, ends this copy and begins anew",
  },
  {
    name: "cloning",
    when: { doing: ["cloning"] },
    level: "passing",
    because: "the primary's data are being copied here",
    remedy: "",
  },
  {
    name: "rewinding",
    when: { doing: ["rewinding"] },
    level: "passing",
    because: "what the primary never had is being taken back here",
    remedy: "",
  },
  {
    name: "orphaned",
    when: { server: ["orphaned"] },
    level: "bad",
    because: "PostgreSQL runs without its files",
    remedy: "none, where the agent manages it: it is ended, and the node comes back",
  },
  {
    name: "slow",
    when: { server: ["silent", "deaf"], silence: ["brief"] },
    level: "passing",
    because: "PostgreSQL did not answer in time just now",
    remedy: "",
  },
  {
    name: "hung",
    when: { server: ["frozen", "silent"] },
    level: "bad",
    because: "PostgreSQL is there and answers nothing",
    remedy: "look for a stopped process or a disk that does not answer; a primary is replaced as " +
      "soon as a standby can take over, a standby is restarted",
  },
  {
    name: "not_answering",
    when: { server: ["deaf"] },
    level: "bad",
    because: "PostgreSQL answers on old connections and takes no new ones",
    remedy: "look at its postmaster process; a primary is replaced as soon as a standby can take " +
      "over, a standby is restarted",
  },
  {
    name: "unreachable",
    when: { server: ["unreachable"] },
    level: "bad",
    because: "nothing listens where PostgreSQL should be, and its files are not at hand",
    remedy: "start it, or correct local_db.host and local_db.port",
  },
  {
    name: "disk_full",
    when: { disk: ["full"] },
    level: "bad",
    because: "PostgreSQL has no room left to write",
    remedy: "make room, or enlarge the disk; a primary is replaced where a standby has room",
  },
  {
    name: "foreign",
    when: { server: ["foreign"] },
    level: "bad",
    because: "the data directory belongs to another cluster, and is left alone",
    remedy: "move it away to have it cloned anew, or correct local_db.data_dir",
  },
  {
    name: "needs_hands",
    when: { server: ["unusable", "elsewhere"] },
    level: "bad",
    because: "metako must not touch what is there",
    remedy: "do what the reason says, then restart the agent",
  },
  {
    name: "needs_hands",
    when: { rejoin: ["blocked"], lease: ["elsewhere"] },
    level: "bad",
    because: "this node cannot come back by itself",
    remedy: "do what the reason says, then restart the agent",
  },
  {
    name: "start_failing",
    when: { tries: ["failing"], server: ["stopped", "crashed", "absent", "unfinished"] },
    level: "bad",
    because: "PostgreSQL does not come up here, and is tried again more and more rarely",
    remedy: "do what the reason says; PostgreSQL's own log is state_dir/postgres/server.log",
  },
  {
    name: "login_refused",
    when: { server: ["denied"] },
    level: "bad",
    because: "PostgreSQL does not let the agent in",
    remedy: "correct local_db.username and password, or pg_hba.conf",
  },
  {
    name: "failing",
    when: { server: ["failing"] },
    level: "bad",
    because: "PostgreSQL answers new connections with an error",
    remedy: "do what its log says (state_dir/postgres/server.log)",
  },
  {
    name: "crowded",
    when: { server: ["crowded"] },
    level: "bad",
    because: "PostgreSQL has as many connections as it may, and refuses more",
    remedy: "end idle sessions, use a pool, or raise max_connections on all members",
  },
  {
    name: "stopping",
    when: { server: ["stopping"] },
    level: "passing",
    because: "PostgreSQL is shutting down",
    remedy: "",
  },
  {
    name: "stopping",
    when: { doing: ["stopping"], server: ["primary", "standby", "starting"] },
    level: "passing",
    because: "PostgreSQL is being shut down",
    remedy: "",
  },
  {
    name: "replaying",
    when: { server: ["replaying"] },
    level: "passing",
    because: "PostgreSQL replays its WAL and takes no connections yet",
    remedy: "",
  },
  {
    name: "starting",
    when: { server: ["starting"] },
    level: "passing",
    because: "PostgreSQL is starting",
    remedy: "",
  },
  {
    name: "starting",
    when: { doing: ["starting"], server: ["stopped", "crashed", "absent", "unfinished"] },
    level: "passing",
    because: "PostgreSQL is being started",
    remedy: "",
  },
  {
    name: "not_leading",
    when: { server: ["primary"], lease: ["elsewhere"] },
    level: "passing",
    because: "PostgreSQL runs as primary, and this node does not lead",
    remedy: "",
  },
  {
    name: "running",
    when: { server: ["primary"] },
    level: "good",
    because: "PostgreSQL runs as primary",
    remedy: "",
  },
  {
    name: "streaming",
    when: { server: ["standby"], stream: ["up"] },
    level: "good",
    because: "PostgreSQL follows the primary",
    remedy: "",
  },
  {
    name: "not_streaming",
    when: { server: ["standby"] },
    level: "passing",
    because: "PostgreSQL runs as standby and receives nothing",
    remedy: "",
  },
  {
    name: "fenced",
    when: { server: ["stopped", "crashed"], ended: ["by_agent"] },
    level: "passing",
    because: "the agent ended PostgreSQL; it comes back as soon as there is a primary to follow",
    remedy: "",
  },
  {
    name: "stopped",
    when: { server: ["stopped"] },
    level: "passing",
    because: "PostgreSQL was shut down in order",
    remedy: "",
  },
  {
    name: "crashed",
    when: { server: ["crashed"] },
    level: "passing",
    because: "PostgreSQL ended without shutting down",
    remedy: "",
  },
  {
    name: "copy_unfinished",
    when: { server: ["unfinished"] },
    level: "passing",
    because: "a copy or a rewind was interrupted here; the data directory is made anew",
    remedy: "",
  },
  {
    name: "no_data",
    when: { server: ["absent"] },
    level: "passing",
    because: "there is no data directory yet; it is copied as soon as there is a primary",
    remedy: "",
  },
  {
    name: "unknown",
    when: {},
    level: "passing",
    because: "PostgreSQL has not been looked at yet",
    remedy: "",
  },
] as const satisfies readonly ConditionRule[];

/** The names of the table, each once. */
export const CONDITION_NAMES = [...new Set(CONDITIONS.map(({ name }) => name))];

/** A row of the table. */
export type Condition = ConditionRule & { readonly name: (typeof CONDITIONS)[number]["name"] };

/**
 * The row that applies.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const healthy = {
 *   server: "primary",
 *   silence: "brief",
 *   doing: "nothing",
 *   copy: "moves",
 *   ended: "not",
 *   lease: "here",
 *   stream: "down",
 *   disk: "room",
 *   tries: "fine",
 *   rejoin: "open",
 *   memory: "written",
 * } as const;
 * assert.equal(judgeCondition(healthy).name, "running");
 * assert.equal(judgeCondition({ ...healthy, disk: "full" }).name, "disk_full");
 * ```
 */
export function judgeCondition(facts: ConditionFacts): Condition {
  const rules: readonly Condition[] = CONDITIONS;
  return rules.find(({ when }) => fits(when, facts)) ?? rules.at(-1)!;
}

function fits(when: ConditionRule["when"], facts: ConditionFacts): boolean {
  return (Object.keys(when) as (keyof ConditionFacts)[]).every((name) => {
    const allowed: readonly string[] | undefined = when[name];
    return allowed === undefined || allowed.includes(facts[name]);
  });
}
