/**
 * Links that are cut, slow or refusing, and the elections and exchanges that these bring about.
 */
import { killAgent, startAgent } from "../agent.ts";
import { powerOff, powerOn } from "../hosts.ts";
import { loseWitnesses, refuse } from "../network.ts";
import { askOperator } from "../operator.ts";
import { SENDER_TIMEOUT_MS, writeRow } from "../wal.ts";
import { after, type Host } from "../world.ts";
import { cutFor, type FaultRule, later, LONG, SHORT, trafficOf } from "./rule.ts";

/** The kinds of this file. */
export const LINK_FAULTS = {
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
  /** A standby that had dropped out of E comes back, and the primary dies before E has it again. */
  returningStandby: {
    towardsPrimary: 1,
    spanMs: SHORT,
    apply(world, { choice }, host) {
      const standbys = world.hosts.filter(({ process }) => process?.kind === "standby");
      const one = standbys[Math.floor(choice * 29) % Math.max(1, standbys.length)];
      if (one === undefined || one === host) return;
      const { leaseMs } = host.settings;
      // Its walsender outlives the cut for a while, and E remembers it for a lease after that.
      const awayMs = SENDER_TIMEOUT_MS + leaseMs * (1.2 + choice);
      cutFor(world, host.name, one.name, "wal", awayMs);
      cutFor(world, one.name, host.name, "wal", awayMs);
      later(world, awayMs, () => {
        host.trouble.crashesAtCatchUpUntilMs = world.nowMs + 2 * leaseMs;
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
      // Often nobody can ask it either whether it works: only its standbys still hear it.
      if ((choice * 10) % 1 < 0.6) {
        for (const { name } of world.hosts) {
          cutFor(world, host.name, name, "agents", awayMs);
          cutFor(world, name, host.name, "agents", awayMs);
        }
      }
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
  /** The others elect while the old lease holds; a voter forgets its vote, or the old leader dies. */
  earlyElection: {
    towardsPrimary: 1,
    spanMs: SHORT,
    apply(world, { choice, other }, host) {
      const { leaseMs } = host.settings;
      if (choice * 10 % 1 < 0.3) askOperator(world, host, other);
      const voter = world.hosts[Math.floor(choice * 41) % world.hosts.length]!;
      if (choice < 0.6) voter.trouble.forgetsVotesUntilMs = world.nowMs + 2 * leaseMs;
      if (choice * 17 % 1 < 0.5) {
        const untilMs = world.nowMs + 2 * leaseMs;
        for (const { trouble } of world.hosts) trouble.sendsVotesLateUntilMs = untilMs;
      }
      if (choice >= 0.6) host.trouble.crashesAtFenceUntilMs = world.nowMs + 2 * leaseMs;
      for (const { name } of world.hosts) {
        if (name === host.name) continue;
        // The voter hears the old leader first, while that one still has its lease.
        const cutMs = leaseMs * (name === voter.name ? 0.55 + 0.3 * choice : 1.2);
        cutFor(world, host.name, name, "agents", cutMs);
        refuse(world.network, name, host.name, 1);
        const refusedMs = leaseMs * (0.55 + 0.35 * ((choice * 13) % 1));
        later(world, refusedMs, () => refuse(world.network, name, host.name, -1));
      }
    },
  },
  /** A voter whose agent restarts is asked by one that has not heard the leader for long. */
  restartedVoter: {
    towardsPrimary: 1,
    spanMs: SHORT,
    apply(world, { choice }, host) {
      const { leaseMs, fenceMarginMs } = host.settings;
      const others = world.hosts.filter((one) => one !== host);
      const unheard = others[Math.floor(choice * 23) % others.length]!;
      const promiseMs = leaseMs + fenceMarginMs;
      cutFor(world, host.name, unheard.name, "agents", 3 * promiseMs);
      for (const voter of others) {
        if (voter === unheard) continue;
        later(world, promiseMs * (1.3 + choice), () => {
          killAgent(world, voter);
          startAgent(world, voter);
        });
      }
    },
  },
  /** A host of a pair reaches fewer of the addresses outside of it, or none. */
  witnessesLost: {
    towardsPrimary: 0.5,
    spanMs: LONG,
    apply(world, { forMs, choice }, host) {
      const count = 1 + Math.floor(choice * 3);
      loseWitnesses(world.network, host.name, count);
      later(world, forMs, () => loseWitnesses(world.network, host.name, -count));
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
} satisfies Readonly<Record<string, FaultRule>>;
