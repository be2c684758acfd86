/**
 * What the health paths depend on, from the core's state.
 *
 * @module
 */
import type { HealthFacts } from "../coordination/health_paths.ts";
import { isDataMember } from "../core/members.ts";
import { includesInstance } from "../core/record.ts";
import type { State } from "../core/state.ts";
import { describe } from "../core/view.ts";
import { lagBytes } from "./snapshot.ts";

/**
 * The facts at `nowMs`.
 *
 * @param maximumLagBytes how far a standby's replay may lag; null: by any amount
 */
export function healthFacts(
  state: State,
  nowMs: number,
  maximumLagBytes: number | null,
): HealthFacts {
  const { role } = state;
  const stream = streamOf(state);
  return {
    server: serverOf(state),
    lease: leaseOf(state, nowMs),
    stream,
    // Who left the stream may have missed commits since.
    commits: stream === "streaming" ? commitsOf(state) : "unknown",
    lag: maximumLagBytes === null ? "unlimited" : lagOf(state, nowMs, maximumLagBytes),
    loop: nowMs - state.nowMs > stuckAfterMs(state, role.kind === "leader") ? "stuck" : "turning",
  };
}

/** The loop wakes up at least once a second; a leader that does not cannot renew its lease. */
function stuckAfterMs({ settings }: State, leads: boolean): number {
  return leads ? settings.leaseMs : 2 * settings.leaseMs;
}

function serverOf(state: State): HealthFacts["server"] {
  if (!isDataMember(state, state.settings.self)) return "none";
  switch (state.server?.state) {
    case "primary":
    case "standby":
    case "unresponsive":
      return state.server.state;
    default:
      return "down";
  }
}

function leaseOf(state: State, nowMs: number): HealthFacts["lease"] {
  const { role, settings } = state;
  if (role.kind !== "leader" || role.leaseUntilMs === null || nowMs >= role.leaseUntilMs) {
    return "none";
  }
  return describe(state, nowMs).route?.node === settings.self ? "serving" : "held";
}

function streamOf({ server, role }: State): HealthFacts["stream"] {
  if (server?.state !== "standby" || role.kind !== "follower") return "detached";
  return server.streamingFrom !== null && server.streamingFrom === role.leader
    ? "streaming"
    : "detached";
}

function commitsOf({ server, durable, settings }: State): HealthFacts["commits"] {
  const { record } = durable;
  if (server?.state !== "standby" || server.incarnation === null || record === null) {
    return "unknown";
  }
  const own = { node: settings.self, incarnation: server.incarnation };
  if (record.required === 0 || !includesInstance(record.electable, own)) return "unknown";
  return record.required >= record.electable.length ? "every" : "quorum";
}

function lagOf(state: State, nowMs: number, maximumLagBytes: number): HealthFacts["lag"] {
  const { role, settings } = state;
  const bytes = lagBytes(state);
  const isHeard = role.kind !== "follower" || nowMs < role.heardAtMs + settings.leaseMs;
  if (bytes === null || !isHeard) return "unknown";
  return bytes <= maximumLagBytes ? "within" : "beyond";
}
