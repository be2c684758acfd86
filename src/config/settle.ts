/**
 * The file's values → a {@linkcode Config}: every default is here, and nowhere else.
 *
 * A key that must be set and is not becomes an empty text; rules.ts reports it, and such a
 * configuration never leaves the room.
 *
 * @module
 */
import type {
  AllowEntry,
  Config,
  CoordinationConfig,
  LocalDbConfig,
  MemberConfig,
  SecurityConfig,
} from "./config.ts";
import type { FileValues } from "./schema.ts";
import type { Secrets } from "./secrets.ts";

const DEFAULT_API_PORT = 8080;
const DEFAULT_DB_PORT = 5432;
const DEFAULT_PRIORITY = 100;

/** The longest default of `communication_timeout`; the sample configuration's value. */
const COMMUNICATION_TIMEOUT_CAP_MS = 5000;

/** The longest default of `fence_margin`. A fence takes a tenth of it on a host with time to spare. */
const FENCE_MARGIN_CAP_MS = 500;

/** 8GB: hours of a busy day, and a disk that is hardly filled by it. */
const DEFAULT_SLOT_RETENTION_BYTES = 8 * 1024 ** 3;

/** Long enough to restart or upgrade an agent. */
const AGENT_SILENCE_MS = 30_000;

type AllowValues = NonNullable<NonNullable<FileValues["router"]>["allow"]>[number];

/** Superusers and replication come from the router's own host only. */
const DEFAULT_ALLOW: readonly AllowEntry[] = [
  settleAllow({ networks: ["loopback"], privileged: true }),
  settleAllow({}),
];

/**
 * Fills in the defaults.
 *
 * @param resolve joins a relative path with the configuration file's folder
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const none = {
 *   localDbPassword: null,
 *   replicationPassword: null,
 *   clusterSecret: null,
 *   previousClusterSecret: null,
 *   readToken: null,
 * };
 * const config = settle({ identity: { node_name: "node1" } }, none, (path) => path);
 * assert.equal(config.coordination.failoverTimeoutMs, 3000);
 * assert.equal(config.stateDir, "/var/lib/metako/node1");
 * ```
 */
export function settle(
  values: FileValues,
  secrets: Secrets,
  resolve: (path: string) => string,
): Config {
  const identity = {
    nodeName: values.identity?.node_name ?? "",
    localDbHost: values.identity?.local_db_host ?? values.local_db?.host ?? "localhost",
    localDbPort: values.identity?.local_db_port ?? values.local_db?.port ?? DEFAULT_DB_PORT,
    apiHost: values.identity?.api_host ?? "0.0.0.0",
    apiPort: values.identity?.api_port ?? DEFAULT_API_PORT,
    priority: values.identity?.priority ?? DEFAULT_PRIORITY,
    nofailover: values.identity?.nofailover ?? false,
    witness: values.identity?.witness ?? false,
  };
  const members: readonly MemberConfig[] = [
    {
      nodeName: identity.nodeName,
      apiHost: identity.apiHost,
      apiPort: identity.apiPort,
      role: identity.witness ? "standby" : values.local_db?.role ?? "standby",
      witness: identity.witness,
      priority: identity.priority,
      nofailover: identity.nofailover,
      self: true,
    },
    ...(values.cluster_members ?? []).map((member): MemberConfig => ({
      nodeName: member?.node_name ?? "",
      apiHost: member?.api_host ?? "",
      apiPort: member?.api_port ?? DEFAULT_API_PORT,
      role: member?.role ?? "standby",
      witness: member?.witness ?? false,
      priority: member?.priority ?? DEFAULT_PRIORITY,
      nofailover: member?.nofailover ?? false,
      self: false,
    })),
  ];
  const optionalPath = (file: string | undefined) => file === undefined ? null : resolve(file);
  return {
    clusterName: values.cluster_name ?? "metako",
    identity,
    localDb: identity.witness
      ? null
      : settleLocalDb(values.local_db, identity, secrets.localDbPassword),
    witnessLogin: identity.witness && secrets.localDbPassword !== null
      ? { username: values.local_db?.username ?? "postgres", password: secrets.localDbPassword }
      : null,
    members,
    coordination: settleCoordination(values.coordination, members),
    healthCheck: settleHealthCheck(values.health_check),
    loadBalancer: {
      algorithm: values.load_balancer?.algorithm ?? "round_robin",
      readTimeoutMs: values.load_balancer?.read_timeout ?? 10_000,
      writeTimeoutMs: values.load_balancer?.write_timeout ?? 10_000,
    },
    security: settleSecurity(values.security, secrets, resolve),
    replication: {
      user: values.replication?.user ?? "metako_replicator",
      password: secrets.replicationPassword,
      durability: values.replication?.durability ?? "quorum",
      synchronousStandbys: values.replication?.synchronous_standbys ??
        Math.floor(members.filter(({ witness }) => !witness).length / 2),
      maximumLagOnFailoverBytes: values.replication?.maximum_lag_on_failover ?? null,
      rejoin: values.replication?.rejoin ?? "rewind",
      slotRetentionBytes: values.replication?.slot_retention ?? DEFAULT_SLOT_RETENTION_BYTES,
    },
    router: {
      host: values.router?.host ?? "0.0.0.0",
      port: values.router?.port ?? 6432,
      primaryPort: values.router?.primary_port ?? null,
      readOnlyPort: values.router?.read_only_port ?? null,
      maximumConnections: values.router?.maximum_connections ?? 1000,
      maximumConnectionsPerUser: values.router?.maximum_connections_per_user ?? null,
      maximumPendingPerAddress: values.router?.maximum_pending_per_address ?? 250,
      maximumWaiting: values.router?.maximum_waiting ?? 500,
      allowTrustedBackend: values.router?.allow_trusted_backend ?? false,
      tls: values.router?.tls ?? "allow",
      authentication: values.router?.authentication ?? "verify",
      backendTls: values.router?.backend_tls ?? "disable",
      backendCaFile: optionalPath(values.router?.backend_ca_file ?? values.security?.ca_file),
      localSocket: values.router?.local_socket ?? false,
      allow: values.router?.allow?.map(settleAllow) ?? DEFAULT_ALLOW,
      splitting: values.router?.splitting ?? true,
      idleTimeoutMs: values.router?.idle_timeout ?? 0,
      idleInTransactionTimeoutMs: values.router?.idle_in_transaction_timeout ?? 0,
      queryTimeoutMs: values.router?.query_timeout ?? 0,
      readConsistency: values.router?.read_consistency ?? "session",
      opaqueSessions: values.router?.opaque_sessions ?? "pin",
      maximumReadLagBytes: values.router?.maximum_read_lag ?? null,
    },
    hooks: settleHooks(values.hooks),
    watchdog: values.watchdog?.device === undefined ? null : {
      device: values.watchdog.device,
      required: values.watchdog.required ?? false,
    },
    stateDir: values.state_dir ?? `/var/lib/metako/${identity.nodeName}`,
    log: { level: values.log?.level ?? "info" },
  };
}

function settleAllow(entry: AllowValues): AllowEntry {
  return {
    action: entry?.action ?? "allow",
    networks: entry?.networks ?? null,
    databases: entry?.databases ?? null,
    users: entry?.users ?? null,
    privileged: entry?.privileged ?? false,
  };
}

function settleLocalDb(
  values: FileValues["local_db"],
  identity: { nodeName: string; localDbHost: string; localDbPort: number },
  password: string | null,
): LocalDbConfig {
  return {
    name: values?.name ?? identity.nodeName,
    host: values?.host ?? identity.localDbHost,
    port: values?.port ?? identity.localDbPort,
    role: values?.role ?? "standby",
    username: values?.username ?? "postgres",
    password: password ?? "",
    database: values?.database ?? "postgres",
    dataDir: values?.data_dir ?? null,
    binDir: values?.bin_dir ?? null,
    osUser: values?.os_user ?? null,
  };
}

function settleCoordination(
  values: FileValues["coordination"],
  members: readonly MemberConfig[],
): CoordinationConfig {
  const { cluster_mode: cluster, pair_mode: pair } = values ?? {};
  const failoverTimeoutMs = cluster?.failover_timeout ?? 3000;
  const fenceMarginMs = cluster?.fence_margin ??
    Math.min(FENCE_MARGIN_CAP_MS, Math.floor(failoverTimeoutMs / 4));
  const twoThirdsMs = Math.floor(failoverTimeoutMs * 2 / 3);
  return {
    heartbeatIntervalMs: cluster?.heartbeat_interval ?? 500,
    communicationTimeoutMs: cluster?.communication_timeout ??
      Math.min(twoThirdsMs, COMMUNICATION_TIMEOUT_CAP_MS),
    failoverTimeoutMs,
    fenceMarginMs,
    agentSilenceMs: cluster?.agent_silence_timeout ??
      Math.max(AGENT_SILENCE_MS, failoverTimeoutMs + fenceMarginMs),
    minConsensusNodes: Math.max(cluster?.min_consensus_nodes ?? 0, majorityOf(members.length)),
    localNodePreference: cluster?.local_node_preference ?? 0.8,
    pair: {
      enable: pair?.enable ?? isPair(members),
      failoverDelayMs: pair?.failover_delay ?? 10_000,
      failureThreshold: pair?.failure_threshold ?? 3,
      witnessAddresses: pair?.witness_addresses ?? [],
      whenAlone: pair?.when_alone ?? "serve",
    },
  };
}

function settleHooks(values: FileValues["hooks"]): Config["hooks"] {
  return {
    beforePromotion: values?.before_promotion ?? null,
    onRoleChange: values?.on_role_change ?? null,
    afterFailover: values?.after_failover ?? null,
    onLostDurability: values?.on_lost_durability ?? null,
    timeoutMs: values?.timeout ?? 5000,
    vetoLimitMs: values?.veto_limit ?? 60_000,
  };
}

function settleHealthCheck(values: FileValues["health_check"]): Config["healthCheck"] {
  const intervalMs = values?.interval ?? 2000;
  return {
    intervalMs,
    timeoutMs: values?.timeout ?? Math.min(1000, intervalMs),
    failureThreshold: values?.failure_threshold ?? 3,
  };
}

function settleSecurity(
  values: FileValues["security"],
  secrets: Secrets,
  resolve: (path: string) => string,
): SecurityConfig {
  const path = (file: string | undefined) => file === undefined ? null : resolve(file);
  return {
    tlsEnabled: values?.tls_enabled ?? false,
    certFile: path(values?.cert_file),
    keyFile: path(values?.key_file),
    caFile: path(values?.ca_file),
    clusterSecret: secrets.clusterSecret,
    previousClusterSecret: secrets.previousClusterSecret,
    pagesOpenTo: values?.pages_open_to ?? "this_host",
    readToken: secrets.readToken,
  };
}

/**
 * The smallest number of members that any two such groups share one of.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual([1, 2, 3, 4, 5].map(majorityOf), [1, 2, 2, 3, 3]);
 * ```
 */
export function majorityOf(members: number): number {
  return Math.floor(members / 2) + 1;
}

/** True for exactly two data members and no witness: a majority of two is two. */
export function isPair(members: readonly Pick<MemberConfig, "witness">[]): boolean {
  return members.length === 2 && members.every((member) => !member.witness);
}
