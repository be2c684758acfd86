/**
 * `metako config check FILE`: would this configuration do, and what would be in effect?
 *
 * The verdict and the warnings go to standard error, the effective configuration to standard output,
 * so that it can be kept or compared: `metako config check FILE > effective.yaml`.
 *
 * @module
 */
import { effectiveConfig, formatProblem } from "../config/mod.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { loadConfig } from "./load_config.ts";
import type { Terminal } from "./terminal.ts";

/** Checks one file. Secrets are hidden in what it prints. */
export function configCheckCommand(file: string, terminal: Terminal): ExitCode {
  const loaded = loadConfig(file, terminal);
  if (!loaded.ok) {
    terminal.complain(`${file} cannot be used.`);
    return loaded.code;
  }
  const { warnings } = loaded;
  for (const warning of warnings) terminal.complain(formatProblem(warning));
  const count = warnings.length === 0
    ? ""
    : `, with ${warnings.length} warning${warnings.length === 1 ? "" : "s"}`;
  const refused = warnings.some((warning) => warning.refusesRun)
    ? "; metako run refuses it until the files exist"
    : "";
  terminal.complain(`${file} is valid${count}${refused}.`);
  terminal.print(effectiveConfig(loaded.config).trimEnd());
  return EXIT.ok;
}
