/**
 * An operator's client, made from any member's configuration.
 *
 * @module
 */
import { userInfo } from "node:os";
import type { Config } from "../config/mod.ts";
import {
  createOperatorClient as connect,
  type OperatorClient,
} from "../coordination/operator_client.ts";
import { clusterKeys, endpoints } from "./secrets.ts";

/** Who works at this terminal, as `user@host`; behind sudo the user who became root. */
export function operatorName(): string {
  return `${Deno.env.get("SUDO_USER") || userName()}@${Deno.hostname()}`;
}

/** In a container the user may have a number and no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${Deno.uid()}`;
  }
}

/** Shortest time that a person waits for a node before it counts as unreachable. */
const MINIMUM_TIMEOUT_MS = 2000;

/**
 * Opens a client for `config`. Signed with the cluster's key; over TLS where the members use it.
 *
 * @param tool what the operator works with, for the history: `metako pause`
 * @throws {Error} where TLS is on and the certificate that peers are verified with cannot be read
 */
export function createOperatorClient(config: Config, tool: string): OperatorClient {
  const { tlsEnabled, certFile, caFile } = config.security;
  const trustedFile = caFile ?? certFile;
  return connect({
    by: operatorName(),
    tool,
    keys: clusterKeys(config).keys,
    members: endpoints(config),
    timeoutMs: Math.max(MINIMUM_TIMEOUT_MS, config.coordination.communicationTimeoutMs),
    tls: tlsEnabled,
    caCerts: tlsEnabled && trustedFile !== null ? [Deno.readTextFileSync(trustedFile)] : [],
  });
}
