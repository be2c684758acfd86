/**
 * What a batch has to have seen. A list that names something which never happened, or a run in
 * which something happened that no list names, makes the batch fail: either the simulator cannot
 * reach a part of the core, or nobody has thought about it.
 */
import { SERVER_RULES } from "../../src/core/server_rules.ts";
import { FAULTS } from "./faults.ts";
import type { Tally } from "./tally.ts";

const ACTIONS = [
  "initialise",
  "start_primary",
  "start_standby",
  "follow",
  "revoke",
  "prepare",
  "promote",
  "set_sync",
  "stop",
  "fence",
  "clone",
];

/** Everything of each kind, and nothing else of it, has to happen. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  fault: Object.keys(FAULTS),
  rule: SERVER_RULES.map(({ id }) => id),
  effect: [
    "persist",
    "send",
    "answer",
    "operate",
    "observe",
    "probe",
    "check_witnesses",
    "report",
    "progress",
  ],
  witnesses: ["reached", "not reached"],
  pair: ["alone as candidate", "alone as leader", "alone as follower", "commit given up"],
  action: ACTIONS,
  message: [
    "pre_vote",
    "pre_vote_answer granted",
    "pre_vote_answer denied",
    "vote",
    "vote_answer granted",
    "vote_answer denied",
    "heartbeat",
    "heartbeat_answer",
    "confirm",
    "confirm_answer",
    "handover",
    "resigned",
    "noted",
    "denied",
    "duplicate",
  ],
  operator: ["running", "succeeded", "failed", "refused", "unaccepted"],
  forced: ["none", "possible"],
  decision: [
    ...ACTIONS.flatMap((action) => [`${action} done`, `${action} failed`]),
    "handover started",
    "handover failed",
    "handover done",
    "campaign started",
    "campaign failed",
    "pre_vote failed",
    "elected done",
    "force started",
    "forced done",
    "possible_loss noted",
    "resume started",
    "step_down done",
    "follow noted",
    "leader_resigned noted",
    "leader_gone noted",
    "leader_lost noted",
    "agent_silent noted",
    "alone done",
    "together done",
    "memory started",
    "members started",
    "vote granted",
    "vote denied",
    "electable started",
    "server_died noted",
    "resign done",
    "primary done",
    "restarted done",
    "restart_in_place started",
    "switchover failed",
    "phase preparing",
    "phase claiming",
    "phase promoting",
    "phase publishing",
    "phase leading",
    "phase burying",
    "phase restarting",
    "phase switching",
  ],
  /** Endings of actions that differ from plain success. */
  ending: ACTIONS.filter((action) => action !== "initialise").flatMap((action) => [
    `${action} fails`,
    `${action} late`,
    `${action} after`,
  ]),
  members: ["more", "fewer"],
  /** Elections that may lose commits, and commits that were lost by one. */
  loss: ["reported", "nobody knows", "commit"],
  server: [
    "zombie walsender holds the slot",
    "agent ended by a full disk",
    "state file lost",
    "ended by its guardian",
  ],
};

/**
 * What a thousand storms of a minute may do without: it needs two rare things to meet, or one to
 * last for longer than such a storm. Batches of whole storms have to see it all the same.
 */
export const RARE_IN_SHORT_STORMS: readonly string[] = [
  "rule: blocked",
  "rule: follow-again",
  "decision: handover failed",
  "ending: stop fails",
  "ending: stop late",
  "ending: stop after",
];

/** Kinds of which more may happen than is listed. */
const OPEN_KINDS: readonly string[] = ["ending"];

/**
 * What is wrong with a batch's coverage, one line each; empty where nothing is. What is `excused`
 * may be missing.
 */
export function coverageGaps(
  tally: Pick<Tally, "counts">,
  excused: readonly string[] = [],
): string[] {
  const gaps: string[] = [];
  for (const [kind, names] of Object.entries(EXPECTED)) {
    for (const name of names) {
      const key = `${kind}: ${name}`;
      if (!tally.counts.has(key) && !excused.includes(key)) {
        gaps.push(`${kind} never happened: ${name}`);
      }
    }
    if (OPEN_KINDS.includes(kind)) continue;
    for (const key of tally.counts.keys()) {
      if (!key.startsWith(`${kind}: `)) continue;
      const name = key.slice(kind.length + 2);
      if (!names.includes(name)) gaps.push(`${kind} is in no list of coverage.ts: ${name}`);
    }
  }
  return gaps.sort();
}

/** The counts as a table, kind by kind. */
export function coverageTable(tally: Pick<Tally, "counts">): string {
  const kinds = new Map<string, [string, number][]>();
  for (const [key, count] of [...tally.counts].sort(([a], [b]) => a < b ? -1 : 1)) {
    const [kind = "", ...rest] = key.split(": ");
    const entries = kinds.get(kind) ?? [];
    kinds.set(kind, entries);
    entries.push([rest.join(": "), count]);
  }
  return [...kinds].map(([kind, entries]) =>
    `${kind}:\n${
      entries.map(([name, count]) => `  ${String(count).padStart(9)}  ${name}`).join("\n")
    }`
  ).join("\n");
}
