/**
 * An operator who edits the member list: all configurations but that of the member that is to go,
 * and then one agent after the other is started again.
 */
import { killAgent, startAgent } from "../agent.ts";
import { knowing, loseState, mayLoseState, wipe } from "../hosts.ts";
import type { Host, World } from "../world.ts";
import { type FaultRule, later } from "./rule.ts";

/** The kinds of this file. */
export const MEMBER_FAULTS = {
  editedMembers: {
    towardsPrimary: 0.25,
    spanMs: [4000, 40_000],
    apply(world, { forMs, choice }, host) {
      if (host.edited.leaves || !mayLeave(world, host)) return;
      host.edited.leaves = true;
      propose(world, choice);
      later(world, forMs, () => {
        host.edited.leaves = false;
        const lost = choice * 11 % 1;
        if (lost < 0.4 && mayLoseState(world, host, true)) {
          killAgent(world, host);
          if (lost < 0.2 && host.process === null) wipe(world, host);
          else loseState(world, host);
        }
        propose(world, choice);
      });
    },
  },
} satisfies Readonly<Record<string, FaultRule>>;

/** Every configuration names all members again, and each agent that has another one starts anew. */
export function restoreMembers(world: World, host: Host): void {
  host.edited.leaves = false;
  const { members } = world.scenario;
  if (host.settings.members === members) return;
  host.settings = { ...host.settings, members };
  killAgent(world, host);
}

/** True where enough members are left without `host`, and the cluster has ever been started. */
function mayLeave(world: World, host: Host): boolean {
  const left = world.hosts.filter((one) => one !== host && !one.edited.leaves);
  const data = world.scenario.members.filter(({ kind, name }) =>
    kind === "data" && left.some((one) => one.name === name)
  );
  return left.length >= 2 && data.length >= 1 && knowing(world).some((one) => one !== host);
}

function propose(world: World, choice: number): void {
  const leaving = world.hosts.filter(({ edited }) => edited.leaves).map(({ name }) => name);
  const staying = world.scenario.members.filter(({ name }) => !leaving.includes(name));
  const members = leaving.length === 0 ? world.scenario.members : staying;
  for (const [index, host] of world.hosts.entries()) {
    if (host.edited.leaves) continue;
    later(world, index * host.settings.heartbeatIntervalMs * 4 * choice, () => {
      host.settings = { ...host.settings, members };
      if (host.agent === null) return;
      killAgent(world, host);
      later(world, 200 + 500 * choice, () => startAgent(world, host));
    });
  }
}
