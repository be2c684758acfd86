/**
 * What a node that does not lead does next with its own PostgreSQL: a table.
 *
 * Facts are computed once from the state; the first row that matches decides; the last row holds.
 * A leader's server is steered by its phases instead (phases.ts), with one exception that stands
 * first here: a primary without leadership is fenced, whatever else is going on.
 *
 * @module
 */
import { isForcing } from "./force.ts";
import { canStartDirectly } from "./phases.ts";
import { isRecordLeader, ownSystemIdentifier } from "./local.ts";
import { hasMember, isDataMember, membersOf } from "./members.ts";
import { isVirgin } from "./record.ts";
import type { ServerAction } from "./server.ts";
import type { State } from "./state.ts";
import { drawIncarnation, operate, type Turn } from "./turn.ts";

/** How long a standby may follow without streaming before its history is compared again. */
const STREAM_PATIENCE_MS = 15_000;

/** What the table looks at: every fact is one of these values. */
export const SERVER_FACTS = {
  /**
   * attach: a leader is writable; wait: there is none to attach to; force: nor is there, and an
   * operator wants this node to lead; lead: the phases decide.
   */
  duty: ["none", "lead", "campaign", "attach", "wait", "force", "first_start"],
  server: [
    "unknown",
    "absent",
    "refused",
    "stopped_primary",
    "stopped_leader",
    "stopped_standby",
    "starting",
    "unresponsive",
    "standby_attached",
    "standby_silent",
    "standby_elsewhere",
    "primary",
  ],
  busy: ["no", "yes", "fencing"],
  rejoin: ["follow", "clone", "blocked"],
  cluster: ["same", "foreign"],
  waiting: ["no", "backoff"],
} as const;

/** One value of each of {@linkcode SERVER_FACTS}. */
export type ServerFacts = {
  readonly [F in keyof typeof SERVER_FACTS]: (typeof SERVER_FACTS)[F][number];
};

/** What a row may ask for. */
export type ServerChoice = "hold" | "fence" | "start_standby" | "follow" | "clone";

interface ServerRule {
  readonly id: string;
  readonly when: { readonly [F in keyof ServerFacts]?: readonly ServerFacts[F][] };
  readonly then: ServerChoice;
  readonly because: string;
}

/** The table. `because` is the log line, and what `status` shows. */
export const SERVER_RULES = [
  {
    id: "witness",
    when: { duty: ["none"] },
    then: "hold",
    because: "a witness has no PostgreSQL",
  },
  {
    id: "phases",
    when: { duty: ["lead"] },
    then: "hold",
    because: "this node leads",
  },
  {
    id: "fencing",
    when: { busy: ["fencing"] },
    then: "hold",
    because: "PostgreSQL is being fenced",
  },
  {
    id: "first-start",
    when: { duty: ["first_start"] },
    then: "hold",
    because: "the cluster has not been started yet",
  },
  {
    id: "fence-primary",
    when: { server: ["primary"], waiting: ["no"] },
    then: "fence",
    because: "PostgreSQL runs as primary, and this node does not hold the lease",
  },
  {
    id: "fence-failed",
    when: { server: ["primary"] },
    then: "hold",
    because: "PostgreSQL runs as primary without the lease and could not be fenced yet",
  },
  {
    id: "busy",
    when: { busy: ["yes"] },
    then: "hold",
    because: "an action is under way",
  },
  {
    id: "campaign",
    when: { duty: ["campaign"] },
    then: "hold",
    because: "this node asks to be elected",
  },
  {
    id: "refused",
    when: { server: ["unknown", "refused", "starting", "unresponsive"] },
    then: "hold",
    because: "the local server is not in a state that could be acted upon",
  },
  {
    id: "foreign",
    when: { cluster: ["foreign"] },
    then: "hold",
    because: "the data directory belongs to another cluster; move it away to have it cloned anew",
  },
  {
    id: "blocked",
    when: { rejoin: ["blocked"] },
    then: "hold",
    because: "this node cannot come back by itself",
  },
  {
    id: "backoff",
    when: { waiting: ["backoff"] },
    then: "hold",
    because: "the last action failed and is tried again soon",
  },
  {
    id: "streaming",
    when: { duty: ["attach"], server: ["standby_attached"], rejoin: ["follow"] },
    then: "hold",
    because: "it follows the leader",
  },
  {
    id: "clone-empty",
    when: { duty: ["attach"], server: ["absent"] },
    then: "clone",
    because: "there is no data directory here, and the leader has one",
  },
  {
    id: "stop-to-clone",
    when: {
      duty: ["attach"],
      server: ["standby_attached", "standby_silent", "standby_elsewhere"],
      rejoin: ["clone"],
    },
    then: "fence",
    because: "the local WAL left the leader's history, so the server makes room for a clone",
  },
  {
    id: "clone-diverged",
    when: { duty: ["attach"], rejoin: ["clone"] },
    then: "clone",
    because: "the local WAL left the leader's history",
  },
  {
    id: "follow-again",
    when: { duty: ["attach"], server: ["standby_silent"] },
    then: "follow",
    because: "it should stream from the leader and does not: its history is compared again",
  },
  {
    id: "follow",
    when: { duty: ["attach"] },
    then: "follow",
    because: "a leader is writable, and this server does not stream from it",
  },
  {
    id: "show-position",
    when: { duty: ["wait", "force"], server: ["stopped_standby", "stopped_leader"] },
    then: "start_standby",
    because: "only a running standby knows its position, which an election asks for",
  },
  {
    id: "show-position-by-force",
    when: { duty: ["force"], server: ["stopped_primary"] },
    then: "start_standby",
    because:
      "an operator forces this node, which was a primary once, and its position has to be known",
  },
  {
    id: "hold",
    when: {},
    then: "hold",
    because: "nothing to do until a leader is there",
  },
] as const satisfies readonly ServerRule[];

/** The row of {@linkcode SERVER_RULES} that applies. */
export function serverRule(facts: ServerFacts): ServerRule {
  const rules: readonly ServerRule[] = SERVER_RULES;
  return rules.find((rule) => matches(rule.when, facts)) ?? rules.at(-1)!;
}

/** Reads the facts off the state. */
export function serverFacts(state: State, nowMs: number): ServerFacts {
  const { operation, rejoin, durable } = state;
  const own = ownSystemIdentifier(state);
  const expected = durable.record?.systemIdentifier ?? null;
  return {
    duty: duty(state),
    server: serverFact(state, nowMs),
    busy: operation === null ? "no" : operation.action.type === "fence" ? "fencing" : "yes",
    rejoin: rejoin.kind,
    cluster: own !== null && expected !== null && own !== expected ? "foreign" : "same",
    waiting: nowMs < state.operateAtMs ? "backoff" : "no",
  };
}

/** Applies the table; called at every turn of a node that does not lead. */
export function tendServer(turn: Turn): void {
  const { then } = serverRule(serverFacts(turn.state, turn.nowMs));
  if (then === "hold") return;
  const action = actionFor(turn, then);
  if (action !== null) operate(turn, action);
}

function actionFor(turn: Turn, choice: Exclude<ServerChoice, "hold">): ServerAction | null {
  if (choice === "fence") return { type: "fence" };
  if (choice === "start_standby") return { type: "start_standby" };
  const { role } = turn.state;
  if (role.kind !== "follower" || role.leader === null || role.leaderContact === null) return null;
  const upstream = { node: role.leader, ...role.leaderContact };
  return choice === "follow"
    ? { type: "follow", upstream }
    : { type: "clone", incarnation: drawIncarnation(turn), upstream };
}

function duty(state: State): ServerFacts["duty"] {
  const { role, settings, durable } = state;
  // Who is no member goes by its configuration: a primary is fenced all the same.
  const { members } = settings;
  const hasData = hasMember(membersOf(state), settings.self)
    ? isDataMember(state, settings.self)
    : members.some(({ name, kind }) => name === settings.self && kind === "data");
  if (!hasData) return "none";
  if (role.kind === "leader") return "lead";
  // A server that ran before metako came is taken over as it is, not fenced for want of a record.
  if (role.kind === "candidate") return isVirgin(durable.record) ? "first_start" : "campaign";
  if (role.leader !== null && role.writable) {
    // Without its state it may have forgotten a vote, and that it was revoked for it: a leader of
    // an older term must not have WAL acknowledged by it.
    return durable.admitted ? "attach" : "wait";
  }
  if (isVirgin(durable.record)) return "first_start";
  return isForcing(state) ? "force" : "wait";
}

function serverFact(state: State, nowMs: number): ServerFacts["server"] {
  const { server, role, durable } = state;
  if (server === null) return "unknown";
  switch (server.state) {
    case "stopped":
      if (!server.wasPrimary) return "stopped_standby";
      return isRecordLeader(state) && !canStartDirectly(state, durable.record?.timeline ?? null)
        ? "stopped_leader"
        : "stopped_primary";
    case "standby": {
      const leader = role.kind === "follower" ? role.leader : null;
      if (leader === null || server.following !== leader) return "standby_elsewhere";
      return nowMs - state.streamedAtMs < STREAM_PATIENCE_MS
        ? "standby_attached"
        : "standby_silent";
    }
    default:
      return server.state;
  }
}

function matches(when: ServerRule["when"], facts: ServerFacts): boolean {
  const names = Object.keys(when) as (keyof ServerFacts)[];
  return names.every((name) => {
    const allowed: readonly string[] | undefined = when[name];
    return allowed === undefined || allowed.includes(facts[name]);
  });
}
