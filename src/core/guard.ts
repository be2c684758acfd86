/**
 * What the guardian is told: a process beside the agent that ends PostgreSQL when the agent no
 * longer can. (docs/consensus.md, "Guardian")
 *
 * @module
 */
import { silenceLimitMs } from "./lease.ts";
import { membersOf } from "./members.ts";
import { mayGoOnAlone } from "./pair.ts";
import type { ServerAction } from "./server.ts";
import type { LeaderRole, State } from "./state.ts";

/** An order to the guardian. */
export type GuardOrder =
  /** PostgreSQL is, or may become, a primary here, and may be one until then without the agent. */
  | {
    readonly kind: "hold";
    readonly untilMs: number;
    /** True once a majority stands behind it: only then may an older order be forgotten. */
    readonly confirmed: boolean;
  }
  /** Nothing is known that would change the last order. */
  | { readonly kind: "keep" }
  /** There is no primary here. */
  | { readonly kind: "release" };

/** Actions under way that make the last observation of the server worthless. */
const OPENING: readonly ServerAction["type"][] = [
  "initialise",
  "start_primary",
  "promote",
  "fence",
];

/** What the guardian has to do while nothing else is heard from this agent. */
export function guardOrder(state: State): GuardOrder {
  const { role, server, operation, settings, durable } = state;
  const rivals = membersOf(state).some((member) =>
    member.kind === "data" && member.name !== settings.self
  );
  if (!rivals) return { kind: "release" };
  if (role.kind === "leader") {
    return {
      kind: "hold",
      untilMs: guardUntilMs(state, role),
      confirmed: role.leaseUntilMs !== null,
    };
  }
  const closed = server?.state === "standby" || server?.state === "stopped" ||
    server?.state === "absent";
  const opening = operation !== null && OPENING.includes(operation.action.type);
  // A promotion, or a start, that was given up, or begun by an agent before this one, may still come
  // to its end.
  const announced = (server?.state === "standby" || server?.state === "stopped") &&
    durable.record?.timeline === 0 && durable.record.leader.node === settings.self;
  return closed && !opening && !announced ? { kind: "release" } : { kind: "keep" };
}

/**
 * How long a leader's PostgreSQL may run without its agent: for the lease, or, where no election can
 * cost a commit, for as long as the others bear with a silent agent, less the margin.
 */
function guardUntilMs(state: State, role: LeaderRole): number {
  const { settings } = state;
  const { leaseUntilMs, electedDeadlineMs, published } = role;
  if (leaseUntilMs === null) return electedDeadlineMs;
  // One of a pair goes on alone when its lease lapses, not before: its agent has to be faster than
  // its guardian. The other waits for the whole margin.
  const lapseMs = mayGoOnAlone(state, role, leaseUntilMs)
    ? leaseUntilMs + settings.fenceMarginMs / 2
    : leaseUntilMs;
  // Covered by standbys, or solo: then nobody else may be elected at all.
  const safe = published.every(({ required, electable }) =>
    required >= 1 || electable.length === 0
  );
  // One of a pair that acts alone has not asked whether the other acts as well.
  if (!safe || role.alone || settings.durability === "async") return lapseMs;
  const agreedAtMs = leaseUntilMs - settings.leaseMs;
  return Math.max(lapseMs, agreedAtMs + silenceLimitMs(settings) - settings.fenceMarginMs);
}
