/**
 * The core's state in the words of people and routers. Reads only; decides nothing.
 *
 * @module
 */
import { assertNever } from "./assert_never.ts";
import { cannotCampaign } from "./eligibility.ts";
import { isCovered, patienceUntilMs, silenceLimitMs } from "./lease.ts";
import { lossText } from "./loss.ts";
import { hasMember, isDataMember, membersOf } from "./members.ts";
import { membershipProblems } from "./membership.ts";
import type { Contact } from "./message.ts";
import { pairProblems } from "./pair.ts";
import { isVirgin, type NodeName } from "./record.ts";
import { standbyName } from "./server.ts";
import { serverFacts, serverRule } from "./server_rules.ts";
import { wantedStandbys } from "./standbys.ts";
import type { LeaderRole, State } from "./state.ts";
import { electabilities, type Electability, possibleLossBytes } from "./standing.ts";

/** Where writes go, as far as this node may believe it. */
export interface LeaderView {
  readonly node: NodeName;
  /** Null for this node itself. */
  readonly contact: Contact | null;
  /** On this node's monotonic clock: later than this the view is stale, and writes stop here. */
  readonly validUntilMs: number;
}

/** What `status` shows of the core. */
export interface View {
  readonly role: "primary" | "standby" | "candidate" | "witness" | "none";
  readonly phase: string;
  readonly term: number;
  readonly leader: NodeName | null;
  /** The writable leader; null while there is none that this node may send a write to. */
  readonly route: LeaderView | null;
  readonly routeBecause: string;
  readonly hasMajority: boolean;
  readonly leaseHolder: NodeName | null;
  readonly leaseUntilMs: number | null;
  readonly durability: string;
  /** Null on every node but the serving leader. */
  readonly electabilities: readonly Electability[] | null;
  /** What the next leader may lack, should this one be gone now; null where nobody can tell. */
  readonly possibleLossBytes: number | null;
  /** What is wrong, in words; empty where nothing is. */
  readonly problems: readonly string[];
}

/** Describes the state at `nowMs`. */
export function describe(state: State, nowMs: number): View {
  const leader = leaderName(state);
  const route = routeOf(state, nowMs);
  const lease = leaseOf(state);
  return {
    role: roleWord(state),
    phase: state.role.kind === "leader"
      ? state.role.phase
      : state.role.kind === "candidate"
      ? state.role.stage
      : serverRule(serverFacts(state, nowMs)).id,
    term: state.durable.term,
    leader,
    route,
    routeBecause: route === null ? noRouteBecause(state, nowMs) : "",
    hasMajority: lease.untilMs !== null && nowMs < lease.untilMs,
    leaseHolder: lease.untilMs === null ? null : lease.holder,
    leaseUntilMs: lease.untilMs,
    durability: durabilityText(state),
    electabilities: electabilities(state, nowMs),
    possibleLossBytes: possibleLossBytes(state),
    problems: problemsOf(state, nowMs),
  };
}

function leaderName(state: State): NodeName | null {
  const { role, settings } = state;
  if (role.kind === "leader") return settings.self;
  return role.kind === "follower" ? role.leader : null;
}

function leaseOf(state: State): { holder: NodeName | null; untilMs: number | null } {
  const { role, settings } = state;
  if (role.kind === "leader") return { holder: settings.self, untilMs: role.leaseUntilMs };
  if (role.kind === "follower" && role.leader !== null) {
    return { holder: role.leader, untilMs: role.heardAtMs + settings.leaseMs };
  }
  return { holder: null, untilMs: null };
}

/**
 * A follower sends writes on for as long as it bears with a silent agent, less the margin. What is
 * written there is on a standby as well, so that a wrong guess loses nothing.
 */
function routeUntilMs(state: State): number | null {
  const { role, settings } = state;
  const { untilMs } = leaseOf(state);
  if (role.kind !== "follower" || role.workingAtMs === null || untilMs === null) return untilMs;
  if (!isCovered(state)) return untilMs;
  const { workingAtMs, heardAtMs } = role;
  const patientMs = patienceUntilMs(settings, { workingAtMs, heardAtMs });
  const latestMs = heardAtMs + silenceLimitMs(settings) - settings.fenceMarginMs;
  return Math.max(untilMs, Math.min(patientMs, latestMs));
}

function routeOf(state: State, nowMs: number): LeaderView | null {
  const { role, settings } = state;
  const untilMs = routeUntilMs(state);
  if (untilMs === null || nowMs >= untilMs) return null;
  if (role.kind === "leader") {
    return role.phase === "leading"
      ? { node: settings.self, contact: null, validUntilMs: untilMs }
      : null;
  }
  if (role.kind !== "follower" || role.leader === null || !role.writable) return null;
  // Its own router holds what is new; those of the others do as well.
  if (role.yielding) return null;
  return { node: role.leader, contact: role.leaderContact, validUntilMs: untilMs };
}

/** The sentence of `status` for a node that has no leader. */
function waitingReason(state: State, nowMs: number): string {
  const { promise, durable, settings } = state;
  if (promise !== null && nowMs < promise.untilMs) {
    return `waits for ${promise.leader ?? "a leader"} until its promise is over`;
  }
  if (isVirgin(durable.record) && isDataMember(state, settings.self)) {
    return "the cluster has never been started: every member has to be there for its first start";
  }
  return "no leader";
}

function noRouteBecause(state: State, nowMs: number): string {
  const { role } = state;
  switch (role.kind) {
    case "leader":
      return role.switchover !== null
        ? `a switchover to ${role.switchover.to} is under way`
        : `${state.settings.self} was elected and is not writable yet (${role.phase})`;
    case "candidate":
      return "an election is under way";
    case "follower":
      if (role.leader === null) return waitingReason(state, nowMs);
      if (role.yielding && nowMs < role.heardAtMs + state.settings.leaseMs) {
        return `a switchover from ${role.leader} is under way`;
      }
      return nowMs < role.heardAtMs + state.settings.leaseMs
        ? `${role.leader} was elected and is not writable yet`
        : `${role.leader} has been silent for longer than its lease`;
    default:
      return assertNever(role);
  }
}

function roleWord(state: State): View["role"] {
  const { role, settings, server } = state;
  if (!hasMember(membersOf(state), settings.self)) return "none";
  if (!isDataMember(state, settings.self)) return "witness";
  if (role.kind === "leader") return role.phase === "leading" ? "primary" : "candidate";
  if (role.kind === "candidate") return "candidate";
  return server?.state === "standby" ? "standby" : "none";
}

function durabilityText(state: State): string {
  const { role } = state;
  if (role.kind !== "leader") return "";
  const { required, names } = role.sync.setting;
  const wanted = wantedStandbys(state);
  const lacking = required < wanted ? `, ${wanted} wanted` : "";
  if (required > 0) return `ANY ${required} (${names.map(standbyName).join(", ")})${lacking}`;
  if (state.settings.durability === "async") return "async";
  return wanted > 0 ? `none${lacking}` : "";
}

/** What too few attached standbys mean for writes; null where there are enough. */
function waitingForStandbys({ server }: State, role: LeaderRole): string | null {
  if (server?.state !== "primary") return null;
  const count = server.standbys.filter((standby) => standby.state === "streaming").length;
  const required = (role.pendingSync ?? role.sync.setting).required;
  if (count >= Math.max(1, required)) return null;
  if (count > 0) return `${count} of ${required} standbys are attached: writes wait for more`;
  return required === 0
    ? "no standby is attached: commits are on this node alone"
    : "no standby is attached: writes wait until one is";
}

function problemsOf(state: State, nowMs: number): string[] {
  const { role, durable, settings, server } = state;
  const problems: string[] = [];
  if (state.disagreement !== null) problems.push(state.disagreement);
  problems.push(...membershipProblems(state));
  if (server?.state === "refused" || server?.state === "unresponsive") {
    problems.push(server.because);
  }
  if (state.operationFailure !== null) {
    problems.push(`last action failed: ${state.operationFailure}`);
  }
  if (state.rejoin.kind === "blocked") problems.push(state.rejoin.because);
  problems.push(...pairProblems({ ...state, nowMs }));
  const facts = serverFacts(state, nowMs);
  const rule = serverRule(facts);
  if (rule.id === "fence-failed") problems.push(`${rule.because}; stop it by hand`);
  if (facts.cluster === "foreign") {
    problems.push(
      "the local data directory belongs to another cluster (its system identifier differs from " +
        `${durable.record?.systemIdentifier}); stop the agent, move the directory away, and start it ` +
        "again to have it cloned",
    );
  }
  if (!durable.admitted && durable.record !== null) {
    problems.push("this node lost its state file and does not vote until a leader takes it back");
  }
  if (role.kind === "leader") {
    const record = durable.record;
    const others = membersOf(state).some((member) =>
      member.kind === "data" && member.name !== settings.self
    );
    if (role.possibleLoss !== null) {
      problems.push(`since its election in term ${durable.term}, ${lossText(role.possibleLoss)}`);
    }
    if (role.phase === "leading" && others && record?.electable.length === 0) {
      problems.push("no standby may be elected yet: none is known to hold every commit");
    }
    const waiting = role.phase === "leading" && others ? waitingForStandbys(state, role) : null;
    if (waiting !== null) problems.push(waiting);
    for (const member of membersOf(state)) {
      if (member.name === settings.self) continue;
      const acked = role.peers[member.name]?.ackedSentAtMs ?? null;
      if (acked === null || nowMs - acked > settings.leaseMs) {
        problems.push(`${member.name} does not acknowledge heartbeats`);
      }
    }
    return problems;
  }
  if (role.kind === "follower" && role.workingAtMs !== null) {
    const silentMs = Math.round(nowMs - role.heardAtMs);
    problems.push(
      `the agent of ${role.leader} has been silent for ${silentMs} ms; its PostgreSQL works`,
    );
  }
  if (leaderName(state) === null) {
    problems.push(waitingReason(state, nowMs));
    const obstacle = cannotCampaign(state);
    if (obstacle !== null) problems.push(`this node cannot be elected: ${obstacle}`);
    else if (state.campaignFailure !== null) {
      problems.push(`its last campaign failed: ${state.campaignFailure}`);
    }
  }
  return problems;
}
