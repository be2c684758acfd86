/**
 * An operator's client, made from any member's configuration.
 *
 * @module
 */
import type { Config } from "../config/mod.ts";
import {
  createOperatorClient as connect,
  type OperatorClient,
} from "../coordination/operator_client.ts";
import { clusterKeys, endpoints } from "./secrets.ts";

/** Shortest time that a person waits for a node before it counts as unreachable. */
const MINIMUM_TIMEOUT_MS = 2000;

/**
 * Opens a client for `config`. Signed with the cluster's key; over TLS where the members use it.
 *
 * @throws {Error} where TLS is on and the certificate that peers are verified with cannot be read
 */
export function createOperatorClient(config: Config): OperatorClient {
  const { tlsEnabled, certFile, caFile } = config.security;
  const trustedFile = caFile ?? certFile;
  return connect({
    keys: clusterKeys(config).keys,
    members: endpoints(config),
    timeoutMs: Math.max(MINIMUM_TIMEOUT_MS, config.coordination.communicationTimeoutMs),
    tls: tlsEnabled,
    caCerts: tlsEnabled && trustedFile !== null ? [Deno.readTextFileSync(trustedFile)] : [],
  });
}
