/**
 * `deno task sim:mutants`: plays the simulator against each planted fault until an invariant breaks.
 *
 *     deno task sim:mutants [--only id,id] [--seeds 600] [--check]
 *
 * A mutant whose text is not found is an error; one that survives is printed and fails the task,
 * unless the catalogue argues that it cannot be told from the original. With --check the faults are
 * only planted, not played.
 */
import { execFile } from "node:child_process";
import { parseArgs, promisify } from "node:util";
import { MUTANTS } from "./all.ts";
import { applyEdit, type Mutant } from "./mutant.ts";

const ROOT = new URL("../../../", import.meta.url);
/** A mutant that makes a run go on for ever is killed as well. */
const TIMEOUT_MS = 240_000;

const { values } = parseArgs({
  args: Deno.args,
  options: {
    only: { type: "string" },
    seeds: { type: "string", default: "600" },
    check: { type: "boolean", default: false },
  },
});

const only = values.only?.split(",");
const chosen = MUTANTS.filter(({ id }) => only === undefined || only.includes(id));
const folder = Deno.makeTempDirSync({ prefix: "metako-mutants-" });
let wrong = 0;
try {
  copyFolder("src/core");
  copyFolder("tests/simulation");
  Deno.writeTextFileSync(`${folder}/deno.json`, "{}");
  for (const mutant of chosen) {
    const originals = plant(mutant);
    if (!values.check) await examine(mutant);
    for (const [file, text] of originals) Deno.writeTextFileSync(`${folder}/${file}`, text);
  }
} finally {
  Deno.removeSync(folder, { recursive: true });
}
console.log(`${chosen.length} mutants, ${wrong} not as the catalogue says`);
if (wrong > 0) Deno.exit(1);

async function examine(mutant: Mutant): Promise<void> {
  const found = await play();
  const killed = found !== null;
  if (killed === (mutant.equivalent !== undefined)) wrong++;
  const verdict = found ?? (mutant.equivalent === undefined ? "SURVIVED" : "equivalent");
  console.log(`| ${mutant.id} | ${mutant.what} | ${verdict} |`);
}

/** The invariant that broke and the seeds it took; null where the mutant survived. */
async function play(): Promise<string | null> {
  const run = promisify(execFile);
  const args = [
    "run",
    "--no-prompt",
    "--no-check",
    `--allow-read=${folder}`,
    `${folder}/tests/simulation/main.ts`,
    "--quiet",
    "--stop-after=1",
    `--seeds=${values.seeds}`,
  ];
  const output = await run(Deno.execPath(), args, { timeout: TIMEOUT_MS }).then(
    ({ stdout }) => stdout,
    (error: { killed?: boolean; stdout?: string; stderr?: string }) =>
      error.killed === true ? "BROKEN seed 0 at 0 s: hang: " : `${error.stdout}${error.stderr}`,
  );
  const broken = /^BROKEN seed (\d+) at \S+ s: ([^:]*):/m.exec(output);
  if (broken !== null) return `${broken[2]} | ${broken[1]}`;
  if (!/ seeds, /.test(output)) throw new Error(`the simulator did not run:\n${output}`);
  const gap = /^GAP .*never happened.*$/m.exec(output);
  return gap === null ? null : `${gap[0]} | ${values.seeds}`;
}

/** Plants a mutant's edits, and gives back what the files were. */
function plant(mutant: Mutant): Map<string, string> {
  const originals = new Map<string, string>();
  for (const edit of mutant.edits) {
    const path = `${folder}/${edit.file}`;
    const text = Deno.readTextFileSync(path);
    if (!originals.has(edit.file)) originals.set(edit.file, text);
    Deno.writeTextFileSync(path, applyEdit(text, edit));
  }
  return originals;
}

function copyFolder(from: string): void {
  Deno.mkdirSync(`${folder}/${from}`, { recursive: true });
  for (const entry of Deno.readDirSync(new URL(from, ROOT))) {
    const path = `${from}/${entry.name}`;
    if (entry.isDirectory) copyFolder(path);
    else Deno.copyFileSync(new URL(path, ROOT), `${folder}/${path}`);
  }
}
