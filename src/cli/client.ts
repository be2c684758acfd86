/**
 * The commands' connections to the members, and what to say where there can be none.
 *
 * @module
 */
import { createOperatorClient, type OperatorClient } from "../agent/mod.ts";
import type { Config } from "../config/mod.ts";
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
