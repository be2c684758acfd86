/**
 * Rules between keys, other than those about members and about what the router demands.
 *
 * @module
 */
import { formatDuration } from "./duration.ts";
import { isWildcard, MEMBER_RULES } from "./member_rules.ts";
import type { Finding } from "./problem.ts";
import { risky, type Rule, type RuleFacts, valueOrDefault, wrong } from "./rule.ts";
import { ROUTER_RULES } from "./router_rules.ts";
import { isPair } from "./settle.ts";

const HEARTBEAT = "coordination.cluster_mode.heartbeat_interval";
const COMMUNICATION = "coordination.cluster_mode.communication_timeout";
const FAILOVER = "coordination.cluster_mode.failover_timeout";
const MARGIN = "coordination.cluster_mode.fence_margin";
const SILENCE = "coordination.cluster_mode.agent_silence_timeout";
const PAIR_DELAY = "coordination.pair_mode.failover_delay";
const DURABILITY = "replication.durability";
const STANDBYS = "replication.synchronous_standbys";
const SLOT_RETENTION = "replication.slot_retention";
const LAG_LIMIT = "replication.maximum_lag_on_failover";

/** A lease that is shorter lapses after a single lost heartbeat. */
const HEARTBEATS_PER_LEASE = 3;

/** Every rule. */
export const RULES: readonly Rule[] = [
  {
    id: "named",
    reads: ["identity.node_name"],
    check: ({ config }) =>
      config.identity.nodeName !== "" ? [] : [wrong(
        "identity.node_name",
        "must be set",
        'Add node_name: "node1" under identity; each member has its own.',
      )],
  },
  {
    id: "role_set",
    reads: ["local_db.role", "identity.witness"],
    check: ({ config, values }) =>
      config.identity.witness || values.local_db?.role !== undefined ? [] : [wrong(
        "local_db.role",
        "must be set",
        "Write primary on one member and standby on the others.",
      )],
  },
  {
    id: "password_set",
    reads: ["local_db.password", "local_db.password_file", "identity.witness"],
    check: ({ config }) =>
      config.localDb === null || config.localDb.password !== "" ? [] : [wrong(
        "local_db.password",
        "must be set",
        "Add password: ${PGPASSWORD}, or password_file with the path of a file.",
      )],
  },
  {
    id: "witness_without_database",
    reads: ["identity.witness", "local_db.password", "local_db.password_file"],
    check: idleDatabaseKeys,
  },
  { id: "lease_covers_heartbeats", reads: [HEARTBEAT, FAILOVER], check: shortLease },
  { id: "pair_outlasts_lease", reads: [PAIR_DELAY, FAILOVER, MARGIN], check: shortPairDelay },
  { id: "patience_outlasts_lease", reads: [SILENCE, FAILOVER, MARGIN], check: shortPatience },
  { id: "call_within_lease", reads: [COMMUNICATION, FAILOVER], check: longCall },
  {
    id: "check_within_interval",
    reads: ["health_check.interval", "health_check.timeout"],
    check: longCheck,
  },
  {
    id: "ports_differ",
    reads: [
      "identity.api_host",
      "identity.api_port",
      "local_db.host",
      "local_db.port",
      "router.host",
      "router.port",
      "router.primary_port",
      "router.read_only_port",
    ],
    check: sharedPorts,
  },
  {
    id: "certificate_set",
    reads: ["security.tls_enabled", "security.cert_file", "security.key_file"],
    check: missingCertificate,
  },
  {
    id: "certificate_readable",
    reads: ["security.tls_enabled"],
    check: unreadableFiles,
  },
  {
    id: "key_closed",
    reads: ["security.tls_enabled", "security.key_file"],
    check: exposedKey,
  },
  {
    id: "secret_set",
    reads: ["identity.witness", "security.cluster_secret", "security.cluster_secret_file"],
    check: missingSecret,
  },
  {
    id: "standbys_to_wait_for",
    reads: [STANDBYS, DURABILITY, "cluster_members", "identity.witness"],
    check: standbysToWaitFor,
  },
  { id: "lag_limit_applies", reads: [DURABILITY, LAG_LIMIT], check: lagLimit },
  {
    id: "watchdog_named",
    reads: ["watchdog.device", "watchdog.required"],
    check: ({ values }) =>
      values.watchdog?.required !== true || values.watchdog.device !== undefined ? [] : [wrong(
        "watchdog.required",
        "must go with watchdog.device",
        "Name the device, such as /dev/watchdog, or remove the key.",
      )],
  },
  { id: "slots_hold_something", reads: [SLOT_RETENTION], check: slotRetention },
  ...ROUTER_RULES,
  ...MEMBER_RULES,
];

function shortLease(facts: RuleFacts): Finding[] {
  const { heartbeatIntervalMs, failoverTimeoutMs } = facts.config.coordination;
  if (failoverTimeoutMs >= HEARTBEATS_PER_LEASE * heartbeatIntervalMs) return [];
  const heartbeat = valueOrDefault(facts, HEARTBEAT, formatDuration(heartbeatIntervalMs));
  return [wrong(
    FAILOVER,
    `must be ≥ ${HEARTBEATS_PER_LEASE} × heartbeat_interval (${heartbeat})`,
    "Raise it or lower heartbeat_interval.",
    valueOrDefault(facts, FAILOVER, formatDuration(failoverTimeoutMs)),
  )];
}

/** The primary of a pair has to have fenced itself before its standby promotes. */
function shortPairDelay(facts: RuleFacts): Finding[] {
  const { coordination, members } = facts.config;
  const { failoverTimeoutMs, fenceMarginMs, pair } = coordination;
  const leastMs = failoverTimeoutMs + fenceMarginMs;
  if (!pair.enable || !isPair(members) || pair.failoverDelayMs >= leastMs) return [];
  return [wrong(
    PAIR_DELAY,
    `must be ≥ failover_timeout + fence_margin (${formatDuration(leastMs)})`,
    "Raise it or lower failover_timeout.",
    valueOrDefault(facts, PAIR_DELAY, formatDuration(pair.failoverDelayMs)),
  )];
}

/** Patience with a silent agent begins where the promise ends; less of it would be none. */
function shortPatience(facts: RuleFacts): Finding[] {
  const { failoverTimeoutMs, fenceMarginMs, agentSilenceMs } = facts.config.coordination;
  const leastMs = failoverTimeoutMs + fenceMarginMs;
  if (agentSilenceMs === 0 || agentSilenceMs >= leastMs) return [];
  return [wrong(
    SILENCE,
    `must be 0s, or ≥ failover_timeout + fence_margin (${formatDuration(leastMs)})`,
    "Raise it, or write 0s to have others take over after the lease.",
  )];
}

function longCall(facts: RuleFacts): Finding[] {
  const { communicationTimeoutMs, failoverTimeoutMs } = facts.config.coordination;
  if (communicationTimeoutMs <= failoverTimeoutMs) return [];
  const lease = valueOrDefault(facts, FAILOVER, formatDuration(failoverTimeoutMs));
  return [wrong(
    COMMUNICATION,
    `must be ≤ failover_timeout (${lease})`,
    "Lower it or raise failover_timeout.",
  )];
}

function longCheck(facts: RuleFacts): Finding[] {
  const { timeoutMs, intervalMs } = facts.config.healthCheck;
  if (timeoutMs <= intervalMs) return [];
  const interval = valueOrDefault(facts, "health_check.interval", formatDuration(intervalMs));
  return [wrong(
    "health_check.timeout",
    `must be ≤ interval (${interval})`,
    "Lower it or raise interval.",
  )];
}

const LOOPBACK: readonly string[] = ["localhost", "127.0.0.1", "::1"];

/** Two listeners on one host can share a port only under different addresses of it. */
function sharedPorts({ config }: RuleFacts): Finding[] {
  const { identity, localDb, router } = config;
  const listeners = [
    ...(localDb !== null && LOOPBACK.includes(localDb.host)
      ? [{ path: "local_db.port", host: localDb.host, port: localDb.port }]
      : []),
    { path: "identity.api_port", host: identity.apiHost, port: identity.apiPort },
    { path: "router.port", host: router.host, port: router.port },
    ...[
      { path: "router.primary_port", port: router.primaryPort },
      { path: "router.read_only_port", port: router.readOnlyPort },
    ].flatMap(({ path, port }) => port === null ? [] : [{ path, host: router.host, port }]),
  ];
  return listeners.flatMap((later, index) => {
    const earlier = listeners.slice(0, index).find((other) =>
      other.port === later.port &&
      (other.host === later.host || isWildcard(other.host) || isWildcard(later.host))
    );
    return earlier === undefined ? [] : [wrong(
      later.path,
      `must differ from ${earlier.path}`,
      "Choose a free port for one of them.",
      String(later.port),
    )];
  });
}

/** A witness has no database, but it may have a login, to ask the others' about roles. */
function idleDatabaseKeys({ config, values }: RuleFacts): Finding[] {
  if (!config.identity.witness || values.local_db === undefined) return [];
  const login = ["username", "password", "password_file"];
  const idle = config.witnessLogin === null
    ? ["local_db"]
    : Object.keys(values.local_db).filter((key) => !login.includes(key))
      .map((key) => `local_db.${key}`);
  return idle.map((path) =>
    risky(
      path,
      "has no effect on a witness, besides username and password",
      "Remove it, or identity.witness.",
    )
  );
}

function missingCertificate({ config, values }: RuleFacts): Finding[] {
  if (!config.security.tlsEnabled) return [];
  return (["cert_file", "key_file"] as const)
    .filter((key) => values.security?.[key] === undefined)
    .map((key) =>
      wrong(
        `security.${key}`,
        "must be set where tls_enabled is true",
        `Add ${key} with the path of a PEM file, or set tls_enabled: false.`,
      )
    );
}

/** A check on another machine than the node's own has to pass, so this only keeps `run` from it. */
function unreadableFiles({ config, canRead }: RuleFacts): Finding[] {
  const { tlsEnabled, certFile, keyFile, caFile } = config.security;
  if (!tlsEnabled) return [];
  const files = [
    { path: "security.cert_file", file: certFile },
    { path: "security.key_file", file: keyFile },
    { path: "security.ca_file", file: caFile },
  ];
  return files.flatMap(({ path, file }): Finding[] =>
    file === null || canRead(file) ? [] : [{
      path,
      message: "names a file that cannot be read, and the agent does not start without it",
      remedy: "Create it, let the agent's user read it, or set tls_enabled: false.",
      severity: "warning",
      value: file,
      refusesRun: true,
    }]
  );
}

function exposedKey({ config, mode }: RuleFacts): Finding[] {
  const { tlsEnabled, keyFile } = config.security;
  const bits = tlsEnabled && keyFile !== null ? mode(keyFile) : null;
  return bits === null || (bits & 0o007) === 0 ? [] : [risky(
    "security.key_file",
    "names a private key that every user of this host can reach",
    `Run: chmod 600 ${keyFile}`,
  )];
}

function missingSecret({ config }: RuleFacts): Finding[] {
  if (config.security.clusterSecret !== null) return [];
  if (config.identity.witness) {
    return [wrong(
      "security.cluster_secret",
      "must be set on a witness, which has no database password to derive a key from",
      "Put the same random text on every member: openssl rand -hex 32",
    )];
  }
  return [risky(
    "security.cluster_secret",
    "is not set: members sign with a key derived from the database password, which is only as " +
      "good as that password",
    "Put the same random text on every member: openssl rand -hex 32",
  )];
}

/** Whoever is the primary, the others are one fewer than all that have PostgreSQL. */
function standbysToWaitFor({ config, values }: RuleFacts): Finding[] {
  if (values.replication?.synchronous_standbys === undefined) return [];
  const others = config.members.filter((member) => !member.witness).length - 1;
  const { durability, synchronousStandbys } = config.replication;
  if (synchronousStandbys > others) {
    return [wrong(
      STANDBYS,
      `must be at most the number of other members with PostgreSQL (${others})`,
      others > 0 ? "Lower it, or add members." : "Remove it, or add members.",
    )];
  }
  return durability !== "async" ? [] : [risky(
    STANDBYS,
    "has no effect: with durability: async no commit waits for a standby",
    "Remove it, or choose quorum.",
  )];
}

function lagLimit({ config }: RuleFacts): Finding[] {
  const { durability, maximumLagOnFailoverBytes } = config.replication;
  if (durability === "async" || maximumLagOnFailoverBytes === null) return [];
  return [risky(
    LAG_LIMIT,
    "has no effect: every acknowledged commit is on a standby, so a failover loses none",
    "Remove it; it goes with durability: async.",
  )];
}

/** Four segments: with less, a standby that blinks is cloned anew. */
function slotRetention({ config }: RuleFacts): Finding[] {
  return config.replication.slotRetentionBytes >= 64 * 1024 ** 2 ? [] : [wrong(
    SLOT_RETENTION,
    "must be at least 64MB",
    "Raise it to what a standby misses while its host restarts, such as 8GB.",
  )];
}
