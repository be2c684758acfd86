/**
 * `deno task coverage [--lines]`: how much of src/core is reached by the tests that need no
 * permission, those of the core and the simulator's.
 *
 * Prints lines and branches file by file; with `--lines` also which of them no test reaches. The exit
 * code is 1 where less than 95 % of either is reached, or where a test fails.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type FileCoverage, readLcov, share } from "./lcov.ts";

/** Percent of the lines, and of the branches, of src/core as a whole. */
const LEAST = 95;

const { values } = parseArgs({
  args: Deno.args,
  options: { lines: { type: "boolean", default: false } },
});

const folder = await Deno.makeTempDir({ prefix: "metako-coverage-" });
try {
  await deno(
    "test",
    "--quiet",
    "--no-prompt",
    `--coverage=${folder}`,
    "tests/core",
    "tests/simulation",
  );
  const lcov = await deno("coverage", "--lcov", "--include=src/core/", folder);
  Deno.exitCode = show(readLcov(lcov)) ? 0 : 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}

/** Prints the table. True where enough is reached. */
function show(files: readonly FileCoverage[]): boolean {
  for (const file of files) {
    console.log(row(file.path.replace(/^.*src\//, "src/"), file));
    if (!values.lines) continue;
    for (
      const [what, { missed }] of [["line", file.lines], ["branch at line", file.branches]] as const
    ) {
      if (missed.length > 0) console.log(`    ${what} ${missed.join(", ")}`);
    }
  }
  const total = {
    lines: sum(files.map(({ lines }) => lines)),
    branches: sum(files.map(({ branches }) => branches)),
  };
  console.log(row("all of src/core", total));
  return share(total.lines) >= LEAST && share(total.branches) >= LEAST;
}

function sum(parts: readonly FileCoverage["lines"][]): FileCoverage["lines"] {
  return {
    found: parts.reduce((count, { found }) => count + found, 0),
    hit: parts.reduce((count, { hit }) => count + hit, 0),
    missed: [],
  };
}

function row(name: string, { lines, branches }: Omit<FileCoverage, "path">): string {
  const percent = (part: FileCoverage["lines"]) => `${share(part).toFixed(1)} %`.padStart(8);
  return `${name.padEnd(34)} lines${percent(lines)}  branches${percent(branches)}`;
}

/** Runs this Deno; what it prints on standard output comes back. */
async function deno(...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (success) return text;
  console.error(text + new TextDecoder().decode(stderr));
  throw new Error(`deno ${args[0]} failed; its output is above.`);
}
