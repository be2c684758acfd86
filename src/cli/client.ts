/**
 * The commands' connections to the members, and what to say where there can be none.
 *
 * @module
 */
import { compareNames, createOperatorClient, type OperatorClient } from "../agent/mod.ts";
import type { Config } from "../config/mod.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import { loadConfig } from "./load_config.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Opens an operator's client.
 *
 * @param tool the command, for the history: `metako pause`
 * @returns null, after a message on standard error, where the certificates that members are verified
 *   with cannot be used
 */
export function openClient(
  config: Config,
  tool: string,
  terminal: Pick<Terminal, "complain">,
): OperatorClient | null {
  try {
    return createOperatorClient(config, tool);
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

/** Which cluster, and by which command. */
export interface ClientWish {
  /** The configuration file of any member. */
  readonly config: string;
  /** The command, for the history: `metako pause`. */
  readonly tool: string;
}

/**
 * Runs a command with a client of the cluster that a configuration file describes, and closes the
 * client behind it.
 *
 * @param run also gets the members' names, in order
 */
export async function withClient(
  { config, tool }: ClientWish,
  terminal: Terminal,
  run: (
    client: OperatorClient,
    members: readonly string[],
    config: Config,
  ) => Promise<ExitCode>,
): Promise<ExitCode> {
  const loaded = loadConfig(config, terminal);
  if (!loaded.ok) return loaded.code;
  const client = openClient(loaded.config, tool, terminal);
  if (client === null) return EXIT.configuration;
  try {
    const members = loaded.config.members.map(({ nodeName }) => nodeName).sort(compareNames);
    return await run(client, members, loaded.config);
  } finally {
    client.close();
  }
}
