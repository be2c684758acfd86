/**
 * Disks that fill up, and a data directory that vanishes.
 *
 * Each node has three file systems of limited size, in memory: one for its data directory, which is
 * mounted where PostgreSQL expects it, one for WAL, and one for its state_dir; and one for a
 * tablespace, which each agent sees at the same path. What fills them lies beside the data, so that
 * no rewind removes it.
 *
 * @module
 */
import { join } from "node:path";
import { DEMO_ROLE, type DemoNode, type DemoPlan } from "../../../src/cli/demo/plan.ts";
import { agentOf, listProcesses } from "../../../src/cli/demo/processes.ts";
import { signalHosts } from "../moves.ts";
import { must, run } from "../network.ts";
import { type Scenario, scenario, type Stage } from "../scenario.ts";
import { untilWhole } from "../world.ts";
import type { Shape } from "../world.ts";

/** An agent calls a disk nearly full that has less than a tenth of this left. */
const DISK_MB = 768;

/** Three data nodes on small disks. */
const DISKS: Shape = {
  name: "disks",
  nodes: 3,
  witnesses: 0,
  settings: {},
  furnish: mountAll,
  // `ip netns exec` gives what it starts a mount table of its own, and its children inherit that.
  wrap: (index, folder) => [
    "sh",
    "-c",
    `mount --bind ${spaceDisk(join(folder, `node${index + 1}`))} ${tablespace(folder)}; exec "$@"`,
    "sh",
  ],
};

/** The scenarios of this file. */
export const DISK_SCENARIOS: readonly Scenario[] = [
  scenario({
    name: "data-disk-full",
    what: "the disk that holds the primary's data directory, WAL included, is full for fifteen " +
      "seconds, and a new WAL segment is needed",
    shape: DISKS,
    async play(stage) {
      await fill(dataDisk(stage.primary));
      await needSegments(stage, stage.primary);
      await stage.wait(12_000);
      await empty(dataDisk(stage.primary));
    },
  }),
  scenario({
    name: "data-only-full",
    what: "the same, but WAL has a disk of its own that has space, so that PostgreSQL works on",
    shape: DISKS,
    async play(stage) {
      const primary = await withWalDisk(stage);
      stage.begins();
      await fill(dataDisk(primary));
      await stage.untilPrimary(primary);
      await empty(dataDisk(primary));
    },
  }),
  scenario({
    name: "full-failover",
    what: "metako failover to a standby is asked for on a primary whose disk is full",
    shape: DISKS,
    async play(stage) {
      const { world, primary, standbys } = stage;
      await fill(dataDisk(primary));
      const to = standbys[0]!.name;
      // Refused or not: what counts is that the cluster stays up.
      await world.metako(primary, ["failover", "--to", to]);
      await stage.untilPrimary();
      await empty(dataDisk(primary));
    },
  }),
  scenario({
    name: "wal-disk-full",
    what: "the disk that holds the primary's WAL alone is full for fifteen seconds",
    shape: DISKS,
    async play(stage) {
      const primary = await withWalDisk(stage);
      stage.begins();
      await fill(walDisk(primary));
      await needSegments(stage, primary);
      await stage.wait(12_000);
      await empty(walDisk(primary));
    },
  }),
  scenario({
    name: "standby-disk-full",
    what:
      "the disk that holds a standby's data directory, WAL included, is full for fifteen seconds",
    shape: DISKS,
    primary: "same",
    async play(stage) {
      const [standby] = stage.standbys;
      await fill(dataDisk(standby!));
      // Few, since the primary keeps them for that standby's slot.
      await needSegments(stage, stage.primary, 3);
      await stage.wait(14_000);
      await empty(dataDisk(standby!));
    },
  }),
  scenario({
    name: "state-disk-full",
    what:
      "the disk of the primary's state_dir is full, and a standby's host is killed and comes back, " +
      "so that the primary has something to remember; its agent stays, and goes on when there is room",
    shape: DISKS,
    async play(stage) {
      const { world, primary, standbys, wait, fail } = stage;
      const before = agentOf(primary.configFile, listProcesses());
      await fill(primary.stateDir);
      await signalHosts(world, standbys.slice(0, 1), "SIGKILL");
      await wait(8000);
      world.cluster.start(standbys[0]!);
      await wait(7000);
      await empty(primary.stateDir);
      if (agentOf(primary.configFile, listProcesses()) !== before) fail("the agent ended");
    },
  }),
  scenario({
    name: "data-deleted",
    what: "everything in the primary's data directory is deleted under the running server",
    shape: DISKS,
    primary: "another",
    async play({ primary, untilPrimary }) {
      await must(["find", primary.dataDir, "-mindepth", "1", "-delete"]);
      await untilPrimary(primary);
    },
  }),
  scenario({
    name: "standby-data-deleted",
    what: "everything in a standby's data directory is deleted under the running server",
    shape: DISKS,
    primary: "same",
    async play({ standbys }) {
      await must(["find", standbys[0]!.dataDir, "-mindepth", "1", "-delete"]);
    },
  }),
  scenario({
    name: "tablespace-full",
    what: "the clients' table is in a tablespace, whose disk is full on the primary",
    shape: DISKS,
    primary: "another",
    async play({ world, primary, untilPrimary, begins }) {
      const table = `${DEMO_ROLE}.numbered_row`;
      await world.ask(
        primary,
        `CREATE TABLESPACE apart LOCATION '${tablespace(world.plan.folder)}';`,
      );
      await world.ask(primary, `ALTER TABLE ${table} SET TABLESPACE apart;`);
      begins();
      await fill(spaceDisk(primary.folder));
      const next = await untilPrimary(primary);
      await empty(spaceDisk(primary.folder));
      await untilWhole(world);
      await world.ask(next, `ALTER TABLE ${table} SET TABLESPACE pg_default;`);
      await world.ask(next, "DROP TABLESPACE apart;");
    },
  }),
];

/** Where every node sees its own disk. */
const tablespace = (folder: string) => join(folder, "tablespace");
const spaceDisk = (folder: string) => join(folder, "space-disk");
const dataDisk = ({ folder }: DemoNode) => join(folder, "data-disk");
const walDisk = ({ folder }: DemoNode) => join(folder, "wal-disk");

async function fill(disk: string): Promise<void> {
  const of = `of=${join(disk, "ballast")}`;
  await run(["dd", "if=/dev/zero", of, "bs=1M"]);
  await run(["dd", "if=/dev/zero", of, "bs=4k", "oflag=append", "conv=notrunc"]);
}

async function empty(disk: string): Promise<void> {
  await Deno.remove(join(disk, "ballast"));
}

/** Makes the primary want new segments; it need not survive that. */
async function needSegments({ world, wait }: Stage, primary: DemoNode, count = 15): Promise<void> {
  for (let time = 0; time < count; time++) {
    const sql = "SET statement_timeout = 1000; SELECT pg_switch_wal(), txid_current();";
    await world.ask(primary, sql).catch(() => {});
    await wait(200);
  }
}

/** Makes a node primary whose WAL lies on a disk of its own, and returns it. */
async function withWalDisk({ world, standbys, wait, untilPrimary }: Stage): Promise<DemoNode> {
  const node = standbys[0]!;
  const here = join(node.dataDir, "pg_wal");
  if (!(await Deno.lstat(here)).isSymlink) {
    await signalHosts(world, [node], "SIGKILL");
    await wait(500);
    await must(["sh", "-c", `rm -rf ${walDisk(node)}/pg_wal`]);
    await must(["cp", "-a", here, walDisk(node)]);
    await must(["rm", "-rf", here]);
    await must(["ln", "-s", join(walDisk(node), "pg_wal"), here]);
    world.cluster.start(node);
  }
  await untilWhole(world);
  // A disk that was full counts as full until an agent has looked again.
  for (let time = 1;; time++) {
    const { code, text } = await world.metako(node, ["switchover", "--to", node.name]);
    if (code === 0) break;
    if (time === 20) throw new Error(`metako switchover ended with ${code}: ${text}`);
    await wait(3000);
  }
  await untilWhole(world);
  return await untilPrimary();
}

async function mountAll(plan: DemoPlan): Promise<() => Promise<void>> {
  const [user, group] = [await run(["id", "-u", "postgres"]), await run(["id", "-g", "postgres"])];
  const mounted: string[] = [];
  const mount = async (folder: string, ...options: readonly string[]) => {
    await Deno.mkdir(folder, { mode: 0o711 });
    await must(["mount", ...options, folder]);
    mounted.unshift(folder);
  };
  const limited = ["-t", "tmpfs", "-o", `size=${DISK_MB}m,mode=0711`, "metako-faults"];
  await Deno.mkdir(tablespace(plan.folder), { mode: 0o755 });
  for (const node of plan.nodes) {
    await mount(spaceDisk(node.folder), ...limited);
    await must(["chown", "postgres:", spaceDisk(node.folder)]);
    await mount(dataDisk(node), ...limited);
    await mount(walDisk(node), ...limited);
    await mount(node.stateDir, ...limited);
    const inside = join(dataDisk(node), "data");
    await Deno.mkdir(inside, { mode: 0o700 });
    await Deno.chown(inside, Number(user.text), Number(group.text));
    await mount(node.dataDir, "--bind", inside);
  }
  return async () => {
    for (const folder of mounted) await run(["umount", "-l", folder]);
  };
}
