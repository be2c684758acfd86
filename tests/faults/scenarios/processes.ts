/**
 * Processes that die, or stand still.
 *
 * @module
 */
import { killTheHost, signalAgent, signalHosts, signalPostmaster, startAgain } from "../moves.ts";
import { QUICK, type Scenario, scenario, WITNESS } from "../scenario.ts";
import { untilWhole } from "../world.ts";

/** The scenarios of this file. */
export const PROCESS_SCENARIOS: readonly Scenario[] = [
  scenario({
    name: "postmaster-killed",
    what: "SIGKILL to the primary's postmaster; its agent lives",
    primary: "another",
    wantedMs: 1000,
    async play({ primary, untilPrimary }) {
      signalPostmaster(primary, "SIGKILL");
      await untilPrimary(primary);
    },
  }),
  scenario({
    name: "agent-killed",
    what: "SIGKILL to the primary's agent, which is started again after two seconds",
    primary: "same",
    wantedMs: 0,
    async play({ world, primary, wait }) {
      signalAgent(primary, "SIGKILL");
      await wait(2000);
      world.cluster.start(primary);
    },
  }),
  scenario({
    name: "host-killed",
    what: "SIGKILL to every process of the primary's host, whose kernel refuses connections; " +
      "it is started again once another node is primary",
    primary: "another",
    wantedMs: 1500,
    play: killTheHost,
  }),
  scenario({
    name: "host-killed-witness",
    what: "the same with two data nodes and a witness",
    shape: WITNESS,
    primary: "another",
    wantedMs: 1500,
    play: killTheHost,
  }),
  scenario({
    name: "agent-stopped",
    what: "SIGSTOP to the primary's agent for ten seconds",
    async play({ primary, wait }) {
      signalAgent(primary, "SIGSTOP");
      await wait(10_000);
      signalAgent(primary, "SIGCONT");
    },
  }),
  scenario({
    name: "postmaster-stopped",
    what: "SIGSTOP to the primary's postmaster; its backends and its agent live",
    async play({ primary, wait }) {
      signalPostmaster(primary, "SIGSTOP");
      await wait(15_000);
      try {
        signalPostmaster(primary, "SIGCONT");
      } catch {
        // It was ended meanwhile.
      }
    },
  }),
  scenario({
    name: "all-stopped",
    what: "SIGSTOP to every process of the primary's host, SIGCONT a minute later",
    primary: "another",
    wantedMs: 4500,
    async play({ world, primary, wait }) {
      await signalHosts(world, [primary], "SIGSTOP");
      await wait(60_000);
      await signalHosts(world, [primary], "SIGCONT");
    },
  }),
  scenario({
    name: "standby-killed",
    what: "SIGKILL to every process of a standby's host, started again after five seconds",
    primary: "same",
    async play({ world, standbys, wait }) {
      await signalHosts(world, standbys.slice(0, 1), "SIGKILL");
      await wait(5000);
      world.cluster.start(standbys[0]!);
    },
  }),
  scenario({
    name: "agent-restarted",
    what:
      "SIGTERM to every agent in turn, the primary's last, each started again at once; the next " +
      "one's turn comes when `status` says that the cluster is whole",
    primary: "same",
    wantedMs: 0,
    async play({ world, primary, standbys }) {
      for (const node of [...standbys, primary]) {
        signalAgent(node, "SIGTERM");
        await startAgain(world, [node]);
        await untilWhole(world);
      }
    },
  }),
  scenario({
    name: "everything-killed",
    what: "SIGKILL to every process of every host, all started again at once",
    async play({ world, primary, standbys }) {
      await signalHosts(world, [primary, ...standbys], "SIGKILL");
      await startAgain(world, world.plan.nodes);
    },
  }),
  scenario({
    name: "second-failure",
    what: "the primary's host is killed, and the next primary's as soon as it is one; " +
      "both are started again after two seconds",
    async play({ world, primary, untilPrimary, wait }) {
      await signalHosts(world, [primary], "SIGKILL");
      const next = await untilPrimary(primary);
      await signalHosts(world, [next], "SIGKILL");
      await wait(2000);
      for (const node of [primary, next]) world.cluster.start(node);
    },
  }),
  scenario({
    name: "returns-mid-election",
    what: "the primary's host is killed and started again at once, in the middle of the election",
    async play({ world, primary }) {
      await signalHosts(world, [primary], "SIGKILL");
      await startAgain(world, [primary]);
    },
  }),
  scenario({
    name: "host-killed-quick",
    what: "SIGKILL to every process of the primary's host with failover_timeout 1s",
    shape: QUICK,
    primary: "another",
    play: killTheHost,
  }),
];
