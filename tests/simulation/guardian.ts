/**
 * The guardian beside each agent: it outlives the agent, stands still only with its host, and ends
 * a primary whose time is over.
 */
import { type GuardOrder, guardOrder } from "../../src/core/guard.ts";
import { localMs, worldMs } from "./clock.ts";
import { endProcess } from "./server.ts";
import { after, type Agent, type Host, tell, type World } from "./world.ts";

/** A running guardian. */
export interface Guardian {
  /** In the world's time, in which a suspended host counts too. */
  deadlineAtMs: number;
  /** It has ended a primary under this order. */
  acted: boolean;
  /** The moment, on its host's clock, that the last order named. */
  untilMs: number;
  /** Grows with every order: what an older one planned is void. */
  round: number;
}

/** How often it looks for a primary after its time, and how long: one may still be opened. */
const LOOK_EVERY_MS = 100;
const LINGER_MS = 60_000;

/** Passes the core's order on; called after everything that an agent does. */
export function followGuard(world: World, host: Host, { state }: Agent): void {
  if (!world.scenario.guarded) return;
  const order = guardOrder(state);
  if (order.kind === "release") host.guardian = null;
  if (order.kind === "hold") hold(world, host, order);
}

function hold(world: World, host: Host, order: GuardOrder & { kind: "hold" }): void {
  const { untilMs, confirmed } = order;
  if (host.guardian?.untilMs === untilMs) return;
  // The clock may be set back by the time that the host was suspended; the guardian counts that.
  const nowLocalMs = localMs(host.clock, world.nowMs);
  const deadlineAtMs = world.nowMs + worldMs(host.clock, untilMs) - worldMs(host.clock, nowLocalMs);
  const before = host.guardian;
  // An agent that only resumes its term does not yet end the guardian that it finds.
  const binding = before === null || before.acted || confirmed ? Infinity : before.deadlineAtMs;
  host.guardian = {
    deadlineAtMs: Math.min(binding, deadlineAtMs),
    acted: false,
    untilMs,
    round: (before?.round ?? 0) + 1,
  };
  watch(world, host, host.guardian);
}

function watch(world: World, host: Host, guardian: Guardian): void {
  after(world, Math.max(1, guardian.deadlineAtMs - world.nowMs), () => {
    if (host.guardian === guardian) lookAfter(world, host, guardian);
  });
}

function lookAfter(world: World, host: Host, guardian: Guardian): void {
  if (host.guardian !== guardian) return;
  if (host.pausedUntilMs > world.nowMs) {
    const restMs = host.pausedUntilMs - world.nowMs + 1;
    return after(world, restMs, () => lookAfter(world, host, guardian));
  }
  if (host.process?.kind === "primary") {
    world.tally.note("server", "ended by its guardian");
    tell(world, host, "decision", "the guardian: the agent has been silent for too long");
    endProcess(world, host, "its guardian ended it");
    guardian.acted = true;
  }
  if (world.nowMs - guardian.deadlineAtMs > LINGER_MS) return;
  after(world, LOOK_EVERY_MS, () => lookAfter(world, host, guardian));
}
