/**
 * Switchovers in which somebody dies at an exact step: the old primary's log says when it has come.
 *
 * @module
 */
import type { DemoNode } from "../../../src/cli/demo/plan.ts";
import { isolate, signalHosts } from "../moves.ts";
import { type Scenario, scenario, type Stage } from "../scenario.ts";

/** What the old primary's log says once it is shut down, and nothing is handed over yet. */
const STOPPED = "PostgreSQL is shut down";
/** What it says when there is no way back but a new term. */
const HANDED_OVER = "is handed over to";

/** The scenarios of this file. */
export const HALFWAY_SCENARIOS: readonly Scenario[] = [
  scenario({
    name: "target-dies-early",
    what: "the target's host of a switchover is killed once the old primary is shut down",
    play: (stage) =>
      atStep(stage, STOPPED, async ({ world }, target) => {
        await signalHosts(world, [target], "SIGKILL");
        await stage.wait(3000);
        world.cluster.start(target);
      }),
  }),
  scenario({
    name: "target-dies-late",
    what: "the target's host of a switchover is killed once the term is handed over to it",
    play: (stage) =>
      atStep(stage, HANDED_OVER, async ({ world }, target) => {
        await signalHosts(world, [target], "SIGKILL");
        await stage.wait(3000);
        world.cluster.start(target);
      }),
  }),
  scenario({
    name: "source-dies",
    what: "the old primary's host is killed in a switchover, once its PostgreSQL is shut down",
    primary: "another",
    play: (stage) =>
      atStep(stage, STOPPED, async ({ world, primary, untilPrimary }) => {
        await signalHosts(world, [primary], "SIGKILL");
        await untilPrimary(primary);
        world.cluster.start(primary);
      }),
  }),
  scenario({
    name: "source-cut",
    what: "the old primary's host is cut off in a switchover, once its PostgreSQL is shut down",
    play: (stage) =>
      atStep(stage, STOPPED, async ({ world, primary }) => {
        await isolate(world, primary);
        await stage.wait(8000);
        await world.network.heal();
      }),
  }),
];

/** Asks for a switchover to the first standby, and acts as soon as the old primary's log says `step`. */
async function atStep(
  stage: Stage,
  step: string,
  act: (stage: Stage, target: DemoNode) => Promise<void>,
): Promise<void> {
  const { world, primary, standbys } = stage;
  const [target, other] = standbys;
  const before = (await Deno.stat(primary.logFile)).size;
  // Asked on the third host: whoever dies, the command itself goes on.
  const moving = world.metako(other!, ["switchover", "--to", target!.name]);
  const came = await untilLogged(stage, primary, before, step);
  if (came) await act(stage, target!);
  const { text } = await moving;
  if (!came) stage.fail(`the switchover never came to the step "${step}"; it said: ${text}`);
}

async function untilLogged(
  { wait }: Stage,
  { logFile }: DemoNode,
  from: number,
  step: string,
): Promise<boolean> {
  const untilMs = performance.now() + 15_000;
  using file = await Deno.open(logFile, { read: true });
  await file.seek(from, Deno.SeekMode.Start);
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  while (performance.now() < untilMs) {
    const read = await file.read(buffer);
    if (read !== null) text += decoder.decode(buffer.subarray(0, read));
    if (text.includes(step)) return true;
    await wait(1);
  }
  return false;
}
