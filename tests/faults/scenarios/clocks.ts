/**
 * Clocks that are set while everything runs: the wall clock of a host jumps, the monotonic one does
 * not. Agents, their guardians, and PostgreSQL with all its backends, read a clock of their host's
 * own (Debian's libfaketime), which a file sets.
 *
 * @module
 */
import { join } from "node:path";
import type { DemoNode, DemoPlan } from "../../../src/cli/demo/plan.ts";
import { signalHosts } from "../moves.ts";
import { type Scenario, scenario, type Stage } from "../scenario.ts";
import type { Shape } from "../world.ts";

const LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/** Three data nodes, each with a wall clock of its own. */
const CLOCKS: Shape = {
  name: "clocks",
  nodes: 3,
  witnesses: 0,
  settings: {},
  wrap: (index, folder) => wrapAgent(join(folder, `node${index + 1}`)),
  furnish: wrapPrograms,
};

/** The scenarios of this file. */
export const CLOCK_SCENARIOS: readonly Scenario[] = [
  scenario({
    name: "clock-ahead",
    what: "the clock of the primary's host is set an hour ahead, and back after fifteen seconds",
    shape: CLOCKS,
    play: (stage) => setForAWhile(stage, "+3600s"),
  }),
  scenario({
    name: "clock-behind",
    what: "the clock of the primary's host is set a day back, and right after fifteen seconds",
    shape: CLOCKS,
    play: (stage) => setForAWhile(stage, "-86400s"),
  }),
  scenario({
    name: "clock-standby",
    what:
      "a standby's clock is set an hour back and the other's an hour ahead; then the primary's " +
      "host is killed, and started with a clock a day ahead",
    shape: CLOCKS,
    primary: "another",
    async play({ world, primary, standbys, untilPrimary, wait }) {
      await setClock(standbys[0]!, "-3600s");
      await setClock(standbys[1]!, "+3600s");
      await wait(8000);
      await signalHosts(world, [primary], "SIGKILL");
      await setClock(primary, "+86400s");
      await untilPrimary(primary);
      world.cluster.start(primary);
      await wait(10_000);
      for (const node of world.plan.nodes) await setClock(node, "+0s");
      await wait(3000);
    },
  }),
  scenario({
    name: "clock-small",
    what: "the clock of the primary's host is set two seconds ahead, less than a lease",
    shape: CLOCKS,
    primary: "same",
    wantedMs: 0,
    async play({ primary, wait }) {
      await setClock(primary, "+2s");
      await wait(8000);
      await setClock(primary, "+0s");
      await wait(3000);
    },
  }),
];

/** Sets the primary's clock, and right again after fifteen seconds. */
async function setForAWhile({ primary, wait }: Stage, by: string): Promise<void> {
  await setClock(primary, by);
  await wait(15_000);
  await setClock(primary, "+0s");
  await wait(3000);
}

const clockFile = (folder: string) => join(folder, "clock");

async function setClock({ folder }: DemoNode, offset: string): Promise<void> {
  await Deno.writeTextFile(clockFile(folder), `${offset}\n`);
}

function ownClock(folder: string): readonly string[] {
  return [
    `LD_PRELOAD=${LIBRARY}`,
    `FAKETIME_TIMESTAMP_FILE=${clockFile(folder)}`,
    "FAKETIME_CACHE_DURATION=1",
    "FAKETIME_DONT_FAKE_MONOTONIC=1",
  ];
}

const programFile = (folder: string) => join(folder, "program");
const guardianFile = (folder: string) => join(folder, "guardian");

/**
 * An agent gives its guardian no variable either, and starts it from its own program's path. In the
 * mount table of its own that `ip netns exec` gives the agent, a script lies on that path by then; the
 * agent itself is started from the open file, and the script from another path to it.
 */
function wrapAgent(folder: string): readonly string[] {
  const program = Deno.execPath();
  const script = [
    `exec 3<${program}`,
    `mount --bind ${program} ${programFile(folder)}`,
    `mount --bind ${guardianFile(folder)} ${program}`,
    // The first word is the program's path.
    "shift",
    `exec env ${ownClock(folder).join(" ")} /proc/self/fd/3 "$@"`,
  ];
  return ["sh", "-c", script.join(" && "), "sh"];
}

/** PostgreSQL gets no variable from its agent, so that its programs are started through scripts. */
async function wrapPrograms(plan: DemoPlan): Promise<() => Promise<void>> {
  for (const node of plan.nodes) {
    await setClock(node, "+0s");
    await Deno.chmod(clockFile(node.folder), 0o644);
    await Deno.writeTextFile(programFile(node.folder), "");
    const ownProgram = ["exec", "env", ...ownClock(node.folder), programFile(node.folder), '"$@"'];
    await Deno.writeTextFile(guardianFile(node.folder), `#!/bin/sh\n${ownProgram.join(" ")}\n`);
    await Deno.chmod(guardianFile(node.folder), 0o755);
    const programs = join(node.folder, "bin");
    await Deno.mkdir(programs, { mode: 0o755 });
    for await (const { name } of Deno.readDir(plan.binDir)) {
      const real = join(plan.binDir, name);
      if (name !== "pg_ctl") {
        await Deno.symlink(real, join(programs, name));
        continue;
      }
      const words = ["exec", "env", ...ownClock(node.folder), real, '"$@"'];
      await Deno.writeTextFile(join(programs, name), `#!/bin/sh\n${words.join(" ")}\n`);
      await Deno.chmod(join(programs, name), 0o755);
    }
    const text = await Deno.readTextFile(node.configFile);
    await Deno.writeTextFile(node.configFile, text.replace(plan.binDir, programs));
  }
  return () => Promise.resolve();
}
