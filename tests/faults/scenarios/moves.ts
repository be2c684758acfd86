/**
 * Planned switchovers, and agents that are replaced.
 *
 * @module
 */
import { listProcesses, sendSignal, worksIn } from "../../../src/cli/demo/processes.ts";
import type { DemoNode } from "../../../src/cli/demo/plan.ts";
import { signalHosts } from "../moves.ts";
import { type Scenario, scenario, type Stage } from "../scenario.ts";

/** The scenarios of this file. */
export const MOVE_SCENARIOS: readonly Scenario[] = [
  scenario({
    name: "switchover",
    what: "metako switchover to a standby",
    primary: "another",
    wantedMs: 1000,
    play: (stage) => switchOver(stage),
  }),
  scenario({
    name: "switchover-long",
    what: "the same while a transaction is open that would take a minute more",
    primary: "another",
    wantedMs: 1000,
    async play(stage) {
      const open = stage.world.ask(stage.primary, "BEGIN; SELECT 1; SELECT pg_sleep(60); COMMIT;")
        .then(() => true, () => false);
      await stage.wait(1000);
      stage.begins();
      await switchOver(stage);
      if (await open) stage.fail("the long transaction was told that it had committed");
    },
  }),
  scenario({
    name: "switchover-lagging",
    what: "the same while the target's server stands still for a second",
    async play(stage) {
      const servers = serversOf(stage.standbys[0]!);
      for (const pid of servers) sendSignal(pid, "SIGSTOP");
      const moving = switchOver(stage, "either");
      await stage.wait(1000);
      for (const pid of servers) sendSignal(pid, "SIGCONT");
      await moving;
    },
  }),
  scenario({
    name: "switchover-dying",
    what: "the target's host is killed a third of a second after the switchover was asked for",
    async play(stage) {
      const target = stage.standbys[0]!;
      const moving = switchOver(stage, "either");
      // The command itself needs most of a second to start.
      await stage.wait(1000);
      await signalHosts(stage.world, [target], "SIGKILL");
      await moving;
      await stage.wait(3000);
      stage.world.cluster.start(target);
    },
  }),
];

/** Asks on the primary's host for a switchover to the first standby. */
async function switchOver(
  { world, primary, standbys, fail }: Stage,
  wanted: "done" | "either" = "done",
): Promise<void> {
  const target = standbys[0]!.name;
  const { code, text } = await world.metako(primary, ["switchover", "--to", target]);
  if (code === 0 || wanted === "either") return;
  fail(`metako switchover ended with ${code}: ${text.split("\n").at(-1)}\n${text}`);
}

function serversOf({ dataDir }: DemoNode): readonly number[] {
  return listProcesses().filter((process) => worksIn(process, dataDir)).map(({ pid }) => pid);
}
