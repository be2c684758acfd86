/**
 * Disks that fill up, and files that vanish or rot. The data and state directories are file systems
 * of limited size, in memory.
 *
 * @module
 */
import { join } from "node:path";
import type { DemoNode, DemoPlan } from "../../../src/cli/demo/plan.ts";
import { signalAgent } from "../moves.ts";
import { run } from "../network.ts";
import { type Scenario, scenario, type Stage } from "../scenario.ts";
import type { Shape } from "../world.ts";

const DATA_MB = 400;
const STATE_MB = 2;

/** Three data nodes on small disks. */
const DISKS: Shape = { name: "disks", nodes: 3, witnesses: 0, settings: {}, furnish: mountAll };

/** The scenarios of this file. */
export const DISK_SCENARIOS: readonly Scenario[] = [
  scenario({
    name: "data-disk-full",
    what: "the disk under the primary's data directory is full for fifteen seconds",
    shape: DISKS,
    play: (stage) => fillFor(stage, stage.primary.dataDir, 15_000),
  }),
  scenario({
    name: "wal-disk-full",
    what: "the same, and the primary needs a new WAL segment meanwhile",
    shape: DISKS,
    async play(stage) {
      const filling = fillFor(stage, stage.primary.dataDir, 15_000);
      await stage.wait(500);
      const grow = "SELECT pg_switch_wal(), txid_current();";
      for (let time = 0; time < 12; time++) {
        await stage.world.ask(stage.primary, grow).catch(() => {});
        await stage.wait(200);
      }
      await filling;
    },
  }),
  scenario({
    name: "state-disk-full",
    what: "the disk under the primary's state_dir is full for fifteen seconds, and its agent is " +
      "started again afterwards, as a supervisor does",
    shape: DISKS,
    async play(stage) {
      await fillFor(stage, stage.primary.stateDir, 15_000);
      stage.world.cluster.start(stage.primary);
    },
  }),
  scenario({
    name: "data-deleted",
    what: "everything in the primary's data directory is deleted under the running server",
    shape: DISKS,
    primary: "another",
    async play({ primary, untilPrimary }) {
      await run(["sh", "-c", `rm -rf ${primary.dataDir}/*`]);
      await untilPrimary(primary);
    },
  }),
  scenario({
    name: "state-corrupted",
    what: "the primary's agent is killed and its state file overwritten with garbage; hands: the " +
      "agent refuses to start until the file is moved away, as its message says",
    shape: DISKS,
    async play({ world, primary, wait, fail }) {
      signalAgent(primary, "SIGKILL");
      const file = await stateFile(primary);
      await Deno.writeTextFile(file, "\u0000garbage {");
      await wait(200);
      world.cluster.start(primary);
      await wait(4000);
      if (world.cluster.agentExit(primary) === null) fail("the agent runs on a corrupted file");
      await Deno.remove(file);
      world.cluster.start(primary);
    },
  }),
];

async function fillFor(stage: Stage, folder: string, forMs: number): Promise<void> {
  const ballast = join(folder, "ballast");
  await run(["sh", "-c", `dd if=/dev/zero of=${ballast} bs=4k 2>/dev/null`]);
  await stage.wait(forMs);
  await Deno.remove(ballast);
}

async function stateFile({ stateDir }: DemoNode): Promise<string> {
  for await (const { name } of Deno.readDir(stateDir)) {
    if (name.endsWith(".json")) return join(stateDir, name);
  }
  throw new Error(`There is no state file in ${stateDir}`);
}

async function mountAll(plan: DemoPlan): Promise<() => Promise<void>> {
  const [uid, gid] = [await run(["id", "-u", "postgres"]), await run(["id", "-g", "postgres"])];
  const mounted: string[] = [];
  const mount = async (folder: string, options: string) => {
    await Deno.mkdir(folder, { mode: 0o700 });
    const done = await run(["mount", "-t", "tmpfs", "-o", options, "metako-faults", folder]);
    if (done.code !== 0) throw new Error(`Cannot mount ${folder}: ${done.text}`);
    mounted.push(folder);
  };
  for (const { dataDir, stateDir } of plan.nodes) {
    await mount(dataDir, `size=${DATA_MB}m,mode=0700,uid=${uid.text},gid=${gid.text}`);
    await mount(stateDir, `size=${STATE_MB}m,mode=0700`);
  }
  return async () => {
    for (const folder of mounted) await run(["umount", "-l", folder]);
  };
}
