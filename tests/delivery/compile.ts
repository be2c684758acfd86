/**
 * `deno task compile`: one self-contained binary for this machine, or for others.
 *
 *     deno task compile                    dist/metako, for this machine
 *     deno task compile linux-arm64        dist/metako-linux-arm64
 *     deno task compile --all              one for each of TARGETS
 *
 * The compiler fetches its runtime for the target from Deno's site, unless `DENORT_BIN` names one.
 *
 * @module
 */
import { join } from "node:path";
import { compileArguments, isTarget, TARGETS } from "./targets.ts";

const asked = Deno.args.includes("--all") ? Object.keys(TARGETS) : Deno.args;
const stranger = asked.find((name) => !isTarget(name));
if (stranger !== undefined) {
  console.error(
    `Cannot compile: the target must be --all or one of ${Object.keys(TARGETS).join(", ")}, ` +
      `is ${stranger}.`,
  );
  Deno.exit(2);
}
// The libraries have to be there before their folders can be looked for.
await deno(["cache", "--quiet", "main.ts"]);
const exclude = await unreadableFolders();
for (const target of asked.length === 0 ? [null] : asked.filter(isTarget)) {
  await deno(compileArguments({ target, exclude }));
}

/**
 * Folders of libraries that the compiler cannot read: it takes every file without an extension for a
 * program, and bintrees, which prom-client's summaries use, has test data of 100,000 numbers in one
 * such file, on which the compiler of Deno 2.9 overflows its stack.
 */
async function unreadableFolders(): Promise<readonly string[]> {
  const { npmCache } = JSON.parse(await deno(["info", "--json"], "piped"));
  const found: string[] = [];
  for (const registry of foldersOf(npmCache)) {
    for (const version of foldersOf(join(registry, "bintrees"))) found.push(join(version, "test"));
  }
  return found;
}

function foldersOf(path: string): readonly string[] {
  try {
    return [...Deno.readDirSync(path)].filter(({ isDirectory }) => isDirectory)
      .map(({ name }) => join(path, name));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Runs Deno itself; where it fails, so does this. @returns its output, where that is piped */
async function deno(args: readonly string[], stdout: "piped" | "inherit" = "inherit") {
  const command = new Deno.Command(Deno.execPath(), { args: [...args], stdout, stderr: "inherit" });
  const output = await command.output();
  if (!output.success) {
    console.error(`Cannot compile: deno ${args.join(" ")} ended with ${output.code}.`);
    Deno.exit(1);
  }
  return stdout === "piped" ? new TextDecoder().decode(output.stdout) : "";
}
