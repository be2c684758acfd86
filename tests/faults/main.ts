/**
 * Faults on real hosts: every node in a network namespace of its own, with a real agent, PostgreSQL
 * and router, under writers and readers whose ledger is compared afterwards.
 *
 *     deno task faults [NAME…] [--runs 3] [--results FILE] [--report FILE] [--list]
 *     deno task faults report --results FILE --report FILE
 *     deno task faults random [--minutes 10] [--seed N] [--shape three|witness|quick]
 *
 * Needs root, `ip` and `nft`. One cluster serves the scenarios of its shape as long as each leaves
 * it whole. Prints a line per run; exit code 1 where one failed by its own rule, 2 where the suite
 * cannot run here. With --results each run is added to a file, and the report is made of all of it.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { listenForInterrupt } from "../../src/cli/interrupt.ts";
import { networkObstacle } from "./network.ts";
import { playScenario } from "./play.ts";
import { playRandom } from "./random/play.ts";
import { renderReport, runLine } from "./report.ts";
import { conditions, parseResults, type Result, resultLine } from "./results.ts";
import { QUICK, type Scenario, THREE, WITNESS } from "./scenario.ts";
import { SCENARIOS, UNSUPPORTED } from "./scenarios.ts";
import { openWorld, type World } from "./world.ts";

const { values, positionals } = readArguments();
if (values.list) {
  for (const { name, what } of SCENARIOS) console.log(`${name.padEnd(26)}${what}`);
  for (const { name, because } of UNSUPPORTED) {
    console.log(`${name.padEnd(26)}not here: ${because}`);
  }
  Deno.exit(0);
}
if (positionals.includes("random")) await random();
if (positionals.includes("report")) await report();
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) refuse("--runs must be a whole number, 1 or more.");
const unknown = positionals.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
if (unknown.length > 0) refuse(`There is no scenario ${unknown.join(", ")}; see --list.`);
const obstacle = await networkObstacle();
if (obstacle !== null) refuse(`The fault suite cannot run here: ${obstacle}.`);

const chosen = SCENARIOS.filter(({ name }) =>
  positionals.length === 0 || positionals.includes(name)
);
const interrupt = listenForInterrupt();
const results: Result[] = await earlierResults();
const earlier = results.length;
let world: World | null = null;
let lastRow = 0;
for (const scenario of chosen.toSorted(byShape)) {
  for (let number = 1; number <= runs && !interrupt.signal.aborted; number++) {
    if (world !== null && world.shape !== scenario.shape) await leave(true);
    world ??= await openOrStop(scenario);
    if (world === null) break;
    const now = await conditions();
    const { outcome, lastRow: last } = await playScenario(scenario, world, lastRow);
    if (interrupt.signal.aborted) break;
    lastRow = last;
    await keep({ at: new Date().toISOString(), ...now, ...outcome });
    console.log(runLine(outcome, number));
    for (const fault of outcome.faults) console.error(fault);
    if (outcome.faults.length > 0) await leave(false);
  }
}
await leave(true);
const own = results.slice(earlier);
const failed = own.filter(({ faults }) => faults.length > 0).length;
console.log(`${own.length - failed} runs passed, ${failed} failed`);
Deno.exit(failed === 0 && !interrupt.signal.aborted ? 0 : 1);

/** Adds a result to those of this run, to the file of results, and to the report. */
async function keep(result: Result): Promise<void> {
  results.push(result);
  if (values.results !== undefined) {
    await Deno.writeTextFile(values.results, `${resultLine(result)}\n`, { append: true });
  }
  await writeReport(results);
}

async function writeReport(results: readonly Result[]): Promise<void> {
  if (values.report === undefined) return;
  await Deno.writeTextFile(values.report, renderReport(SCENARIOS, results, UNSUPPORTED));
}

async function earlierResults(): Promise<Result[]> {
  if (values.results === undefined) return [];
  try {
    return [...parseResults(await Deno.readTextFile(values.results))];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    refuse(`${values.results}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The report of what a file of results holds; nothing is played. */
async function report(): Promise<never> {
  if (positionals.length > 1) refuse("report goes alone, without the names of scenarios.");
  if (values.results === undefined || values.report === undefined) {
    refuse("report needs --results FILE, which it reads, and --report FILE, which it writes.");
  }
  await writeReport(await earlierResults());
  Deno.exit(0);
}

/** Random faults instead of scenarios. */
async function random(): Promise<never> {
  if (positionals.length > 1) refuse("random goes alone, without the names of scenarios.");
  const minutes = Number(values.minutes);
  const seed = Number(values.seed ?? crypto.getRandomValues(new Uint16Array(1))[0]);
  if (!(minutes > 0)) refuse("--minutes must be a number above 0.");
  if (!Number.isInteger(seed) || seed < 0) refuse("--seed must be a whole number, 0 or more.");
  const shapes = [THREE, WITNESS, QUICK];
  const shape = shapes.find(({ name }) => name === values.shape);
  if (shape === undefined) {
    refuse(`--shape must be one of ${shapes.map(({ name }) => name).join(", ")}.`);
  }
  const obstacle = await networkObstacle();
  if (obstacle !== null) refuse(`The fault suite cannot run here: ${obstacle}.`);
  const { signal } = listenForInterrupt();
  console.log(`Random faults for ${minutes} minutes, --seed ${seed}`);
  const { faults, summary } = await playRandom({ shape, minutes, seed, signal }, console.log);
  for (const fault of faults) console.error(fault);
  console.log(summary);
  Deno.exit(faults.length === 0 && !signal.aborted ? 0 : 1);
}

/** A cluster for a scenario; null where the run was interrupted before it stood. */
async function openOrStop({ shape }: Scenario): Promise<World | null> {
  try {
    return await openWorld(shape, interrupt.signal);
  } catch (error) {
    if (interrupt.signal.aborted) return null;
    throw error;
  }
}

/** Takes the cluster down; its folder stays where that says something. */
async function leave(good: boolean): Promise<void> {
  const leaving = world;
  world = null;
  if (leaving === null) return;
  lastRow = 0;
  const left = await leaving.close();
  for (const line of left) console.error(`had to be killed: ${line}`);
  if (good) await Deno.remove(leaving.plan.folder, { recursive: true });
  else console.error(`The folder is kept: ${leaving.plan.folder}`);
}

function byShape(one: Scenario, other: Scenario): number {
  const place = ({ shape }: Scenario) => SCENARIOS.findIndex((each) => each.shape === shape);
  return place(one) - place(other);
}

function readArguments() {
  try {
    return parseArgs({
      args: Deno.args,
      allowPositionals: true,
      options: {
        runs: { type: "string", default: "1" },
        report: { type: "string" },
        results: { type: "string" },
        minutes: { type: "string", default: "10" },
        seed: { type: "string" },
        shape: { type: "string", default: THREE.name },
        list: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    refuse(
      `${reason} Usage: deno task faults [NAME…] [--runs N] [--report FILE] [--list]\n` +
        "   or: deno task faults random [--minutes N] [--seed N] [--shape S]",
    );
  }
}

function refuse(because: string): never {
  console.error(because);
  Deno.exit(2);
}
