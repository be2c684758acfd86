/**
 * State files that rot.
 *
 * @module
 */
import { join } from "node:path";
import type { DemoNode } from "../../../src/cli/demo/plan.ts";
import { signalAgent, signalHosts } from "../moves.ts";
import { type Scenario, scenario, type Stage } from "../scenario.ts";

/** The scenarios of this file. */
export const FILE_SCENARIOS: readonly Scenario[] = [
  scenario({
    name: "state-corrupted",
    what: "the primary's agent is killed and its state file overwritten with garbage; hands: the " +
      "agent refuses to start until the file is removed, as its message says",
    primary: "another",
    async play(stage) {
      const { primary, untilPrimary } = stage;
      signalAgent(primary, "SIGKILL");
      await corrupt(primary);
      await expectRefusal(stage, primary);
      await removeState(stage, primary);
      await untilPrimary(primary);
    },
  }),
  scenario({
    name: "state-corrupted-standby",
    what:
      "the same with a standby's host, which is killed, and then with the primary's host killed " +
      "before the standby is taken back",
    async play(stage) {
      const { world, primary, standbys, untilPrimary } = stage;
      const [victim] = standbys;
      await signalHosts(world, [victim!], "SIGKILL");
      await corrupt(victim!);
      await expectRefusal(stage, victim!);
      await signalHosts(world, [primary], "SIGKILL");
      await removeState(stage, victim!);
      await stage.wait(6000);
      world.cluster.start(primary);
      await untilPrimary();
    },
  }),
  scenario({
    name: "state-cut-short",
    what: "a standby's host is killed, and half of its state file is missing when it comes back",
    primary: "same",
    async play(stage) {
      const [victim] = stage.standbys;
      await signalHosts(stage.world, [victim!], "SIGKILL");
      const text = await Deno.readTextFile(stateFile(victim!));
      await Deno.writeTextFile(stateFile(victim!), text.slice(0, text.length / 2));
      await expectRefusal(stage, victim!);
      await removeState(stage, victim!);
    },
  }),
];

const stateFile = ({ stateDir }: DemoNode) => join(stateDir, "state.json");

async function corrupt(node: DemoNode): Promise<void> {
  await Deno.writeTextFile(stateFile(node), "\u0000garbage {");
}

/** Starts the agent, and wants it to end, with a message that names the file and what to do. */
async function expectRefusal({ world, wait, fail }: Stage, node: DemoNode): Promise<void> {
  const before = (await Deno.readTextFile(node.logFile)).length;
  await wait(200);
  world.cluster.start(node);
  for (let time = 0; time < 50 && world.cluster.agentExit(node) === null; time++) await wait(200);
  const code = world.cluster.agentExit(node);
  if (code === null || code === 0) return fail(`the agent ended with ${code} on a corrupted file`);
  const said = (await Deno.readTextFile(node.logFile)).slice(before);
  if (!said.includes(stateFile(node)) || !said.includes("remove it")) {
    fail(`the agent's message names neither file nor remedy: ${said}`);
  }
}

async function removeState({ world }: Stage, node: DemoNode): Promise<void> {
  await Deno.remove(stateFile(node));
  world.cluster.start(node);
}
