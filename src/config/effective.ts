/**
 * The configuration in effect, as a file: every key with its value or default, secrets hidden.
 * With the secrets put back it reads as the same configuration.
 *
 * @module
 */
import { stringify } from "yaml";
import type { Config } from "./config.ts";
import { formatDuration } from "./duration.ts";
import { formatSize } from "./size.ts";
import { HIDDEN } from "./source.ts";

/**
 * Writes `config` as YAML. What is not set and has no default is left out.
 *
 * @returns text that ends in a newline; secrets appear as eight asterisks
 */
export function effectiveConfig(config: Config): string {
  return stringify(settingTree(config), { lineWidth: 0 });
}

/** What {@linkcode effectiveConfig} writes, as a tree; secrets are hidden here too. */
export function settingTree(config: Config): Record<string, unknown> {
  const { identity, localDb, coordination, healthCheck, loadBalancer, security } = config;
  const { replication, router, witnessLogin, hooks } = config;
  return dropUnset({
    cluster_name: config.clusterName,
    identity: {
      node_name: identity.nodeName,
      local_db_host: identity.localDbHost,
      local_db_port: identity.localDbPort,
      api_host: identity.apiHost,
      api_port: identity.apiPort,
      priority: identity.priority,
      nofailover: identity.nofailover,
      witness: identity.witness,
    },
    local_db: localDb === null
      ? witnessLogin && { username: witnessLogin.username, password: HIDDEN }
      : {
        name: localDb.name,
        host: localDb.host,
        port: localDb.port,
        role: localDb.role,
        username: localDb.username,
        password: HIDDEN,
        database: localDb.database,
        data_dir: localDb.dataDir,
        bin_dir: localDb.binDir,
        os_user: localDb.osUser,
      },
    cluster_members: config.members.filter((member) => !member.self).map((member) => ({
      node_name: member.nodeName,
      api_host: member.apiHost,
      api_port: member.apiPort,
      role: member.role,
      priority: member.priority,
      nofailover: member.nofailover,
      witness: member.witness,
    })),
    coordination: {
      cluster_mode: {
        heartbeat_interval: formatDuration(coordination.heartbeatIntervalMs),
        communication_timeout: formatDuration(coordination.communicationTimeoutMs),
        failover_timeout: formatDuration(coordination.failoverTimeoutMs),
        fence_margin: formatDuration(coordination.fenceMarginMs),
        agent_silence_timeout: formatDuration(coordination.agentSilenceMs),
        min_consensus_nodes: coordination.minConsensusNodes,
        local_node_preference: coordination.localNodePreference,
      },
      pair_mode: {
        enable: coordination.pair.enable,
        failover_delay: formatDuration(coordination.pair.failoverDelayMs),
        failure_threshold: coordination.pair.failureThreshold,
        witness_addresses: coordination.pair.witnessAddresses.map(({ host, port }) =>
          host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
        ),
        when_alone: coordination.pair.whenAlone,
      },
    },
    health_check: {
      interval: formatDuration(healthCheck.intervalMs),
      timeout: formatDuration(healthCheck.timeoutMs),
      failure_threshold: healthCheck.failureThreshold,
    },
    load_balancer: {
      algorithm: loadBalancer.algorithm,
      read_timeout: formatDuration(loadBalancer.readTimeoutMs),
      write_timeout: formatDuration(loadBalancer.writeTimeoutMs),
    },
    security: {
      tls_enabled: security.tlsEnabled,
      cert_file: security.certFile,
      key_file: security.keyFile,
      ca_file: security.caFile,
      cluster_secret: hide(security.clusterSecret),
      previous_cluster_secret: hide(security.previousClusterSecret),
      pages_open_to: security.pagesOpenTo,
      read_token: hide(security.readToken),
    },
    replication: {
      user: replication.user,
      password: hide(replication.password),
      durability: replication.durability,
      // A node alone has nobody to wait for, and the key has no way to say so.
      synchronous_standbys: replication.synchronousStandbys === 0
        ? null
        : replication.synchronousStandbys,
      maximum_lag_on_failover: replication.maximumLagOnFailoverBytes === null
        ? null
        : formatSize(replication.maximumLagOnFailoverBytes),
      rejoin: replication.rejoin,
      slot_retention: formatSize(replication.slotRetentionBytes),
    },
    router: {
      host: router.host,
      port: router.port,
      primary_port: router.primaryPort,
      read_only_port: router.readOnlyPort,
      maximum_connections: router.maximumConnections,
      maximum_connections_per_user: router.maximumConnectionsPerUser,
      maximum_pending_per_address: router.maximumPendingPerAddress,
      maximum_waiting: router.maximumWaiting,
      allow_trusted_backend: router.allowTrustedBackend,
      tls: router.tls,
      authentication: router.authentication,
      backend_tls: router.backendTls,
      backend_ca_file: router.backendCaFile,
      local_socket: router.localSocket,
      allow: router.allow.map((entry) =>
        dropUnset({
          ...entry,
          networks: entry.networks?.map((origin) =>
            origin === "loopback" ? origin : `${origin.address}/${origin.prefixBits}`
          ) ?? null,
          privileged: entry.action === "reject" ? null : entry.privileged,
        })
      ),
      splitting: router.splitting,
      idle_timeout: formatDuration(router.idleTimeoutMs),
      idle_in_transaction_timeout: formatDuration(router.idleInTransactionTimeoutMs),
      query_timeout: formatDuration(router.queryTimeoutMs),
      read_consistency: router.readConsistency,
      maximum_read_lag: router.maximumReadLagBytes === null
        ? null
        : formatSize(router.maximumReadLagBytes),
      opaque_sessions: router.opaqueSessions,
    },
    hooks: {
      before_promotion: hooks.beforePromotion,
      on_role_change: hooks.onRoleChange,
      after_failover: hooks.afterFailover,
      on_lost_durability: hooks.onLostDurability,
      timeout: formatDuration(hooks.timeoutMs),
      veto_limit: formatDuration(hooks.vetoLimitMs),
    },
    watchdog: config.watchdog,
    state_dir: config.stateDir,
    log: { level: config.log.level },
  });
}

function hide(secret: string | null): string | null {
  return secret === null ? null : HIDDEN;
}

/** The same without keys whose value is null. */
function dropUnset(section: Record<string, unknown>): Record<string, unknown> {
  const set = Object.entries(section).filter(([, value]) => value !== null);
  return Object.fromEntries(
    set.map(([key, value]) => [
      key,
      typeof value === "object" && !Array.isArray(value)
        ? dropUnset(value as Record<string, unknown>)
        : value,
    ]),
  );
}
