/**
 * Deals one blow after the other to the current primary of a real cluster on loopback, under a
 * writer per router, and looks for every acknowledged row on the new primary after each.
 *
 *     deno task blows [--profile three] [--rounds 50] [--blow host] …
 *
 * The profiles are in profiles.ts. Every round waits until the whole cluster streams again. Prints a
 * line per round and a table; exit code 1 where a row is missing, writes did not resume, a node did
 * not come back, or a process had to be killed at the end. A round takes some ten seconds.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { findPostgres } from "../../../src/agent/mod.ts";
import { openCluster } from "../../../src/cli/demo/cluster.ts";
import { layOut } from "../../../src/cli/demo/layout.ts";
import { watchCluster } from "../../../src/cli/demo/watcher.ts";
import { listenForInterrupt } from "../../../src/cli/interrupt.ts";
import { loadConfig } from "../../../src/cli/load_config.ts";
import { type Blow, BLOWS } from "./blows.ts";
import { type Profile, PROFILES } from "./profiles.ts";
import { playRounds, type Result } from "./rounds.ts";

const values = readArguments();
const profile = PROFILES.find(({ name }) => name === values.profile);
if (profile === undefined) {
  fail(`There is no such profile; they are ${PROFILES.map(({ name }) => name).join(", ")}.`);
}
const blows = chooseBlows(profile);
const rounds = values.rounds === undefined ? profile.rounds : Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) fail("--rounds must be a whole number, 1 or more.");
const found = await findPostgres();
if (!found.ok) fail(found.because);
const laid = await layOut({ ...profile, folder: null }, found.value.binDir);
if (!laid.ok) fail(laid.because);
const loaded = loadConfig(laid.plan.nodes[0]!.configFile, { complain: console.error });
if (!loaded.ok) fail("The cluster's configuration does not load.");
const main = new URL("../../../main.ts", import.meta.url).pathname;
const self = [Deno.execPath(), "run", "--quiet", "--no-prompt", "-A", main];
const cluster = openCluster(laid.plan, loaded.config, self);
const interrupt = listenForInterrupt();
const watcher = watchCluster(cluster, interrupt.signal);
let good = false;
try {
  const result = await playRounds(cluster, {
    watcher,
    blows,
    rounds,
    signal: interrupt.signal,
    say: (round, number) =>
      console.log(
        `${String(number).padStart(4)}  ${round.blow.padEnd(14)}` +
          `${String(round.outageMs).padStart(6)} ms, whole after ${round.wholeMs} ms`,
      ),
  });
  console.log(table(profile, result));
  if (result.fault !== null) console.error(result.fault);
  good = result.fault === null && result.missing.length === 0;
} finally {
  await watcher.stop();
  const left = await cluster.stop();
  for (const line of left) console.error(`had to be killed: ${line}`);
  good &&= left.length === 0;
  if (good) await Deno.remove(laid.plan.folder, { recursive: true });
  else console.error(`The folder is kept: ${laid.plan.folder}`);
}
Deno.exit(good ? 0 : 1);

function table({ name }: Profile, result: Result): string {
  const lines = [`\nprofile ${name}`, "blow            rounds  outage min  median     max"];
  for (const blow of new Set(result.rounds.map((round) => round.blow))) {
    const sorted = result.rounds.filter((round) => round.blow === blow)
      .map(({ outageMs }) => outageMs).sort((a, b) => a - b);
    const cells = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
    const columns = cells.map((cell) => `${cell} ms`.padStart(10)).join("");
    lines.push(`${blow.padEnd(14)}${String(sorted.length).padStart(8)}  ${columns}`);
  }
  const { acknowledged, missing, unanswered, terms } = result;
  const lost = missing.length === 0 ? "" : `: ${missing.slice(0, 20).join(", ")}`;
  lines.push(
    `\n${result.rounds.length} rounds, ${acknowledged} rows acknowledged, ` +
      `${missing.length} missing${lost}, ${unanswered} unanswered, ${terms} terms`,
  );
  return lines.join("\n");
}

function chooseBlows(profile: Profile): readonly Blow[] {
  if (values.blow.length === 0) return profile.blows;
  const chosen = BLOWS.filter(({ name }) => values.blow.includes(name));
  if (chosen.length === values.blow.length) return chosen;
  fail(`There is no such blow; they are ${BLOWS.map(({ name }) => name).join(", ")}.`);
}

function readArguments() {
  try {
    return parseArgs({
      args: Deno.args,
      options: {
        profile: { type: "string", default: "mixed" },
        rounds: { type: "string" },
        blow: { type: "string", multiple: true, default: [] },
      },
    }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    fail(`${reason} Usage: deno task blows [--profile NAME] [--rounds N] [--blow NAME]…`);
  }
}

function fail(because: string): never {
  console.error(because);
  Deno.exit(1);
}
