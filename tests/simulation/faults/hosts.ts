/**
 * Hosts, agents and servers that crash, hang or stand still, and clocks that jump.
 */
import { killAgent, pauseAgent, resumeAgent, startAgent, submit } from "../agent.ts";
import { standStill } from "../clock.ts";
import { powerOff, powerOn } from "../hosts.ts";
import { endProcess } from "../server.ts";
import { after, type Host, type World } from "../world.ts";
import { type FaultRule, later, LONG, SHORT } from "./rule.ts";

/** The kinds of this file. */
export const HOST_FAULTS = {
  hostCrash: {
    towardsPrimary: 0.5,
    spanMs: LONG,
    apply(world, { forMs }, host) {
      powerOff(world, host);
      later(world, forMs, () => powerOn(world, host));
    },
  },
  everythingCrashes: {
    towardsPrimary: 0,
    spanMs: SHORT,
    apply(world, { forMs, choice }) {
      for (const [index, host] of world.hosts.entries()) {
        if ((choice * 17 + index * 0.37) % 1 < 0.15) continue;
        powerOff(world, host);
        later(world, forMs * (0.3 + (choice * 7 + index * 0.61) % 1), () => powerOn(world, host));
      }
    },
  },
  agentCrash: {
    towardsPrimary: 0.5,
    spanMs: SHORT,
    apply(world, { forMs }, host) {
      killAgent(world, host);
      later(world, forMs, () => startAgent(world, host));
    },
  },
  processCrash: {
    towardsPrimary: 0.5,
    spanMs: SHORT,
    apply(world, { forMs }, host) {
      killAgent(world, host);
      endProcess(world, host, "crash");
      later(world, forMs, () => startAgent(world, host));
    },
  },
  serverCrash: {
    towardsPrimary: 0.6,
    spanMs: SHORT,
    apply(world, _fault, host) {
      endProcess(world, host, "crash");
    },
  },
  backendCrash: {
    towardsPrimary: 0.8,
    spanMs: SHORT,
    apply(_world, _fault, { process, data }) {
      if (process?.kind !== "primary" || data === null) return;
      // PostgreSQL starts its backends anew: sessions end, and settings are read again.
      process.waiting = [];
      process.senders.clear();
      process.inForce = [data.sync];
    },
  },
  serverHangs: {
    towardsPrimary: 0.5,
    spanMs: SHORT,
    apply(world, { forMs }, { process }) {
      if (process === null) return;
      process.hung = true;
      after(world, forMs, () => process.hung = false);
    },
  },
  agentPause: {
    towardsPrimary: 0.6,
    spanMs: SHORT,
    apply(world, { forMs, choice }, host) {
      if (choice < 0.5) return pauseAgent(world, host, forMs);
      // Just after its heartbeats have left: their answers are read when the others have moved on.
      const { leaseMs, fenceMarginMs } = host.settings;
      host.trouble.pausesAfterBeatMs = leaseMs + fenceMarginMs + forMs / 2;
    },
  },
  hostPause: {
    towardsPrimary: 0.5,
    spanMs: SHORT,
    apply(world, { forMs }, host) {
      host.pausedUntilMs = Math.max(host.pausedUntilMs, world.nowMs + forMs);
      after(world, forMs + 0.5, () => resumeAgent(world, host));
    },
  },
  hostSuspended: {
    towardsPrimary: 0.5,
    spanMs: SHORT,
    apply(world, { forMs, choice }, host) {
      if (host.pausedUntilMs <= world.nowMs) {
        suspend(world, host, { forMs, noticedAfterMs: choice * 200 });
      }
    },
  },
  wallClockJump: {
    towardsPrimary: 0.5,
    spanMs: SHORT,
    apply(world, { forMs }, host) {
      submit(world, host, (nowMs) => ({ type: "suspended", nowMs, gapMs: forMs }));
    },
  },
} satisfies Readonly<Record<string, FaultRule>>;

/** Suspends a host: its monotonic clock stands still as well, and its agent notices late. */
export function suspend(
  world: World,
  host: Host,
  { forMs, noticedAfterMs }: { readonly forMs: number; readonly noticedAfterMs: number },
): void {
  host.pausedUntilMs = world.nowMs + forMs;
  host.suspended = true;
  standStill(host.clock, forMs);
  after(world, forMs + 0.5, () => {
    resumeAgent(world, host);
    after(world, noticedAfterMs, () => {
      submit(world, host, (nowMs) => ({ type: "suspended", nowMs, gapMs: forMs }));
      host.suspended = false;
    });
  });
}
