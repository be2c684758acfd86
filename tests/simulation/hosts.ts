/**
 * Hosts as a whole: power, loss of what is on their disks, and who is the primary that routers use.
 */
import { isVirgin } from "../../src/core/record.ts";
import { NOTHING_DURABLE } from "../../src/core/initial.ts";
import { describe } from "../../src/core/view.ts";
import { killAgent, startAgent } from "./agent.ts";
import { localMs } from "./clock.ts";
import { endProcess, losePages } from "./server.ts";
import { type Host, tell, type World } from "./world.ts";

/** Power fails: everything ends, and the host answers nothing any more. */
export function powerOff(world: World, host: Host): void {
  if (!host.up) return;
  tell(world, host, "fault", "the host loses power");
  // An action that was under way has not ended: nobody is left to bring it to an end.
  if (host.agent !== null) host.agent.running = null;
  killAgent(world, host);
  endProcess(world, host, "power failure");
  losePages(world, host);
  host.guardian = null;
  host.up = false;
  host.pausedUntilMs = 0;
}

/** The host comes back; its agent starts. */
export function powerOn(world: World, host: Host): void {
  if (!host.up) tell(world, host, "fault", "the host comes back");
  host.up = true;
  startAgent(world, host);
}

/** The state file is gone. Only while no agent runs. */
export function loseState(world: World, host: Host): void {
  world.tally.note("server", "state file lost");
  tell(world, host, "fault", "its state file is lost");
  host.disk = NOTHING_DURABLE;
  for (const checker of world.checkers) checker.lost?.(host);
}

/**
 * True where what the host loses is not the last of its kind. Once no state file is left that knows
 * of the cluster, a new one may be started over it: that no protocol survives. `gently` also leaves
 * a majority of voters.
 */
export function mayLoseState(world: World, host: Host, gently: boolean): boolean {
  const others = knowing(world).filter((other) => other !== host);
  return others.length > (gently ? world.hosts.length / 2 : 0);
}

/**
 * Hosts that know of the cluster, and that the operator's configurations name. Where they name only
 * such as have nothing, what they describe is a new cluster.
 */
export function knowing(world: World): Host[] {
  return world.hosts.filter(({ disk, edited }) =>
    !edited.leaves && disk.admitted && !isVirgin(disk.record)
  );
}

/** Everything that metako and PostgreSQL had on the host is gone. */
export function wipe(world: World, host: Host): void {
  loseState(world, host);
  if (host.data !== null) tell(world, host, "fault", "its data directory is lost");
  host.data = null;
}

/** The primary to which routers send writes now; null where there is none. */
export function primaryOf(world: World): Host | null {
  for (const host of world.hosts) {
    if (host.agent === null || host.process?.kind !== "primary") continue;
    const { role } = host.agent.state;
    if (role.kind === "leader" && role.phase === "leading" && routesTo(world, host) === host.name) {
      return host;
    }
  }
  return null;
}

/** Where the router of a host sends writes; null where it refuses them. */
export function routesTo(world: World, host: Host): string | null {
  if (host.agent === null) return null;
  return describe(host.agent.state, localMs(host.clock, world.nowMs)).route?.node ?? null;
}
