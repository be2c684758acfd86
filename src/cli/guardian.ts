/**
 * `metako guardian`: what an agent starts beside itself; not for people.
 *
 * It is started in the middle of a failover, so it does without the other commands' modules: they take
 * several times as long to load as it does.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { runGuardian } from "../agent/guardian.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import type { Terminal } from "./terminal.ts";

const OPTIONS = {
  "data-dir": { type: "string" },
  "state-dir": { type: "string" },
  node: { type: "string" },
} as const;

/**
 * Runs a guardian on standard input and output.
 *
 * @param args `--data-dir` of the server that it guards, `--state-dir` for its log, `--node` for its name
 */
export async function guardianCommand(
  args: readonly string[],
  terminal: Pick<Terminal, "complain">,
): Promise<ExitCode> {
  const options = optionsOf(args);
  if (options === null) {
    terminal.complain(
      "Cannot start a guardian: it takes --data-dir, --state-dir and --node, each with a value. " +
        "Agents start theirs themselves.",
    );
    return EXIT.usage;
  }
  // What ends the agent must not end its guardian: a terminal, or a service manager, tells both.
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(name, () => {});
  }
  await runGuardian(options);
  return EXIT.ok;
}

function optionsOf(args: readonly string[]) {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS });
    const { "data-dir": dataDir, "state-dir": stateDir, node } = values;
    return dataDir && stateDir && node ? { dataDir, stateDir, node } : null;
  } catch {
    return null;
  }
}
