/**
 * The other members, as the configuration names them: a client for them, and their health checks.
 *
 * @module
 */
import type { Config } from "../config/mod.ts";
import { createPeerClient, type PeerClient } from "../coordination/client.ts";
import { createHealthChecker, type HealthChecker, SYSTEM_TIMERS } from "../coordination/health.ts";
import type { ClusterKeys } from "../coordination/keys.ts";
import type { NodeStatus } from "../coordination/status.ts";
import type { Endpoint } from "../coordination/transport.ts";
import type { Log } from "../core/log.ts";
import type { NodeName } from "../core/record.ts";
import type { TlsFiles } from "./secrets.ts";

/** Opens a client for the other members. */
export function connectPeers(
  { identity, coordination }: Config,
  { keys, tls, addresses }: {
    readonly keys: ClusterKeys;
    readonly tls: TlsFiles | null;
    readonly addresses: ReadonlyMap<NodeName, Endpoint>;
  },
): PeerClient {
  return createPeerClient({
    self: identity.nodeName,
    keys,
    members: addresses,
    timeoutMs: coordination.communicationTimeoutMs,
    tls: tls !== null,
    caCerts: tls === null ? [] : [tls.trusted],
  });
}

/** Asks a member for its status; null where there is no answer with the cluster's signature. */
export function verifiedStatus(
  client: Pick<PeerClient, "status">,
): (node: NodeName) => Promise<NodeStatus | null> {
  return async (node) => {
    const answer = await client.status(node);
    return answer.ok && answer.verified ? answer.status : null;
  };
}

/** Starts checking every member but this one. */
export function checkPeers(
  config: Config,
  ports: Pick<Parameters<typeof createHealthChecker>[0], "fetchStatus"> & { readonly log: Log },
): HealthChecker {
  const { identity, members } = config;
  return createHealthChecker({
    members: members.map(({ nodeName }) => nodeName).filter((name) => name !== identity.nodeName),
    limits: () => config.healthCheck,
    timers: SYSTEM_TIMERS,
    ...ports,
  });
}
