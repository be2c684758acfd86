/**
 * A plot: a copy of the core and the simulator in which one fault at a time is planted and played.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { applyEdit, type Mutant } from "./mutant.ts";

const ROOT = new URL("../../../", import.meta.url);
/** A mutant that makes a run go on for ever is killed as well. */
const TIMEOUT_MS = 400_000;
/** Storms that are played first: some six of them take as long as one whole storm. */
const SHORT_STORMS = 300;
const SHORT_S = 60;

/** What became of a mutant. */
export interface Found {
  /** The invariant that broke; null where the mutant survived. */
  readonly killedBy: string | null;
  /** The script in which it broke; null where it took storms. */
  readonly script: string | null;
  /** How many storms of a minute it took, and how many whole ones after those. */
  readonly short: number;
  readonly whole: number;
}

/** Copies the sources into a folder of their own. */
export function createPlot(): string {
  const folder = Deno.makeTempDirSync({ prefix: "metako-mutants-" });
  copyFolder("src/core", folder);
  copyFolder("tests/simulation", folder);
  Deno.writeTextFileSync(`${folder}/deno.json`, "{}");
  return folder;
}

/** Plants a mutant's edits. What it gives back undoes them. */
export function plant(folder: string, mutant: Mutant): () => void {
  const originals = new Map<string, string>();
  for (const edit of mutant.edits) {
    const path = `${folder}/${edit.file}`;
    const text = Deno.readTextFileSync(path);
    if (!originals.has(path)) originals.set(path, text);
    Deno.writeTextFileSync(path, applyEdit(text, edit));
  }
  return () => {
    for (const [path, text] of originals) Deno.writeTextFileSync(path, text);
  };
}

/**
 * Plays directed schedules, short storms, and then so many whole ones, until an invariant breaks.
 * `seeds` is null where schedules are all there is to play.
 */
export async function playPlot(folder: string, seeds: number | null): Promise<Found> {
  const found = { script: null, short: SHORT_STORMS, whole: 0 };
  const directed = await play(folder, ["--directed"]);
  if (directed !== null) {
    return { killedBy: directed.checker, script: directed.where, short: 0, whole: 0 };
  }
  if (seeds === null) return { killedBy: null, script: null, short: 0, whole: 0 };
  const early = await play(folder, [`--seeds=${SHORT_STORMS}`, `--storm=${SHORT_S}`]);
  if (early !== null) return { ...found, killedBy: early.checker, short: seedOf(early) };
  const late = await play(folder, [`--seeds=${seeds}`]);
  return late === null
    ? { ...found, killedBy: null, whole: seeds }
    : { ...found, killedBy: late.checker, whole: seedOf(late) };
}

/** Where an invariant broke: a script by its id, or a seed. */
interface Broken {
  readonly checker: string;
  readonly where: string;
}

function seedOf({ where }: Broken): number {
  return Number(where.replace("seed ", ""));
}

async function play(
  folder: string,
  options: readonly string[],
): Promise<Broken | null> {
  const run = promisify(execFile);
  const args = [
    "run",
    "--no-prompt",
    "--no-check",
    `--allow-read=${folder}`,
    `${folder}/tests/simulation/main.ts`,
    "--quiet",
    "--stop-after=1",
    ...options,
  ];
  const output = await run(Deno.execPath(), args, { timeout: TIMEOUT_MS }).then(
    ({ stdout }) => stdout,
    (error: { killed?: boolean; stdout?: string; stderr?: string }) =>
      error.killed === true ? "BROKEN seed 0 at 0 s: hang: " : `${error.stdout}${error.stderr}`,
  );
  const broken = /^BROKEN (.+) at \S+ s: ([^:]*):/m.exec(output);
  if (broken !== null) return { checker: broken[2]!, where: broken[1]! };
  if (!/ (seeds|scripts), /.test(output)) throw new Error(`the simulator did not run:\n${output}`);
  return null;
}

function copyFolder(from: string, to: string): void {
  Deno.mkdirSync(`${to}/${from}`, { recursive: true });
  for (const entry of Deno.readDirSync(new URL(from, ROOT))) {
    const path = `${from}/${entry.name}`;
    if (entry.isDirectory) copyFolder(path, to);
    else Deno.copyFileSync(new URL(path, ROOT), `${to}/${path}`);
  }
}
