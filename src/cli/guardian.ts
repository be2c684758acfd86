/**
 * `metako guardian`: what an agent starts beside itself; not for people.
 *
 * @module
 */
import { runGuardian } from "../agent/mod.ts";
import { EXIT } from "./exit_codes.ts";

/**
 * Runs a guardian on standard input and output.
 *
 * @returns the exit code
 */
export async function guardianCommand(
  options: { readonly dataDir: string; readonly stateDir: string; readonly node: string },
): Promise<number> {
  // What ends the agent must not end its guardian: a terminal, or a service manager, tells both.
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(name, () => {});
  }
  await runGuardian(options);
  return EXIT.ok;
}
