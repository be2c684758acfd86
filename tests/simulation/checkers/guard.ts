/**
 * Beside an agent that is dead or stands still, no server is a primary for longer than the guardian
 * may let it be one.
 */
import type { MemberEntry } from "../../../src/core/record.ts";
import { isPaused } from "../agent.ts";
import { breach, type Checker, type Host, hostOf, type World } from "../world.ts";

/**
 * Clocks run too slow by at most this part, a guardian that stood still has to wake up, and one
 * whose time is over has to see the server that a dead agent had still begun to start.
 */
const DRIFT = 1.025;
const SLACK_MS = 250;

/** Compares the last thing an agent did with what its server does. */
export function guardChecker(world: World): Checker {
  const name = "4 guardian";
  const actedAtMs = new Map<string, number>();
  const rivalled = new Map<string, boolean>();
  // By the last record that its agent knew: the guardian keeps its order when the file is lost.
  const hasRivals = ({ name: host }: Host) => rivalled.get(host) ?? areRivals(world.scenario);
  const note = (host: Host) => {
    actedAtMs.set(host.name, world.nowMs);
    const { record } = host.disk;
    if (record !== null) rivalled.set(host.name, areRivals(record));
    if (host.process !== null && host.agent?.state.role.kind === "leader") {
      host.process.unasked = false;
    }
  };

  const check = (host: Host) => {
    const { agent, settings, pausedUntilMs } = host;
    if (!hasRivals(host) || !world.scenario.guarded) return;
    if (agent !== null && !isPaused(world, host)) return;
    // It guards what its agent leads: what somebody else starts, the next agent has to end.
    if (host.process?.unasked) return;
    if (world.nowMs - Math.max(pausedUntilMs, host.openedAtMs) < SLACK_MS) return;
    const { leaseMs, fenceMarginMs, durability, pair } = settings;
    const agentSilenceMs = Math.min(settings.agentSilenceMs, pair?.failoverDelayMs ?? Infinity);
    const patientMs = durability === "async" ? 0 : agentSilenceMs - fenceMarginMs;
    const silentMs = world.nowMs - (actedAtMs.get(host.name) ?? 0);
    if (silentMs <= Math.max(leaseMs, patientMs) * DRIFT + SLACK_MS) return;
    breach(world, name, `${host.name} is a primary ${Math.round(silentMs)} ms after its agent`);
  };

  return {
    name,
    started: note,
    stepped: note,
    acknowledged: ({ node }) => check(hostOf(world, node)),
    looked() {
      for (const host of world.hosts) {
        if (host.process?.kind === "primary") check(host);
      }
    },
  };
}

function areRivals({ members }: { readonly members: readonly MemberEntry[] }): boolean {
  return members.filter(({ kind }) => kind === "data").length > 1;
}
