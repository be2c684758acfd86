/**
 * The configuration as the program uses it: every default filled in, every unit in the name.
 *
 * @module
 */
import type { LogLevel } from "../core/log.ts";
import type { NodeName } from "../core/record.ts";
import type { DurabilityPolicy } from "../core/settings.ts";
import type { Origin } from "./fields.ts";

/** What a member starts as, where no record says otherwise. */
export type Role = "primary" | "standby";

/** How reads are spread over the standbys. */
export type BalanceAlgorithm = "round_robin" | "least_connected";

/** Who this node is, and under which addresses others reach it. */
export interface IdentityConfig {
  readonly nodeName: NodeName;
  /** The address of the local PostgreSQL as told to other members. */
  readonly localDbHost: string;
  readonly localDbPort: number;
  /** Where the agent listens for members and operators. */
  readonly apiHost: string;
  readonly apiPort: number;
  /** 0 to 1000; of two equally advanced standbys the higher one is elected. */
  readonly priority: number;
  /** True for a member that votes and is never promoted. */
  readonly nofailover: boolean;
  /** True for a member that votes and has no PostgreSQL. */
  readonly witness: boolean;
}

/** The local PostgreSQL, and how this agent reaches it. */
export interface LocalDbConfig {
  /** For people: in logs and tables. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly role: Role;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  /** The data directory, absolute; null where the server is to be asked for it. */
  readonly dataDir: string | null;
  /** PostgreSQL's programs, absolute; null where they are to be looked for. */
  readonly binDir: string | null;
  /** The operating system's user for PostgreSQL; null for the default. */
  readonly osUser: string | null;
}

/** As whom servers are asked. */
export interface DatabaseLogin {
  readonly username: string;
  readonly password: string;
}

/** One member of the cluster, this node included. */
export interface MemberConfig {
  readonly nodeName: NodeName;
  readonly apiHost: string;
  readonly apiPort: number;
  /** A witness is a standby that never becomes anything else. */
  readonly role: Role;
  readonly witness: boolean;
  readonly priority: number;
  readonly nofailover: boolean;
  readonly self: boolean;
}

/** Two data members without a witness. */
export interface PairConfig {
  readonly enable: boolean;
  readonly failoverDelayMs: number;
  /** Failed checks in a row. */
  readonly failureThreshold: number;
  /** TCP services outside of the pair: a node that reaches too few of them does not act alone. */
  readonly witnessAddresses: readonly { readonly host: string; readonly port: number }[];
  /** What a primary without its peer does where there are no such addresses. */
  readonly whenAlone: "serve" | "fence";
}

/** The timing and the sizes of the consensus. */
export interface CoordinationConfig {
  readonly heartbeatIntervalMs: number;
  /** Bounds one call to a member. */
  readonly communicationTimeoutMs: number;
  /** The lease: how long a leader may write without hearing from a majority. */
  readonly failoverTimeoutMs: number;
  /** What a voter's promise lasts beyond the lease. */
  readonly fenceMarginMs: number;
  /** How long an agent may be silent while its PostgreSQL is seen to work; 0: the lease counts. */
  readonly agentSilenceMs: number;
  /** Members needed to decide: a majority, or more where the file says so. */
  readonly minConsensusNodes: number;
  /** 0 to 1: how strongly reads prefer this node's own PostgreSQL. */
  readonly localNodePreference: number;
  readonly pair: PairConfig;
}

/** The checks of every node's health. */
export interface HealthCheckConfig {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failed checks in a row until a node counts as unhealthy. */
  readonly failureThreshold: number;
}

/** How statements are spread, and how long they wait. */
export interface LoadBalancerConfig {
  readonly algorithm: BalanceAlgorithm;
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
}

/**
 * TLS, and the secret that members share. A path that was relative in the file has been joined
 * with the file's folder.
 */
export interface SecurityConfig {
  readonly tlsEnabled: boolean;
  readonly certFile: string | null;
  readonly keyFile: string | null;
  readonly caFile: string | null;
  readonly clusterSecret: string | null;
  /** Accepted beside the present one while it is being replaced. */
  readonly previousClusterSecret: string | null;
  /** From where the pages of the API are read without a credential. */
  readonly pagesOpenTo: "nobody" | "this_host" | "everybody";
  /** What readers elsewhere may send instead of a signature; null where none is accepted. */
  readonly readToken: string | null;
}

/** Streaming replication. */
export interface ReplicationConfig {
  readonly user: string;
  /** Null where one is to be derived. */
  readonly password: string | null;
  /** What commits wait for. */
  readonly durability: DurabilityPolicy;
  /** How many standbys hold a commit before it is acknowledged; without effect in `async`. */
  readonly synchronousStandbys: number;
  /** How much WAL a standby may lack and still be elected, in `async`; null where not set: any. */
  readonly maximumLagOnFailoverBytes: number | null;
  /** How data that left the leader's history come back: rewound, copied anew, or not by itself. */
  readonly rejoin: "rewind" | "clone" | "refuse";
  /** WAL that the slot of an absent member may hold back on each server, in bytes. */
  readonly slotRetentionBytes: number;
}

/** Whom the router lets in, or keeps out. */
export interface AllowEntry {
  readonly action: "allow" | "reject";
  /** Null for everywhere. */
  readonly networks: readonly Origin[] | null;
  /** Null for every database. */
  readonly databases: readonly string[] | null;
  /** Null for every role. */
  readonly users: readonly string[] | null;
  /** True allows superusers, roles that may replicate, and replication itself, too. */
  readonly privileged: boolean;
}

/** The listener for clients. */
export interface RouterConfig {
  readonly host: string;
  readonly port: number;
  /** Leads to the primary, whatever is read; null for none. */
  readonly primaryPort: number | null;
  readonly readOnlyPort: number | null;
  readonly maximumConnections: number;
  /** Null for no limit beside the total. */
  readonly maximumConnectionsPerUser: number | null;
  /** Clients of one address that have not proven yet who they are; at least 1. */
  readonly maximumPendingPerAddress: number;
  /** Connections that may wait for a primary at a time. */
  readonly maximumWaiting: number;
  /** True accepts a PostgreSQL that lets the router in without a password (demonstrations). */
  readonly allowTrustedBackend: boolean;
  /** Whether sessions must be encrypted, where `security.tls_enabled` gives the router a certificate. */
  readonly tls: "allow" | "require";
  /** Who checks a client's password: the router, or the server through the router. */
  readonly authentication: "verify" | "relay";
  /** Whether sessions to the servers are encrypted, and how their certificates are checked. */
  readonly backendTls: "disable" | "prefer" | "verify-ca" | "verify-full";
  /** Certificates that sign the servers'; null where none is named, which `disable` alone allows. */
  readonly backendCaFile: string | null;
  /** Whether sessions reach the server on this host by its Unix socket, where that asks for SCRAM. */
  readonly localSocket: boolean;
  /** Who may come in; the first entry that fits decides, and where none does nobody comes in. */
  readonly allow: readonly AllowEntry[];
  /** Whether reads on the router's port may go to standbys. */
  readonly splitting: boolean;
  /** How long a session may be without work, outside of a transaction; 0 for as long as it likes. */
  readonly idleTimeoutMs: number;
  /** How long a session may be without work in the middle of a transaction; 0 for as long as it likes. */
  readonly idleInTransactionTimeoutMs: number;
  /** How long a query may run before it is cancelled; 0 for as long as it takes. */
  readonly queryTimeoutMs: number;
  /** Whether a session must read what it wrote itself. */
  readonly readConsistency: "session" | "eventual";
  /** How much WAL a standby may have left to replay and still be read from; null for any. */
  readonly maximumReadLagBytes: number | null;
  /** What becomes of sessions that ran what the router cannot see into. */
  readonly opaqueSessions: "pin" | "trust";
}

/** Commands that the agent runs: words without a shell, or null where there is none. */
export interface HooksConfig {
  /** Asked by a node that was elected, before it promotes; may veto. */
  readonly beforePromotion: readonly string[] | null;
  readonly onRoleChange: readonly string[] | null;
  readonly afterFailover: readonly string[] | null;
  readonly onLostDurability: readonly string[] | null;
  /** How long each may take. */
  readonly timeoutMs: number;
  /** For how long vetoes count while there is no primary. */
  readonly vetoLimitMs: number;
}

/** A device that resets the host when the agent can neither lead nor end its PostgreSQL. */
export interface WatchdogConfig {
  readonly device: string;
  /** True: without it the agent does not start. */
  readonly required: boolean;
}

/** The log. */
export interface LogConfig {
  readonly level: LogLevel;
}

/** A whole configuration. */
export interface Config {
  readonly clusterName: string;
  readonly identity: IdentityConfig;
  /** Null on a witness. */
  readonly localDb: LocalDbConfig | null;
  /** As whom a witness asks the primary about roles; null where it has no login, or is no witness. */
  readonly witnessLogin: DatabaseLogin | null;
  /** Every member; this node is the first. */
  readonly members: readonly MemberConfig[];
  readonly coordination: CoordinationConfig;
  readonly healthCheck: HealthCheckConfig;
  readonly loadBalancer: LoadBalancerConfig;
  readonly security: SecurityConfig;
  readonly replication: ReplicationConfig;
  readonly router: RouterConfig;
  readonly hooks: HooksConfig;
  /** Null where no device is named. */
  readonly watchdog: WatchdogConfig | null;
  /** The folder of the state file, absolute. */
  readonly stateDir: string;
  readonly log: LogConfig;
}
