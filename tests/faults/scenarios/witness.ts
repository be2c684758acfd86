/**
 * Two data nodes and a witness, whose links are cut one by one.
 *
 * @module
 */
import type { DemoNode } from "../../../src/cli/demo/plan.ts";
import type { Drop } from "../network.ts";
import { heal, signalHosts } from "../moves.ts";
import { type Scenario, scenario, type Stage, WITNESS } from "../scenario.ts";

/** The scenarios of this file. */
export const WITNESS_SCENARIOS: readonly Scenario[] = [
  scenario({
    name: "only-standby-killed",
    what: "the only standby's host is killed, and started again after fifteen seconds",
    shape: WITNESS,
    primary: "same",
    async play({ world, standbys, wait }) {
      await signalHosts(world, standbys, "SIGKILL");
      await wait(15_000);
      world.cluster.start(standbys[0]!);
    },
  }),
  scenario({
    name: "witness-sees-both",
    what: "the link between the two data nodes is cut; the witness reaches both",
    shape: WITNESS,
    primary: "same",
    async play({ world, primary, standbys, wait }) {
      await cutBetween(world, primary, standbys[0]!);
      await wait(15_000);
      await heal(world);
    },
  }),
  scenario({
    name: "witness-cut",
    what: "the link between the primary and the witness is cut; both reach the standby",
    shape: WITNESS,
    primary: "same",
    wantedMs: 0,
    async play({ world, primary, wait }) {
      await cutBetween(world, primary, witnessOf(world));
      await wait(15_000);
      await heal(world);
    },
  }),
  scenario({
    name: "witness-and-standby-lost",
    what: "the hosts of witness and standby are killed, so that the primary has no majority, and " +
      "started again after fifteen seconds",
    shape: WITNESS,
    async play({ world, standbys, wait }) {
      const lost = [standbys[0]!, witnessOf(world)];
      await signalHosts(world, lost, "SIGKILL");
      await wait(15_000);
      for (const node of lost) world.cluster.start(node);
    },
  }),
  scenario({
    name: "witness-first",
    what: "the witness's host is killed, the primary's three seconds later, and the witness's is " +
      "started again after three more",
    shape: WITNESS,
    async play({ world, primary, untilPrimary, wait }) {
      await signalHosts(world, [witnessOf(world)], "SIGKILL");
      await wait(3000);
      await signalHosts(world, [primary], "SIGKILL");
      await wait(3000);
      world.cluster.start(witnessOf(world));
      await untilPrimary(primary);
      world.cluster.start(primary);
    },
  }),
];

function witnessOf({ plan }: Stage["world"]): DemoNode {
  return plan.nodes.find((node) => node.witness)!;
}

async function cutBetween(world: Stage["world"], one: DemoNode, other: DemoNode): Promise<void> {
  await world.network.drop(
    world.hostOf(one),
    (["arriving", "leaving"] as const).map((way): Drop => ({
      way,
      peer: other.host.address,
      port: null,
      percent: 100,
    })),
  );
}
