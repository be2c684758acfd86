/**
 * A voter bears with a leader for the lease and the margin, and longer only while its record says
 * that a standby holds every commit, and then not past the limit. Its router stops a margin earlier.
 */
import type { State } from "../../../src/core/state.ts";
import { localMs } from "../clock.ts";
import { routesTo } from "../hosts.ts";
import { breach, type Checker, type World } from "../world.ts";

function limitMs({ durable, settings }: State, leaseMs: number): number {
  const covered = (durable.record?.required ?? 0) >= 1;
  const { agentSilenceMs, pair } = settings;
  const patientMs = Math.min(agentSilenceMs, pair?.failoverDelayMs ?? Infinity);
  return covered ? Math.max(leaseMs, patientMs) : leaseMs;
}

/** Looks at promises when they are given, and at routes now and then. */
export function patienceChecker(world: World): Checker {
  const name = "4 patience";
  return {
    name,
    stepped(host) {
      const { state } = host.agent!;
      const { promise, role, settings } = state;
      if (role.kind !== "follower" || role.leader === null || promise === null) return;
      const spanMs = promise.untilMs - role.heardAtMs;
      if (spanMs <= limitMs(state, settings.leaseMs + settings.fenceMarginMs) + 0.001) return;
      breach(world, name, `${host.name} bears with ${role.leader} for ${Math.round(spanMs)} ms`);
    },
    looked() {
      for (const host of world.hosts) {
        if (host.agent === null || routesTo(world, host) === null) continue;
        const { state } = host.agent;
        const { role, settings } = state;
        if (role.kind !== "follower") continue;
        const silentMs = localMs(host.clock, world.nowMs) - role.heardAtMs;
        const patientMs = limitMs(state, 0) - settings.fenceMarginMs;
        if (silentMs <= Math.max(settings.leaseMs, patientMs)) continue;
        breach(world, name, `the router of ${host.name} trusts ${role.leader} for too long`);
      }
    },
  };
}
