/**
 * Everything that can go wrong, one entry each: how long it usually lasts, how often it picks on
 * the primary, and what it does to the world. Each puts right what it has done by itself, so that
 * leaving one out of a scenario leaves the rest as it was.
 */
import type { NodeName } from "../../src/core/record.ts";
import { killAgent, resumeAgent, startAgent, submit } from "./agent.ts";
import { standStill } from "./clock.ts";
import { loseState, mayLoseState, powerOff, powerOn, primaryOf, wipe } from "./hosts.ts";
import { cut, heal, refuse, type Traffic } from "./network.ts";
import { askOperator } from "./operator.ts";
import type { Fault } from "./scenario.ts";
import { createData, endProcess } from "./server.ts";
import { writeRow } from "./wal.ts";
import { type ActionEnd, after, type Host, hostOf, tell, type World } from "./world.ts";

/** What a kind of fault is. */
export interface FaultRule {
  /** Probability that it picks on the primary of the moment. */
  readonly towardsPrimary: number;
  /** From and to: how long it lasts, in milliseconds. */
  readonly spanMs: readonly [number, number];
  apply(world: World, fault: Fault, host: Host): void;
}

/** Plays a fault of the scenario. */
export function applyFault(world: World, fault: Fault): void {
  const host = fault.target === "primary"
    ? primaryOf(world) ?? hostOf(world, fault.other)
    : hostOf(world, fault.target);
  world.tally.note("fault", fault.kind);
  tell(world, null, "fault", `${fault.kind} at ${host.name}, ${fault.forMs} ms`);
  FAULTS[fault.kind].apply(world, fault, host);
}

/** The system identifier of a data directory that somebody restored on the wrong host. */
export const STRANGER = "sys-of-a-stranger";

const SHORT: readonly [number, number] = [50, 3000];
const LONG: readonly [number, number] = [2000, 25_000];

/** All kinds. */
export const FAULTS = {
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
    apply(world, { forMs }, host) {
      host.agentPausedUntilMs = Math.max(host.agentPausedUntilMs, world.nowMs + forMs);
      after(world, forMs + 0.5, () => resumeAgent(world, host));
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
      if (host.pausedUntilMs > world.nowMs) return;
      host.pausedUntilMs = world.nowMs + forMs;
      host.suspended = true;
      standStill(host.clock, forMs);
      after(world, forMs + 0.5, () => {
        resumeAgent(world, host);
        after(world, choice * 200, () => {
          submit(world, host, (nowMs) => ({ type: "suspended", nowMs, gapMs: forMs }));
          host.suspended = false;
        });
      });
    },
  },
  wallClockJump: {
    towardsPrimary: 0.5,
    spanMs: SHORT,
    apply(world, { forMs }, host) {
      submit(world, host, (nowMs) => ({ type: "suspended", nowMs, gapMs: forMs }));
    },
  },
  cutOneWay: {
    towardsPrimary: 0.5,
    spanMs: LONG,
    apply(world, { other, forMs, choice }, host) {
      const traffic = trafficOf(choice);
      const [from, to] = choice * 10 % 1 < 0.5 ? [host.name, other] : [other, host.name];
      cutFor(world, from, to, traffic, forMs);
    },
  },
  cutBothWays: {
    towardsPrimary: 0.5,
    spanMs: LONG,
    apply(world, { other, forMs, choice }, host) {
      cutFor(world, host.name, other, trafficOf(choice), forMs);
      cutFor(world, other, host.name, trafficOf(choice), forMs);
    },
  },
  isolation: {
    towardsPrimary: 0.7,
    spanMs: LONG,
    apply(world, { forMs, choice }, host) {
      for (const { name } of world.hosts) {
        if (name === host.name) continue;
        cutFor(world, host.name, name, trafficOf(choice), forMs);
        if (choice * 10 % 1 < 0.8) cutFor(world, name, host.name, trafficOf(choice), forMs);
      }
    },
  },
  partition: {
    towardsPrimary: 0,
    spanMs: LONG,
    apply(world, { forMs, choice }) {
      const side = (index: number) => (choice * 31 + index * 0.43) % 1 < 0.5;
      for (const [first, a] of world.hosts.entries()) {
        for (const [second, b] of world.hosts.entries()) {
          if (side(first) !== side(second)) cutFor(world, a.name, b.name, "both", forMs);
        }
      }
    },
  },
  /** One standby drops out, another comes back, and then the primary is gone. */
  exchangeOfStandbys: {
    towardsPrimary: 1,
    spanMs: LONG,
    apply(world, { forMs, choice }, host) {
      const others = world.hosts.filter((one) =>
        one !== host && host.settings.members.some((m) => m.name === one.name && m.kind === "data")
      );
      const [first, second] = choice < 0.5 ? others : others.reverse();
      const { leaseMs } = host.settings;
      const cutWal = (one: Host | undefined, spanMs: number) => {
        if (one === undefined) return;
        cutFor(world, host.name, one.name, "wal", spanMs);
        cutFor(world, one.name, host.name, "wal", spanMs);
      };
      const turnMs = leaseMs * (0.7 + choice);
      cutWal(first, turnMs);
      later(world, turnMs, () => cutWal(second, 2 * leaseMs));
      later(world, turnMs + leaseMs * ((choice * 7) % 1) * 1.5, () => {
        powerOff(world, host);
        later(world, forMs, () => powerOn(world, host));
      });
    },
  },
  /** Two standbys lag behind in turn, and the primary crashes while they differ. */
  laggingStandby: {
    towardsPrimary: 0.1,
    spanMs: LONG,
    apply(world, { forMs }, host) {
      host.trouble.slowWalUntilMs = Math.max(host.trouble.slowWalUntilMs, world.nowMs + forMs);
    },
  },
  /** PostgreSQL goes on without its agent while others elect, busy, and one standby lags behind. */
  unattendedPrimary: {
    towardsPrimary: 1,
    spanMs: SHORT,
    apply(world, { forMs, choice }, host) {
      const { leaseMs, fenceMarginMs } = host.settings;
      const awayMs = (leaseMs + fenceMarginMs) * (1.1 + choice) + forMs;
      killAgent(world, host);
      later(world, awayMs, () => startAgent(world, host));
      const standby = world.hosts[Math.floor(choice * 37) % world.hosts.length]!;
      standby.trouble.slowWalUntilMs = Math.max(
        standby.trouble.slowWalUntilMs,
        world.nowMs + awayMs,
      );
      const endMs = world.nowMs + awayMs;
      const { process } = host;
      const write = () => {
        if (world.nowMs >= endMs || host.process !== process) return;
        writeRow(world, host);
        after(world, world.dice.client.between(2, 30), write);
      };
      write();
    },
  },
  replayPause: {
    towardsPrimary: 0.1,
    spanMs: LONG,
    apply(world, { forMs }, { process, data }) {
      if (process?.kind !== "standby") return;
      process.replayPaused = true;
      after(world, forMs, () => {
        process.replayPaused = false;
        if (data !== null) data.replayed = Math.max(data.replayed, data.flushed);
      });
    },
  },
  firewallRefuses: {
    towardsPrimary: 0.7,
    spanMs: LONG,
    apply(world, { forMs, choice }, host) {
      for (const { name } of world.hosts) {
        if (name === host.name) continue;
        refuse(world.network, name, host.name, 1);
        if (choice < 0.5) refuse(world.network, host.name, name, 1);
        later(world, forMs, () => {
          refuse(world.network, name, host.name, -1);
          if (choice < 0.5) refuse(world.network, host.name, name, -1);
        });
      }
    },
  },
  /** The others elect while the old lease holds, and a voter forgets that it voted. */
  earlyElection: {
    towardsPrimary: 1,
    spanMs: SHORT,
    apply(world, { choice }, host) {
      const { leaseMs } = host.settings;
      const voter = world.hosts[Math.floor(choice * 41) % world.hosts.length]!;
      voter.trouble.forgetsVotesUntilMs = world.nowMs + 2 * leaseMs;
      for (const { name } of world.hosts) {
        if (name === host.name) continue;
        cutFor(world, host.name, name, "agents", leaseMs * (0.6 + 0.4 * choice));
        refuse(world.network, name, host.name, 1);
        later(world, 2 * leaseMs, () => refuse(world.network, name, host.name, -1));
      }
    },
  },
  badWeather: {
    towardsPrimary: 0,
    spanMs: SHORT,
    apply(world, { forMs, choice }) {
      const { weather } = world.network;
      const change = { loss: 0.4 * choice, latencyMs: 200 * ((choice * 10) % 1) };
      weather.loss += change.loss;
      weather.latencyMs += change.latencyMs;
      later(world, forMs, () => {
        weather.loss = Math.max(0, weather.loss - change.loss);
        weather.latencyMs = Math.max(0.5, weather.latencyMs - change.latencyMs);
      });
    },
  },
  slowDisk: {
    towardsPrimary: 0.3,
    spanMs: SHORT,
    apply(world, { forMs }, { trouble }) {
      trouble.slowDiskUntilMs = Math.max(trouble.slowDiskUntilMs, world.nowMs + forMs);
    },
  },
  fullDisk: {
    towardsPrimary: 0.3,
    spanMs: SHORT,
    apply(world, { forMs }, { trouble }) {
      trouble.diskFullUntilMs = Math.max(trouble.diskFullUntilMs, world.nowMs + forMs);
    },
  },
  unreadableData: {
    towardsPrimary: 0.2,
    spanMs: SHORT,
    apply(world, { forMs }, { trouble }) {
      trouble.refusedUntilMs = Math.max(trouble.refusedUntilMs, world.nowMs + forMs);
    },
  },
  actionsFail: {
    towardsPrimary: 0.3,
    spanMs: LONG,
    apply(world, { forMs, choice }, { trouble }) {
      const sets = [["promote"], ["fence"], ["revoke"], ["set_sync"], ["stop"], ["start_primary"]];
      const rest = [["follow"], ["clone"], ["prepare"], ["start_standby"], ["initialise"]];
      const all = [...sets, ...rest];
      const ends: ActionEnd[] = ["fails", "late", "after", "unsupported", "done"];
      const end = ends[Math.floor(choice * 97) % ends.length]!;
      trouble.actions = {
        kinds: all[Math.floor(choice * all.length)]!,
        untilMs: world.nowMs + forMs,
        end,
        slowdown: end === "done" ? 60 : 1,
      };
    },
  },
  stateLost: {
    towardsPrimary: 0.1,
    spanMs: SHORT,
    apply(world, { forMs, choice }, host) {
      if (!mayLoseState(world, host, choice < 0.8)) return;
      powerOff(world, host);
      loseState(world, host);
      later(world, forMs, () => powerOn(world, host));
    },
  },
  hostWiped: {
    towardsPrimary: 0.1,
    spanMs: SHORT,
    apply(world, { forMs, choice }, host) {
      if (!mayLoseState(world, host, choice < 0.8)) return;
      powerOff(world, host);
      wipe(world, host);
      later(world, forMs, () => powerOn(world, host));
    },
  },
  strangersData: {
    towardsPrimary: 0,
    spanMs: LONG,
    apply(world, { forMs, choice }, host) {
      const witness = host.settings.members.some((member) =>
        member.name === host.name && member.kind === "witness"
      );
      if (witness || primaryOf(world) === host || !mayLoseState(world, host, true)) return;
      powerOff(world, host);
      wipe(world, host);
      host.data = createData({
        incarnation: Math.floor(choice * 0x1_0000_0000).toString(16).padStart(8, "0"),
        systemIdentifier: STRANGER,
        standbySignal: false,
      });
      host.data.wal = Array.from({ length: 400 }, () => ++world.rowCount);
      host.data.flushed = host.data.wal.length;
      powerOn(world, host);
      // Somebody reads the message of status, and moves the stranger's directory away.
      later(world, forMs, () => {
        if (host.data?.systemIdentifier !== STRANGER) return;
        endProcess(world, host, "moved away");
        host.data = null;
      });
    },
  },
  switchover: {
    towardsPrimary: 0.9,
    spanMs: SHORT,
    apply(world, { other }, host) {
      askOperator(world, host, other);
    },
  },
} satisfies Readonly<Record<string, FaultRule>>;

/** The name of a kind. */
export type FaultKind = keyof typeof FAULTS;

function later(world: World, delayMs: number, run: () => void): void {
  after(world, delayMs, () => {
    if (world.stormy) run();
  });
}

function cutFor(
  world: World,
  from: NodeName,
  to: NodeName,
  traffic: Traffic,
  forMs: number,
): void {
  if (from === to) return;
  cut(world.network, from, to, traffic);
  later(world, forMs, () => heal(world.network, from, to, traffic));
}

function trafficOf(choice: number): Traffic {
  const share = (choice * 100) % 1;
  return share < 0.6 ? "both" : share < 0.8 ? "agents" : "wal";
}
