/**
 * Faults that wait for their moment: a crash just after a vote has left, just before a fence takes
 * effect, just after a handover. By chance alone such moments would hardly ever be hit.
 */
import type { Answer, Request } from "../../src/core/message.ts";
import type { NodeName } from "../../src/core/record.ts";
import { endAction } from "./actions.ts";
import { killAgent, pauseAgent, startAgent } from "./agent.ts";
import { loseState, mayLoseState, powerOff, powerOn } from "./hosts.ts";
import { after, type Host, tell, type World } from "./world.ts";

/**
 * Called when a message leaves `host`.
 *
 * @returns for how many milliseconds the network holds the message back, beside its usual time
 */
export function springAfterSending(world: World, host: Host, message: Request | Answer): number {
  const { trouble } = host;
  switch (message.type) {
    case "vote_answer":
      if (message.granted && trouble.forgetsVotesUntilMs > world.nowMs) forgetVote(world, host);
      return 0;
    case "vote":
      if (trouble.sendsVotesLateUntilMs <= world.nowMs || world.dice.fault.luck(0.5)) return 0;
      return world.dice.fault.between(0.3, 0.95) * host.settings.communicationTimeoutMs;
    case "heartbeat":
      if (trouble.pausesAfterBeatMs === 0) return 0;
      pauseAgent(world, host, trouble.pausesAfterBeatMs);
      trouble.pausesAfterBeatMs = 0;
      return 0;
    case "handover":
      if (trouble.reopensAfterHandoverUntilMs <= world.nowMs) return 0;
      reopen(world, host);
      return world.dice.fault.between(0, 600);
    default:
      return 0;
  }
}

/** For how long a script holds this message back. */
export function heldBackMs(
  world: World,
  from: NodeName,
  to: NodeName,
  message: Request | Answer,
): number {
  const index = world.held.findIndex((held) =>
    held.from === from && held.to === to && held.matches(message)
  );
  return index < 0 ? 0 : world.held.splice(index, 1)[0]!.forMs;
}

/** Called when `host` has begun to fence: its agent crashes, and the server goes on. */
export function crashAtFence(world: World, host: Host): void {
  host.trouble.crashesAtFenceUntilMs = 0;
  after(world, 0, () => {
    if (host.agent !== null) host.agent.running = null;
    restartAgent(world, host);
  });
}

/** Called when a standby of `host` has caught up: the host loses power before anybody notes it. */
export function springAtCatchUp(world: World, host: Host): void {
  if (host.trouble.crashesAtCatchUpUntilMs <= world.nowMs) return;
  host.trouble.crashesAtCatchUpUntilMs = 0;
  after(world, 0, () => {
    powerOff(world, host);
    after(world, world.dice.fault.between(2000, 12_000), () => powerOn(world, host));
  });
}

function forgetVote(world: World, host: Host): void {
  if (!mayLoseState(world, host, true)) return;
  host.trouble.forgetsVotesUntilMs = 0;
  after(world, 0, () => {
    powerOff(world, host);
    loseState(world, host);
    after(world, world.dice.fault.between(1, 50), () => powerOn(world, host));
  });
}

/** A service manager starts the server that the agent has shut down, and the agent as well. */
function reopen(world: World, host: Host): void {
  host.trouble.reopensAfterHandoverUntilMs = 0;
  after(world, 0, () => {
    if (host.data === null || !host.up) return;
    tell(world, host, "fault", "PostgreSQL is started behind the agent's back");
    endAction(world, host, { type: "start_primary", sync: host.data.sync }, host.disk.term);
    if (host.process !== null) host.process.unasked = true;
    restartAgent(world, host);
  });
}

function restartAgent(world: World, host: Host): void {
  killAgent(world, host);
  after(world, world.dice.fault.between(1, 100), () => startAgent(world, host));
}
