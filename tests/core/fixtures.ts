/**
 * A cluster of three, a, b and c, as one of its members sees it; each test says what is different.
 */
import type { Durable, Effect } from "../../src/core/effect.ts";
import type { Event } from "../../src/core/event.ts";
import type { CandidateClaim, Request } from "../../src/core/message.ts";
import {
  type ClusterRecord,
  fingerprint,
  type Instance,
  type NodeName,
} from "../../src/core/record.ts";
import type { AttachedStandby, ServerObservation } from "../../src/core/server.ts";
import type { Settings } from "../../src/core/settings.ts";
import { initialState } from "../../src/core/initial.ts";
import type { LeaderRole, State } from "../../src/core/state.ts";
import { step } from "../../src/core/step.ts";
import { settingsFor } from "./world.ts";

export const SYSTEM = "7000000000000000001";
export const NAMES: readonly NodeName[] = ["a", "b", "c"];
export const MEMBERS = settingsFor(NAMES, "a").members;
export const FINGERPRINT = fingerprint(MEMBERS);

/** The data directory of a node; its `generation` grows with every clone. */
export function inst(node: NodeName, generation = 1): Instance {
  return { node, incarnation: `${node}${`${generation}`.padStart(7, "0")}` };
}

/** Node a leads term 1 on timeline 1; b and c are electable. */
export function recordOf(change: Partial<ClusterRecord> = {}): ClusterRecord {
  return {
    term: 1,
    seq: 4,
    members: MEMBERS,
    systemIdentifier: SYSTEM,
    leader: inst("a"),
    timeline: 1,
    startLsn: 0n,
    electable: [inst("b"), inst("c")],
    required: 1,
    ...change,
  };
}

export function durableOf(change: Partial<Durable> = {}): Durable {
  return {
    term: 1,
    votedFor: "a",
    record: recordOf(),
    resignedTerm: 0,
    admitted: true,
    memory: "0000000a",
    ...change,
  };
}

type Running<S extends ServerObservation["state"]> = ServerObservation & { readonly state: S };

export function standbyServer(
  node: NodeName,
  change: Partial<Running<"standby">> = {},
): Running<"standby"> {
  return {
    state: "standby",
    incarnation: inst(node).incarnation,
    systemIdentifier: SYSTEM,
    position: { timeline: 1, lsn: 100n },
    replayedLsn: 100n,
    streamingFrom: null,
    following: null,
    replayPaused: false,
    ...change,
  };
}

export function primaryServer(
  node: NodeName,
  change: Partial<Running<"primary">> = {},
): Running<"primary"> {
  return {
    state: "primary",
    incarnation: inst(node).incarnation,
    systemIdentifier: SYSTEM,
    timeline: 1,
    insertLsn: 100n,
    standbys: [attachedAs("b"), attachedAs("c")],
    sync: { names: [inst("b"), inst("c")], required: 1 },
    ...change,
  };
}

export function stoppedServer(
  node: NodeName,
  change: Partial<Running<"stopped">> = {},
): Running<"stopped"> {
  return {
    state: "stopped",
    incarnation: inst(node).incarnation,
    systemIdentifier: SYSTEM,
    wasPrimary: false,
    cleanly: false,
    checkpoint: { timeline: 1, lsn: 90n },
    ...change,
  };
}

export function attachedAs(
  node: NodeName,
  change: Partial<AttachedStandby> = {},
): AttachedStandby {
  return { ...inst(node), state: "streaming", flushedLsn: 100n, replayedLsn: 100n, ...change };
}

/** A node that started long ago: no promise holds it, and nothing is under way. */
export function stateOf(
  self: NodeName,
  change: Partial<State> = {},
  settings: Partial<Settings> = {},
): State {
  const told = settingsFor(NAMES, self, settings);
  const durable = durableOf();
  const record = durable.record === null ? null : { ...durable.record, members: told.members };
  const fresh = initialState({
    settings: told,
    durable: { ...durable, record },
    nowMs: 0,
    seed: 1,
  });
  return {
    ...fresh,
    nowMs: 100_000,
    operateAtMs: 0,
    streamedAtMs: 100_000,
    server: standbyServer(self),
    promise: null,
    role: { ...fresh.role, campaignAtMs: Infinity } as State["role"],
    ...change,
  };
}

/** Node a as the leader of term 1, serving, its record committed and acknowledged by all. */
export function leaderOf(change: Partial<LeaderRole> = {}): LeaderRole {
  const acked = (node: NodeName) => ({
    ackedSentAtMs: 100_000,
    persisted: { term: 1, seq: 4 },
    admitted: true,
    lost: null,
    memory: null,
    heardSentAtMs: 100_000,
    proposes: FINGERPRINT,
    instance: inst(node),
  });
  return {
    kind: "leader",
    phase: "leading",
    phaseSinceMs: 50_000,
    votes: ["a", "b", "c"],
    peers: { b: acked("b"), c: acked("c") },
    leaseUntilMs: 103_000,
    electedDeadlineMs: 53_000,
    nextHeartbeatAtMs: 100_500,
    published: [recordOf()],
    committed: { term: 1, seq: 4 },
    adopted: null,
    sync: { setting: { names: [inst("b"), inst("c")], required: 1 }, barrierLsn: 50n },
    pendingSync: null,
    answeredAtMs: 100_000,
    seenAtMs: { [inst("b").incarnation]: 100_000, [inst("c").incarnation]: 100_000 },
    switchover: null,
    possibleLoss: null,
    retryAtMs: 0,
    alone: false,
    ...change,
  };
}

/** The state of node a while it serves as the leader of term 1. */
export function leaderState(role: Partial<LeaderRole> = {}, change: Partial<State> = {}): State {
  return stateOf("a", { server: primaryServer("a"), role: leaderOf(role), ...change });
}

export function claimOf(node: NodeName, change: Partial<CandidateClaim> = {}): CandidateClaim {
  return {
    fingerprint: FINGERPRINT,
    term: 2,
    instance: inst(node),
    systemIdentifier: SYSTEM,
    record: recordOf(),
    position: { timeline: 1, lsn: 100n },
    priority: 100,
    handover: null,
    forced: false,
    ...change,
  };
}

export function heartbeatOf(
  change: Partial<Request & { readonly type: "heartbeat" }> = {},
): Request & { readonly type: "heartbeat" } {
  return {
    type: "heartbeat",
    fingerprint: FINGERPRINT,
    term: 1,
    leaseMs: 3000,
    record: recordOf(),
    writable: true,
    yielding: false,
    alone: false,
    admit: false,
    contact: { host: "a", port: 5432 },
    insertLsn: 100n,
    ...change,
  };
}

/** A request of `from`, as exchange 9. */
export function request(from: NodeName, message: Request, nowMs = 100_000): Event {
  return { type: "request", nowMs, exchange: 9, from, message };
}

/** Takes events in one after the other; the effects are those of the last one. */
export function take(
  state: State,
  ...events: readonly Event[]
): { state: State; effects: readonly Effect[] } {
  let effects: readonly Effect[] = [];
  for (const event of events) ({ state, effects } = step(state, event));
  return { state, effects };
}

/** The effects without what is only told to people. */
export function deeds(effects: readonly Effect[]): readonly Effect[] {
  return effects.filter((effect) => effect.type !== "report");
}

/** The answer to exchange 9, or undefined where there is none. */
export function answerIn(effects: readonly Effect[]) {
  const found = effects.find((effect) => effect.type === "answer" && effect.exchange === 9);
  return found?.type === "answer" ? found.message : undefined;
}

/** The actions asked of the local server. */
export function actionsIn(effects: readonly Effect[]) {
  return effects.flatMap((effect) => effect.type === "operate" ? [effect.action] : []);
}
