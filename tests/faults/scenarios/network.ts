/**
 * Links that are cut, one way or both, lose packets, or come and go.
 *
 * @module
 */
import { listProcesses, sendSignal, worksIn } from "../../../src/cli/demo/processes.ts";
import { cutOneWay, cutPort, heal, isolate, losePackets, signalHosts } from "../moves.ts";
import { slowDown } from "../slow.ts";
import { QUICK, type Scenario, scenario, type Stage } from "../scenario.ts";

/** The scenarios of this file. */
export const NETWORK_SCENARIOS: readonly Scenario[] = [
  scenario({
    name: "host-silent",
    what: "the cable of the primary's host is pulled, and plugged in again later",
    primary: "another",
    wantedMs: 4500,
    play: pullTheCable,
  }),
  scenario({
    name: "host-silent-quick",
    what: "the same with failover_timeout 1s and heartbeat_interval 200ms",
    shape: QUICK,
    primary: "another",
    wantedMs: 2000,
    play: pullTheCable,
  }),
  scenario({
    name: "primary-cut",
    what: "every packet from and to the primary's host is dropped in silence",
    primary: "another",
    wantedMs: 5000,
    async play({ world, primary, untilPrimary, wait }) {
      await isolate(world, primary);
      await untilPrimary(primary);
      await wait(5000);
      await heal(world);
    },
  }),
  scenario({
    name: "one-way-out",
    what: "what the primary sends to the other nodes is lost, what they send arrives",
    async play({ world, primary, standbys, wait }) {
      await cutOneWay(world, primary, standbys);
      await wait(12_000);
      await heal(world);
    },
  }),
  scenario({
    name: "one-way-in",
    what: "what the other nodes send to the primary is lost, what it sends arrives",
    async play({ world, primary, standbys, wait }) {
      await world.network.drop(
        world.hostOf(primary),
        standbys.map((standby) => ({
          way: "arriving" as const,
          peer: standby.host.address,
          port: null,
          percent: 100,
        })),
      );
      await wait(12_000);
      await heal(world);
    },
  }),
  scenario({
    name: "agents-cut",
    what: "the agents' port of the primary is cut off, replication and clients are not",
    async play({ world, primary, wait }) {
      await cutPort(world, primary, "apiPort");
      await wait(15_000);
      await heal(world);
    },
  }),
  scenario({
    name: "replication-cut",
    what: "PostgreSQL's port of the primary is cut off from the other nodes, its agent is not",
    async play({ world, primary, wait }) {
      await cutPort(world, primary, "databasePort");
      await wait(15_000);
      await heal(world);
    },
  }),
  scenario({
    name: "standby-cut",
    what: "every packet from and to a standby's host is dropped in silence",
    primary: "same",
    async play({ world, standbys, wait }) {
      await isolate(world, standbys[0]!);
      await wait(12_000);
      await heal(world);
    },
  }),
  scenario({
    name: "lossy",
    what: "30 % of all packets are lost for twenty seconds",
    async play({ world, wait }) {
      await losePackets(world, 30);
      await wait(20_000);
      await heal(world);
    },
  }),
  scenario({
    name: "lossy-slow",
    what: "the same, and every packet from node to node takes 200 ms, one way",
    async play({ world, wait }) {
      const slow = await slowDown(world.network, 200);
      try {
        await losePackets(world, 30);
        await wait(20_000);
      } finally {
        await heal(world);
        await slow.close();
      }
    },
  }),
  scenario({
    name: "flapping",
    what: "the primary's cable is pulled for a second and plugged in for a second, ten times",
    async play({ world, primary, wait }) {
      const host = world.hostOf(primary);
      for (let time = 0; time < 10; time++) {
        await world.network.cable(host, false);
        await wait(1000);
        await world.network.cable(host, true);
        await wait(1000);
      }
    },
  }),
  scenario({
    name: "lagging-standbys",
    what: "both standbys' servers stand still for a second, and the primary's host is killed then",
    primary: "another",
    async play({ world, primary, standbys, untilPrimary, wait, begins }) {
      const servers = listProcesses().filter((process) =>
        standbys.some(({ dataDir }) => worksIn(process, dataDir))
      );
      for (const { pid } of servers) sendSignal(pid, "SIGSTOP");
      await wait(1000);
      begins();
      await signalHosts(world, [primary], "SIGKILL");
      for (const { pid } of servers) sendSignal(pid, "SIGCONT");
      await untilPrimary(primary);
      world.cluster.start(primary);
    },
  }),
];

async function pullTheCable({ world, primary, untilPrimary, wait }: Stage): Promise<void> {
  await world.network.cable(world.hostOf(primary), false);
  await untilPrimary(primary);
  await wait(3000);
  await world.network.cable(world.hostOf(primary), true);
}
