/**
 * The commands' connections to the members, and what to say where there can be none.
 *
 * @module
 */
import { createOperatorClient, type OperatorClient } from "../agent/mod.ts";
import type { Config } from "../config/mod.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { loadConfig } from "./load_config.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Opens an operator's client.
 *
 * @returns null, after a message on standard error, where the certificates that members are verified
 *   with cannot be used
 */
export function openClient(
  config: Config,
  terminal: Pick<Terminal, "complain">,
): OperatorClient | null {
  try {
    return createOperatorClient(config);
  } catch (error) {
    const { caFile, certFile } = config.security;
    const reason = error instanceof Error ? error.message : String(error);
    terminal.complain(
      `Cannot verify the members' certificates with ${caFile ?? certFile}: ${reason}.` +
        " Set security.ca_file to a readable PEM file.",
    );
    return null;
  }
}

/**
 * Runs a command with a client of the cluster that a configuration file describes, and closes the
 * client behind it.
 *
 * @param path the configuration file
 */
export async function withClient(
  path: string,
  terminal: Terminal,
  run: (client: OperatorClient, config: Config) => Promise<ExitCode>,
): Promise<ExitCode> {
  const loaded = loadConfig(path, terminal);
  if (!loaded.ok) return loaded.code;
  const client = openClient(loaded.config, terminal);
  if (client === null) return EXIT.configuration;
  try {
    return await run(client, loaded.config);
  } finally {
    client.close();
  }
}
