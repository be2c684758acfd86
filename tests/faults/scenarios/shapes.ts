/**
 * Clusters of other kinds: with a witness, of two nodes, with a wrong clock.
 *
 * @module
 */
import { heal, isolate, killTheHost, signalHosts } from "../moves.ts";
import { CLIENTS_ADDRESS } from "../network.ts";
import { type Scenario, scenario, WITNESS } from "../scenario.ts";
import type { Shape } from "../world.ts";

const FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/** Three data nodes; the clock of the second is an hour ahead, its monotonic one is not touched. */
const WRONG_CLOCK: Shape = {
  name: "wrong-clock",
  nodes: 3,
  witnesses: 0,
  settings: {},
  wrap: (index) =>
    index === 1
      ? ["env", `LD_PRELOAD=${FAKETIME}`, "FAKETIME=+3600s", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
      : [],
};

const PAIR_WAITS = { failover_delay: "3500ms" };

/** Two data nodes that know of nothing outside. */
const PAIR: Shape = {
  name: "pair",
  nodes: 2,
  witnesses: 0,
  settings: { coordination: { pair_mode: PAIR_WAITS } },
};

/** The port on the clients' machine that answers as a witness address. */
const WITNESS_PORT = 9177;

/** Two data nodes that ask a witness address before they act alone. */
const PAIR_ASKS: Shape = {
  name: "pair-asks",
  nodes: 2,
  witnesses: 0,
  settings: {
    coordination: {
      pair_mode: {
        ...PAIR_WAITS,
        witness_addresses: [`${CLIENTS_ADDRESS}:${WITNESS_PORT}`],
      },
    },
  },
  furnish() {
    const listener = Deno.listen({ hostname: CLIENTS_ADDRESS, port: WITNESS_PORT });
    const serving = (async () => {
      for await (const connection of listener) connection.close();
    })().catch(() => {});
    return Promise.resolve(async () => {
      listener.close();
      await serving;
    });
  },
};

/** The scenarios of this file. */
export const SHAPE_SCENARIOS: readonly Scenario[] = [
  scenario({
    name: "witness-lost",
    what: "SIGKILL to every process of the witness's host, started again after ten seconds",
    shape: WITNESS,
    primary: "same",
    wantedMs: 0,
    async play({ world, wait }) {
      const witness = world.plan.nodes.find((node) => node.witness)!;
      await signalHosts(world, [witness], "SIGKILL");
      await wait(10_000);
      world.cluster.start(witness);
    },
  }),
  scenario({
    name: "wrong-clock",
    what: "one node's clock is an hour ahead, and the primary's host is killed twice",
    shape: WRONG_CLOCK,
    async play({ world, primary, untilPrimary, wait }) {
      await signalHosts(world, [primary], "SIGKILL");
      const next = await untilPrimary(primary);
      world.cluster.start(primary);
      await wait(8000);
      await signalHosts(world, [next], "SIGKILL");
      await untilPrimary(next);
      world.cluster.start(next);
    },
  }),
  scenario({
    name: "pair-cut",
    what: "the primary of a pair is cut off from everything; the pair has no witness addresses",
    shape: PAIR,
    mayLose: "without witness addresses both act alone, and the older term's commits are given up",
    async play({ world, primary, wait }) {
      await isolate(world, primary);
      await wait(12_000);
      await heal(world);
    },
  }),
  scenario({
    name: "pair-killed",
    what: "SIGKILL to every process of the primary's host in a pair",
    shape: PAIR,
    primary: "another",
    play: killTheHost,
  }),
  scenario({
    name: "pair-cut-asks",
    what: "the primary of a pair is cut off from everything, its witness address too",
    shape: PAIR_ASKS,
    primary: "another",
    async play({ world, primary, untilPrimary, wait }) {
      await isolate(world, primary);
      await untilPrimary(primary);
      await wait(5000);
      await heal(world);
    },
  }),
];
