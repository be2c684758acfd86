/**
 * `metako run`: the agent, until SIGINT or SIGTERM; PostgreSQL is left running when it ends. SIGHUP
 * has it read its configuration again.
 *
 * @module
 */
import { type ConfigReading, runAgent } from "../agent/mod.ts";
import { formatProblem } from "../config/mod.ts";
import { EXIT } from "./exit_codes.ts";
import { listenForInterrupt, onHangup } from "./interrupt.ts";
import { loadConfig, readConfig } from "./load_config.ts";
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
  const interrupt = listenForInterrupt({ hangup: false });
  try {
    return await runAgent(loaded.config, {
      version: context.version,
      self: context.self,
      source: {
        file: options.config,
        read: () => readAgain(options.config),
        text: () => textOf(options.config),
      },
      onHangup,
      signal: interrupt.signal,
    });
  } finally {
    interrupt.dispose();
  }
}

/** What refuses a start refuses a reload as well. */
function readAgain(file: string): ConfigReading {
  const read = readConfig(file);
  if (!read.ok) return read;
  const refusing = read.warnings.filter(({ refusesRun }) => refusesRun);
  return refusing.length === 0
    ? { ok: true, config: read.config }
    : { ok: false, problems: refusing.map(formatProblem) };
}

function textOf(file: string): string | null {
  try {
    return Deno.readTextFileSync(file);
  } catch {
    return null;
  }
}
