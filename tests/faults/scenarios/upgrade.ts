/**
 * A new release of metako, in the steps of docs/upgrade.md.
 *
 * @module
 */
import { join } from "node:path";
import manifest from "../../../deno.json" with { type: "json" };
import { signalAgent, startAgain } from "../moves.ts";
import { must } from "../network.ts";
import { type Scenario, scenario, type Stage } from "../scenario.ts";
import { type Shape, untilWhole } from "../world.ts";

/** How many words start the program before those of its command. */
const PROGRAM_WORDS = 6;

/** Where a link to the release lies that agents are to be started from. */
const installed = (folder: string) => join(folder, "installed");

/** Three data nodes whose program can be replaced. */
const RELEASES: Shape = {
  name: "releases",
  nodes: 3,
  witnesses: 0,
  settings: {},
  wrap: (_, folder) => [
    "sh",
    "-c",
    `if [ -e ${installed(folder)} ]; then deno=$1; shift ${PROGRAM_WORDS}; ` +
    `set -- "$deno" run --quiet --no-prompt -A "$(readlink ${installed(folder)})/main.ts" "$@"; ` +
    'fi; exec "$@"',
    "sh",
  ],
};

/** The scenarios of this file. */
export const UPGRADE_SCENARIOS: readonly Scenario[] = [
  scenario({
    name: "agent-upgrade",
    what: "another version is installed, and every agent ended and started again with it, the " +
      "standbys' first, each when `status` says that a standby may be elected",
    shape: RELEASES,
    primary: "same",
    wantedMs: 0,
    async play(stage) {
      const { world, primary, standbys, fail } = stage;
      const version = await install(world.plan.folder);
      for (const node of [...standbys, primary]) {
        signalAgent(node, "SIGTERM");
        await startAgain(world, [node]);
        await untilWhole(world);
        const runs = await versionOf(stage, node.name);
        if (runs !== version) fail(`${node.name} runs ${runs}, ${version} was installed`);
      }
    },
  }),
];

/** Installs a copy of this program that calls itself by another version, which it returns. */
async function install(folder: string): Promise<string> {
  const version = `${manifest.version}-played.${Date.now()}`;
  const release = join(folder, `metako-${version}`);
  const root = new URL("../../../", import.meta.url).pathname;
  await Deno.mkdir(release);
  const files = ["src", "configs", "main.ts", "deno.lock"].map((name) => join(root, name));
  await must(["cp", "-a", ...files, release]);
  await Deno.writeTextFile(
    join(release, "deno.json"),
    JSON.stringify({ ...manifest, version }),
  );
  await must(["ln", "-sfn", release, installed(folder)]);
  return version;
}

async function versionOf({ world, primary }: Stage, name: string): Promise<string> {
  const { text } = await world.metako(primary, ["status", "--json"]);
  const { nodes } = JSON.parse(text) as { nodes: { node: string; version?: string }[] };
  return nodes.find(({ node }) => node === name)?.version ?? "nothing that answers";
}
