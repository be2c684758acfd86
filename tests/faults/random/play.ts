/**
 * Minutes of random faults under constant load. A seed draws them; how they meet the cluster also
 * depends on the machine.
 *
 * Turn by turn one to three faults begin, overlap and end; then everything is connected and
 * started, and the cluster has to become whole within two minutes and to take writes. At the end no
 * acknowledged row may be missing, on any node, and no former primary may have acknowledged one.
 *
 * @module
 */
import type { DemoNode } from "../../../src/cli/demo/plan.ts";
import { pause } from "../../../src/cli/interrupt.ts";
import { type Dice, diceOf } from "../../simulation/dice.ts";
import { type Clients, startClients } from "../clients.ts";
import { longestGapMs, overlaps } from "../judge.ts";
import { goesOn } from "../play.ts";
import { openWorld, rowsOf, type Shape, untilWhole, type World } from "../world.ts";
import { drawMischief, type Ground, makeGood, type Mischief, startMissing } from "./mischief.ts";

/** How a run ended. */
export interface RandomEnd {
  /** Why it failed; empty where it passed. */
  readonly faults: readonly string[];
  /** For the screen and the report, in sentences. */
  readonly summary: string;
}

const STEP_MS = 250;
const MOST_AT_ONCE = 3;
const SECOND_MS = 1000;
const REPLAY_S = 20;

/** Plays for so many minutes, and says what happens as it happens. */
export async function playRandom(
  options: {
    readonly shape: Shape;
    readonly minutes: number;
    readonly seed: number;
    readonly signal: AbortSignal;
  },
  say: (line: string) => void,
): Promise<RandomEnd> {
  const { shape, minutes, seed, signal } = options;
  const dice = diceOf(seed, "faults");
  const world = await openWorld(shape, signal);
  const clients = startClients(world.plan, 0);
  const beganAtMs = performance.now();
  const elapsed = () => `${((performance.now() - beganAtMs) / 1000).toFixed(1).padStart(7)} s`;
  const faults: string[] = [];
  let count = 0;
  try {
    while (performance.now() - beganAtMs < minutes * 60_000 && !signal.aborted) {
      const beforeMs = performance.now();
      count += await oneTurn(world, dice, signal, (line) => say(`${elapsed()}  ${line}`));
      if (signal.aborted) break;
      const goodAtMs = performance.now();
      const primary = await untilWhole(world);
      if (!await goesOn(clients)) {
        throw new Error("Writes did not go on after the cluster was whole");
      }
      const { outage, wrong } = lookBack(clients, beforeMs);
      const whole = ((performance.now() - goodAtMs) / 1000).toFixed(1);
      say(`${elapsed()}  whole +${whole} s, ${primary} is primary, writes ${outage}`);
      if (wrong > 0) throw new Error(`${wrong} rows were acknowledged by a former primary`);
    }
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
  }
  const untilMs = performance.now();
  await clients.stop();
  faults.push(...await missing(world, clients).catch((error) => [String(error)]));
  for (const line of await world.close()) faults.push(`had to be killed: ${line}`);
  if (faults.length === 0) await Deno.remove(world.plan.folder, { recursive: true });
  else faults.push(`The folder is kept: ${world.plan.folder}`);
  return { faults, summary: sumUp(clients, { count, seed, beganAtMs, untilMs, faults }) };
}

/** Begins and ends one to three pieces of mischief; returns how many. */
async function oneTurn(
  world: World,
  dice: Dice,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<number> {
  const turn = Array.from({ length: dice.luck(0.5) ? 1 : dice.whole(2, MOST_AT_ONCE) }, () => {
    const mischief = drawMischief(dice);
    const victims = world.plan.nodes.filter((node) => !mischief.data || !node.witness);
    // Most of what matters happens to the primary.
    const towardsPrimary = dice.luck(0.5);
    const victim = dice.pick(victims);
    const waitMs = dice.between(0, 6000);
    const lastsMs = dice.between(0, mischief.mostMs);
    return { mischief, victim, towardsPrimary, waitMs, lastsMs };
  });
  await Promise.all(turn.map(async ({ mischief, victim, towardsPrimary, waitMs, lastsMs }) => {
    if (!await pause(waitMs, signal)) return;
    const ground = { world, dice, victim: towardsPrimary ? primaryOr(world, victim) : victim };
    await strike(mischief, ground, say);
    const endMs = performance.now() + lastsMs;
    while (performance.now() < endMs && await pause(STEP_MS, signal));
    await mischief.end?.(ground);
    if (mischief.mostMs > 0) startMissing(world);
  }));
  await makeGood(world);
  await pause(SECOND_MS, signal);
  await makeGood(world);
  return turn.length;
}

async function strike(
  mischief: Mischief,
  ground: Ground,
  say: (line: string) => void,
): Promise<void> {
  const was = primaryOr(ground.world, null) === ground.victim ? " (primary)" : "";
  const head = `${mischief.name}: ${ground.victim.name}${was}`;
  const about = await mischief.begin(ground);
  say(about === "" ? head : `${head} ${about}`);
}

function primaryOr<T>({ plan, watcher }: World, otherwise: T): DemoNode | T {
  const name = watcher.latest()?.primary;
  return plan.nodes.find((node) => node.name === name) ?? otherwise;
}

function lookBack({ ledger }: Clients, fromMs: number): { outage: string; wrong: number } {
  const window = { fromMs, untilMs: performance.now() };
  const gapMs = longestGapMs(ledger.acknowledged.map(({ atMs }) => atMs), window);
  return {
    outage: `stood still for ${(gapMs / 1000).toFixed(2)} s`,
    wrong: overlaps(ledger.acknowledged).length,
  };
}

/** Every acknowledged row has to be on every node, at last. */
async function missing(world: World, { ledger }: Clients): Promise<string[]> {
  const found: string[] = [];
  await untilWhole(world);
  for (const node of world.plan.nodes.filter((each) => !each.witness)) {
    let lost = ledger.acknowledged;
    // What a standby has not replayed yet is not lost.
    for (let time = 0; lost.length > 0 && time < REPLAY_S; time++) {
      if (time > 0) await pause(SECOND_MS, new AbortController().signal);
      const present = await rowsOf(world, node);
      lost = lost.filter(({ row }) => !present.has(row));
    }
    if (lost.length === 0) continue;
    const rows = lost.slice(0, 5).map(({ row }) => row).join(", ");
    found.push(`${lost.length} acknowledged rows are missing on ${node.name}: ${rows}`);
  }
  return found;
}

function sumUp(
  { ledger }: Clients,
  run: {
    readonly count: number;
    readonly seed: number;
    readonly beganAtMs: number;
    readonly untilMs: number;
    readonly faults: readonly string[];
  },
): string {
  const { count, seed, beganAtMs, untilMs, faults } = run;
  const times = ledger.acknowledged.map(({ atMs }) => atMs);
  const longest = longestGapMs(times, { fromMs: beganAtMs, untilMs });
  const servers = new Set(ledger.acknowledged.map(({ server }) => server)).size;
  const still = times.toSorted((a, b) => a - b).reduce(
    ({ sum, before }, at) => ({ sum: sum + (at - before > 500 ? at - before : 0), before: at }),
    { sum: 0, before: beganAtMs },
  ).sum;
  return [
    `${faults.length === 0 ? "Passed" : "FAILED"}: seed ${seed},`,
    `${((untilMs - beganAtMs) / 60_000).toFixed(1)} minutes, ${count} faults,`,
    `${ledger.acknowledged.length} rows acknowledged by ${servers} servers,`,
    `writes stood still for ${(longest / 1000).toFixed(1)} s at most`,
    `and ${(still / 1000).toFixed(0)} s altogether,`,
    `${ledger.read.length} reads.`,
  ].join(" ");
}
