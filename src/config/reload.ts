/**
 * Which settings a running agent takes from a changed file, and which need its restart: a table.
 *
 * A restart of the agent does not disturb PostgreSQL, so what decides is not how much trouble it
 * saves but whether it is safe while things are under way. Whatever the consensus counts on is fixed
 * for the life of the agent: two members that changed a lease at two moments would rely on promises
 * that were never given.
 *
 * @module
 */
import type { Config } from "./config.ts";
import { settingTree } from "./effective.ts";

/** What becomes of a changed setting. */
export type Takes = "live" | "restart";

/** A row: a setting, or a section of them; the longest that fits counts. */
export interface ReloadRule {
  readonly setting: string;
  readonly takes: Takes;
  readonly because: string;
}

const CONSENSUS = "the members rely on it: it is fixed while the agent runs";
const RECORD = "the primary tells the members first, as where a standby comes or goes";
const ASYNC =
  "an election has other rules with async than without: it is fixed while the agent runs";
const LISTENER = "it is read when the listeners are opened";
const SESSIONS = "it counts for new sessions and for waits that begin from now on";

const READS = "each read goes by it";
const LIMITS = "sessions that run are measured by it from the next second on";

/** The table. */
export const RELOAD_RULES: readonly ReloadRule[] = [
  { setting: "cluster_name", takes: "restart", because: "the members' keys are made from it" },
  { setting: "identity", takes: "restart", because: CONSENSUS },
  { setting: "local_db", takes: "restart", because: "the agent is attached to this server" },
  {
    setting: "cluster_members",
    takes: "restart",
    because: "an agent proposes one list of members",
  },
  { setting: "coordination", takes: "restart", because: CONSENSUS },
  {
    setting: "coordination.cluster_mode.local_node_preference",
    takes: "live",
    because: SESSIONS,
  },
  { setting: "health_check", takes: "live", because: "it counts for checks from now on" },
  { setting: "load_balancer", takes: "live", because: SESSIONS },
  {
    setting: "security",
    takes: "restart",
    because:
      "keys and paths are read at the start; a renewed certificate under the same path is not",
  },
  { setting: "replication", takes: "restart", because: "the standbys log in with it" },
  { setting: "replication.durability", takes: "live", because: RECORD },
  { setting: "replication.synchronous_standbys", takes: "live", because: RECORD },
  {
    setting: "replication.maximum_lag_on_failover",
    takes: "live",
    because: "it counts from the next heartbeat on",
  },
  { setting: "replication.rejoin", takes: "live", because: "it counts for the next return" },
  {
    setting: "replication.slot_retention",
    takes: "live",
    because: "PostgreSQL's settings are brought up to it within a minute",
  },
  { setting: "router", takes: "restart", because: LISTENER },
  { setting: "router.maximum_connections", takes: "live", because: SESSIONS },
  {
    setting: "router.maximum_pending_per_address",
    takes: "live",
    because: "it counts for the next client",
  },
  { setting: "router.allow_trusted_backend", takes: "live", because: SESSIONS },
  {
    setting: "router.local_socket",
    takes: "live",
    because: "it counts for servers opened from now on",
  },
  { setting: "router.tls", takes: "live", because: SESSIONS },
  { setting: "router.read_consistency", takes: "live", because: READS },
  { setting: "router.maximum_read_lag", takes: "live", because: READS },
  { setting: "router.opaque_sessions", takes: "live", because: SESSIONS },
  { setting: "router.idle_timeout", takes: "live", because: LIMITS },
  { setting: "router.idle_in_transaction_timeout", takes: "live", because: LIMITS },
  { setting: "router.query_timeout", takes: "live", because: LIMITS },
  { setting: "hooks", takes: "live", because: "it counts from the next event on" },
  { setting: "state_dir", takes: "restart", because: "the state file is open" },
  { setting: "log", takes: "live", because: "it counts from the next line on" },
];

/** The row of {@linkcode RELOAD_RULES} for a setting; null where none fits. */
export function reloadRule(setting: string): ReloadRule | null {
  const fitting = RELOAD_RULES.filter((rule) =>
    setting === rule.setting || setting.startsWith(`${rule.setting}.`)
  );
  return fitting.toSorted((a, b) => b.setting.length - a.setting.length)[0] ?? null;
}

/** What becomes of a setting that changes from one value to another. */
function ruleFor(setting: string, from: string, to: string): Pick<ReloadRule, "takes" | "because"> {
  if (setting === DURABILITY && [from, to].includes("async")) {
    return { takes: "restart", because: ASYNC };
  }
  return reloadRule(setting) ?? { takes: "restart", because: CONSENSUS };
}

const DURABILITY = "replication.durability";

/** `running` with the live settings of `next`; the rest stays as it is. */
export function withLive(running: Config, next: Config): Config {
  const { maximumConnections, maximumPendingPerAddress, allowTrustedBackend, tls } = next.router;
  const { readConsistency, maximumReadLagBytes, opaqueSessions, localSocket } = next.router;
  const { idleTimeoutMs, idleInTransactionTimeoutMs, queryTimeoutMs } = next.router;
  const { localNodePreference } = next.coordination;
  const { user, password } = running.replication;
  const policies = [running.replication.durability, next.replication.durability];
  const durability = policies.includes("async") ? policies[0]! : policies[1]!;
  return {
    ...running,
    log: next.log,
    hooks: next.hooks,
    healthCheck: next.healthCheck,
    replication: { ...next.replication, user, password, durability },
    loadBalancer: next.loadBalancer,
    coordination: { ...running.coordination, localNodePreference },
    router: {
      ...running.router,
      maximumConnections,
      maximumPendingPerAddress,
      allowTrustedBackend,
      tls,
      readConsistency,
      maximumReadLagBytes,
      opaqueSessions,
      localSocket,
      idleTimeoutMs,
      idleInTransactionTimeoutMs,
      queryTimeoutMs,
    },
  };
}

/** A setting that differs. Values are as `config check` prints them: secrets are hidden. */
export interface ChangedSetting {
  readonly setting: string;
  readonly from: string;
  readonly to: string;
  readonly takes: Takes;
  readonly because: string;
}

/** How two configurations of one node differ, in the order of the file. */
export function changedSettings(before: Config, after: Config): readonly ChangedSetting[] {
  const [old, now] = [leaves(before), leaves(after)];
  const names = new Set([...old.keys(), ...now.keys()]);
  return [...names].flatMap((setting) => {
    const [from, to] = [old.get(setting) ?? NOT_SET, now.get(setting) ?? NOT_SET];
    if (from.exact === to.exact) return [];
    const { takes, because } = ruleFor(setting, from.shown, to.shown);
    return [{ setting, from: from.shown, to: to.shown, takes, because }];
  });
}

interface Leaf {
  readonly shown: string;
  /** Tells two secrets apart, and is never shown. */
  readonly exact: string;
}

const NOT_SET: Leaf = { shown: "not set", exact: "" };

function leaves(config: Config): Map<string, Leaf> {
  const found = new Map<string, Leaf>();
  const walk = (value: unknown, path: string) => {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) {
        walk(inner, path === "" ? key : `${path}.${key}`);
      }
      return;
    }
    const shown = typeof value === "string" ? value : JSON.stringify(value);
    found.set(path, { shown, exact: `=${SECRETS[path]?.(config) ?? shown}` });
  };
  walk(settingTree(config), "");
  return found;
}

/** What the tree hides. */
const SECRETS: Readonly<Record<string, (config: Config) => string | null>> = {
  "local_db.password": ({ localDb }) => localDb?.password ?? null,
  "security.cluster_secret": ({ security }) => security.clusterSecret,
  "security.previous_cluster_secret": ({ security }) => security.previousClusterSecret,
  "security.read_token": ({ security }) => security.readToken,
  "replication.password": ({ replication }) => replication.password,
};
