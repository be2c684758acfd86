/**
 * A leader fences when its lease lapses: a server does not stay open for long beside an agent that
 * runs and does not hold the lease.
 */
import { isPaused } from "../agent.ts";
import { isVirgin } from "../../../src/core/record.ts";
import { localMs } from "../clock.ts";
import { type Agent, breach, type Checker, type Host, type World } from "../world.ts";

/** Failed fences are repeated, slow disks and pauses hold an agent up: so long is always enough. */
const PATIENCE_MS = 1000;

function holdsLease({ clock }: Host, { state }: Agent, nowMs: number): boolean {
  const { role } = state;
  return role.kind === "leader" &&
    (role.leaseUntilMs ?? role.electedDeadlineMs) > localMs(clock, nowMs);
}

/** Looks for open servers whose agents could fence them, and do not. */
export function fenceChecker(world: World): Checker {
  const name = "4 fence";
  const since = new Map<string, number>();
  return {
    name,
    looked() {
      for (const host of world.hosts) {
        const { agent, process, trouble } = host;
        const excused = agent === null || process?.kind !== "primary" || isPaused(world, host) ||
          agent.running?.action.type === "fence" || agent.busy ||
          trouble.refusedUntilMs > world.nowMs || process.hung ||
          agent.state.operateAtMs > agent.state.nowMs ||
          // Until the first start is through, nobody can have been told that a row is safe.
          isVirgin(agent.state.durable.record) ||
          holdsLease(host, agent, world.nowMs);
        const key = `${host.name} ${host.boot}`;
        if (excused) {
          since.delete(key);
          continue;
        }
        const sinceMs = since.get(key) ?? world.nowMs;
        since.set(key, sinceMs);
        if (world.nowMs - sinceMs > PATIENCE_MS + host.settings.leaseMs) {
          breach(world, name, `PostgreSQL on ${host.name} stays open without a lease`);
        }
      }
    },
  };
}
