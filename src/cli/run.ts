/**
 * `metako run`: the agent, until SIGINT or SIGTERM. PostgreSQL is left running when it ends.
 *
 * @module
 */
import { runAgent } from "../agent/mod.ts";
import { formatProblem } from "../config/mod.ts";
import { EXIT } from "./exit_codes.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { loadConfig } from "./load_config.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Runs the agent of one node.
 *
 * Warnings of the configuration go to standard error and do not hold it up, but for those that the
 * configuration marks as refusing a run: a certificate file that does not exist would turn an
 * encrypted cluster into an unreachable one.
 *
 * @returns the exit code
 */
export async function runCommand(
  options: { readonly config: string },
  context: {
    readonly terminal: Terminal;
    readonly version: string;
    readonly self: readonly string[];
  },
): Promise<number> {
  const loaded = loadConfig(options.config, context.terminal);
  if (!loaded.ok) return loaded.code;
  for (const warning of loaded.warnings) context.terminal.complain(formatProblem(warning));
  if (loaded.warnings.some((warning) => warning.refusesRun)) return EXIT.configuration;
  const interrupt = listenForInterrupt();
  try {
    return await runAgent(loaded.config, {
      version: context.version,
      self: context.self,
      signal: interrupt.signal,
    });
  } finally {
    interrupt.dispose();
  }
}
