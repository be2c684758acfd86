/**
 * A follower whose leader falls silent asks that one's ports while its promise still holds: nobody
 * would lose a row without that, but every crash of a host's processes would cost a whole lease.
 */
import { localMs } from "../clock.ts";
import { type Agent, breach, type Checker, type Host, type World } from "../world.ts";

/** The core asks after some two intervals. */
const SILENT_INTERVALS = 4;

/** One that stood still may first read what came meanwhile. */
const AWAKENING_MS = 50;

/** Looks for followers that wait and do not ask. */
export function attentionChecker(world: World): Checker {
  const name = "6 attention";
  const askedAtMs = new Map<string, number>();

  const overlooks = ({ settings }: Host, { state, busy }: Agent, nowMs: number) => {
    const { role, promise } = state;
    if (role.kind !== "follower" || promise === null || promise.leader === null || busy) {
      return false;
    }
    const dueAtMs = role.heardAtMs + SILENT_INTERVALS * settings.heartbeatIntervalMs;
    return nowMs > dueAtMs && promise.untilMs > dueAtMs;
  };

  return {
    name,
    stepped(host, _before, _event, effects) {
      if (effects.some(({ type }) => type === "probe")) {
        askedAtMs.set(host.name, host.agent!.state.nowMs);
      }
    },
    looked() {
      for (const host of world.hosts) {
        const { agent, clock } = host;
        const awakeAtMs = Math.max(host.pausedUntilMs, host.agentPausedUntilMs) + AWAKENING_MS;
        if (agent === null || world.nowMs < awakeAtMs) continue;
        if (!overlooks(host, agent, localMs(clock, world.nowMs))) continue;
        const { role } = agent.state;
        if (role.kind !== "follower") continue;
        if ((askedAtMs.get(host.name) ?? -Infinity) >= role.heardAtMs) continue;
        breach(world, name, `${host.name} does not ask what became of ${role.leader}`);
      }
    },
  };
}
