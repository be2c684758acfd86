/**
 * From the configuration to what each room is told. The only place that knows both.
 *
 * @module
 */
import type { Config } from "../config/mod.ts";
import type { Log } from "../core/log.ts";
import type { MemberEntry } from "../core/record.ts";
import type { LiveSettings, PairSettings, Settings } from "../core/settings.ts";
import type { PostgresOptions } from "../postgres/server.ts";
import type { RouterOptions } from "../router/options.ts";
import type { TlsCertificate } from "../router/tls.ts";

/** How long a client may take to say who it is, and a server to answer. */
const STARTUP_TIMEOUT_MS = 10_000;

const MIB = 1024 * 1024;

/** How long one attempt to reach a server may take. */
const CONNECT_TIMEOUT_MS = 3000;

/** What the core is told. */
export function coreSettings(config: Config): Settings {
  const { identity, coordination, localDb, replication } = config;
  return {
    self: identity.nodeName,
    members: memberEntries(config),
    nofailover: config.members.filter((member) => member.nofailover).map(({ nodeName }) =>
      nodeName
    ),
    priority: identity.priority,
    initialPrimary: localDb !== null && localDb.role === "primary",
    leaseMs: coordination.failoverTimeoutMs,
    fenceMarginMs: coordination.fenceMarginMs,
    heartbeatIntervalMs: coordination.heartbeatIntervalMs,
    communicationTimeoutMs: coordination.communicationTimeoutMs,
    minConsensusNodes: coordination.minConsensusNodes,
    durability: replication.durability,
    wantedStandbys: replication.synchronousStandbys,
    maximumLagBytes: replication.maximumLagOnFailoverBytes === null
      ? null
      : BigInt(replication.maximumLagOnFailoverBytes),
    agentSilenceMs: coordination.agentSilenceMs,
    pair: pairSettings(config),
    serverPatienceMs: config.healthCheck.intervalMs * config.healthCheck.failureThreshold,
    contact: { host: identity.localDbHost, port: identity.localDbPort },
  };
}

/** What of {@linkcode coreSettings} a reload may change. */
export function liveSettings(config: Config): LiveSettings {
  const { durability, wantedStandbys, maximumLagBytes, serverPatienceMs } = coreSettings(config);
  return { durability, wantedStandbys, maximumLagBytes, serverPatienceMs };
}

/** Set exactly where there are two data members, no witness, and pair mode is enabled. */
function pairSettings({ members, coordination }: Config): PairSettings | null {
  const { enable, failureThreshold, failoverDelayMs, witnessAddresses, whenAlone } =
    coordination.pair;
  const two = members.length === 2 && members.every(({ witness }) => !witness);
  if (!enable || !two) return null;
  return { failureThreshold, failoverDelayMs, witnessCount: witnessAddresses.length, whenAlone };
}

/** The member list as the record holds it. */
export function memberEntries(config: Config): readonly MemberEntry[] {
  return config.members.map((member) => ({
    name: member.nodeName,
    kind: member.witness ? "witness" : "data",
  }));
}

/** What the postgres room is told; what a reload may change is looked up when it is needed. Null on a witness. */
export function postgresOptions(config: Config, log: Log): PostgresOptions | null {
  const { localDb, replication, identity } = config;
  if (localDb === null || identity.witness) return null;
  return {
    nodeName: identity.nodeName,
    members: config.members.filter((member) => !member.witness).map((member) => ({
      name: member.nodeName,
      addresses: [member.self ? identity.localDbHost : member.apiHost],
    })),
    witnessAddresses: config.members.filter((member) => member.witness).map((member) =>
      member.apiHost
    ),
    host: localDb.host,
    port: localDb.port,
    username: localDb.username,
    password: localDb.password,
    database: localDb.database,
    dataDir: localDb.dataDir,
    binDir: localDb.binDir,
    osUser: localDb.osUser,
    replicationUser: replication.user,
    get maxSlotWalKeepMiB() {
      return Math.ceil(config.replication.slotRetentionBytes / MIB);
    },
    // Members share the superuser's password anyway; a separate one is a setting away.
    replicationPassword: replication.password ?? localDb.password,
    stateDir: config.stateDir,
    get rejoin() {
      return config.replication.rejoin;
    },
    readsPasswords: config.router.authentication === "verify",
    get timeoutMs() {
      return config.healthCheck.timeoutMs;
    },
    log,
  };
}

/**
 * What the router room is told; what a reload may change is looked up when it is needed.
 *
 * @param files the certificate for clients, and what servers' certificates are checked against
 */
export function routerOptions(
  config: Config,
  { tls, serverAuthority }: {
    readonly tls: TlsCertificate | null;
    readonly serverAuthority: string | null;
  },
): RouterOptions {
  const { router, identity } = config;
  return {
    node: identity.nodeName,
    host: router.host,
    port: router.port,
    primaryPort: router.primaryPort,
    readOnlyPort: router.readOnlyPort,
    get writeTimeoutMs() {
      return config.loadBalancer.writeTimeoutMs;
    },
    get readTimeoutMs() {
      return config.loadBalancer.readTimeoutMs;
    },
    get algorithm() {
      return config.loadBalancer.algorithm;
    },
    get localNodePreference() {
      return config.coordination.localNodePreference;
    },
    get maximumConnections() {
      return config.router.maximumConnections;
    },
    maximumConnectionsPerUser: router.maximumConnectionsPerUser,
    get maximumPendingPerAddress() {
      return config.router.maximumPendingPerAddress;
    },
    maximumWaiting: router.maximumWaiting,
    splitting: router.splitting,
    get idleTimeoutMs() {
      return config.router.idleTimeoutMs;
    },
    get idleInTransactionTimeoutMs() {
      return config.router.idleInTransactionTimeoutMs;
    },
    get queryTimeoutMs() {
      return config.router.queryTimeoutMs;
    },
    get readConsistency() {
      return config.router.readConsistency;
    },
    get maximumReadLagBytes() {
      return config.router.maximumReadLagBytes;
    },
    get opaqueSessions() {
      return config.router.opaqueSessions;
    },
    allow: router.allow,
    get allowTrustedBackend() {
      return config.router.allowTrustedBackend;
    },
    tls: tls === null ? null : { cert: tls.cert, key: tls.key },
    get requireTls() {
      return config.router.tls === "require";
    },
    backendTls: router.backendTls === "disable" || serverAuthority === null ? null : {
      mode: router.backendTls,
      authority: serverAuthority,
      own: { node: identity.nodeName, name: identity.localDbHost },
    },
    startupTimeoutMs: STARTUP_TIMEOUT_MS,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
  };
}
