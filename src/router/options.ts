/**
 * The face of the router room: what it is told, what it asks for, and what it gives back.
 *
 * The agent owns the truth about the cluster and hands it over as a {@linkcode RouteView}; the
 * router never asks a server whether it is the primary. Units are last: `connectTimeoutMs`.
 *
 * @module
 */
import type { Log } from "../core/log.ts";
import type { BackendKey } from "../wire/startup.ts";
import type { SessionReport } from "./card.ts";
import type { BackendTls } from "./server_conn.ts";
import type { Parser } from "../sql/parser.ts";
import type { TlsCertificate } from "./tls.ts";

/** A PostgreSQL server that sessions can be led to. */
export interface RouteTarget {
  readonly node: string;
  readonly host: string;
  readonly port: number;
}

/** A standby as the balance sees it. */
export interface StandbyTarget extends RouteTarget {
  /** True for the server on the router's own host. */
  readonly local: boolean;
  /** False takes it out of the balance: unreachable, too far behind, or paused. */
  readonly healthy: boolean;
  /** How far its replay is behind the primary; null where unknown. */
  readonly lagBytes: number | null;
}

/** Where sessions may go at this moment. A new object replaces it at every change. */
export interface RouteView {
  /** The term in which `primary` leads. Another term is another reign: sessions do not outlive it. */
  readonly term: number;
  /** Null as soon as this node cannot vouch for a primary: no leader, or its lease has lapsed. */
  readonly primary: RouteTarget | null;
  /** Why there is no primary, or why the last one went: clients read it in 57P03 and 57P01. */
  readonly because: string;
  /**
   * While there is no primary: the node that is about to give way, and has not yet. It takes nothing
   * new, nobody else may be the primary before its lease is over, and what runs there may end.
   */
  readonly yielding: string | null;
  readonly standbys: readonly StandbyTarget[];
}

/** Where I/O and other rooms enter. */
export interface RouterPorts {
  view(): RouteView;
  /** Calls back after every change of the view. @returns a function that ends the subscription */
  onChange(callback: () => void): () => void;
  /** What is known of the roles that clients come as. */
  readonly roles: Roles;
  /**
   * Takes a cancel request to the other members whose router may have given out the key; bounded in
   * time.
   *
   * @returns whether one of them delivered it
   */
  cancelElsewhere?(key: BackendKey): Promise<boolean>;
  /**
   * The Unix socket of a server, where sessions may go that way; null sends them by TCP. Asked whenever
   * a server is opened.
   */
  socketOf?(target: RouteTarget): string | null;
  /** Reads statements, for read/write splitting; without it every session is led to one server. */
  readonly parser?: Parser | null;
  /** A monotonic clock in milliseconds. */
  now(): number;
  /** Uniform over [0, 1). */
  random(): number;
  readonly log: Log;
  /** Overrides {@linkcode isLoopback}: whether a client's address is this host's own. */
  isLoopback?(address: string): boolean;
}

/** Where roles' rights and stored passwords are read. */
export interface Roles {
  /**
   * 32 bytes that give roles that do not exist a salt of their own, the same on every node. Null
   * where the router is not to authenticate clients itself: then their exchange is handed through
   * to the server, and the session stays with that one connection.
   */
  readonly mockSecret: Uint8Array | null;
  /** Bounded in time. The same work for names that exist and names that do not. */
  find(user: string): Promise<RoleAnswer>;
  /** What was found for this role may be out of date: the next question goes to a server. */
  forget(user: string): void;
}

/** What is known of a role. */
export type RoleAnswer =
  | {
    readonly ok: true;
    /** A superuser, or a role that may replicate. False where there is no such role. */
    readonly privileged: boolean;
    /** As `pg_authid.rolpassword` has it; null where there is no such role, or it has none. */
    readonly stored: string | null;
  }
  /** No server could be asked. `remedy` is null where it may be different in a moment. */
  | { readonly ok: false; readonly because: string; readonly remedy: string | null };

/** Where clients come from: the router's own host, or all addresses that begin with the same bits. */
export type Origin =
  | "loopback"
  | { readonly address: string; readonly prefixBits: number };

/** Who may come in, or is kept out. Null stands for everybody, everywhere. */
export interface AllowEntry {
  readonly action: "allow" | "reject";
  readonly networks: readonly Origin[] | null;
  readonly databases: readonly string[] | null;
  readonly users: readonly string[] | null;
  /** Fits superusers, roles that may replicate, and replication, too; a rejection always does. */
  readonly privileged: boolean;
}

/** How reads are spread over standbys. */
export type Algorithm = "round_robin" | "least_connected";

/** What the configuration says. */
export interface RouterOptions {
  /** This member's name, of which its cancel keys bear a trace. */
  readonly node: string;
  readonly host: string;
  /** Leads to the primary; 0 lets the system choose. */
  readonly port: number;
  /** Leads to the primary, reads included; null for none, 0 lets the system choose. */
  readonly primaryPort: number | null;
  /** Leads to a standby; null for none, 0 lets the system choose. */
  readonly readOnlyPort: number | null;
  /** How long a new connection waits for a primary. */
  readonly writeTimeoutMs: number;
  /** How long a new connection on the read-only port waits for any server. */
  readonly readTimeoutMs: number;
  readonly algorithm: Algorithm;
  /** The share of read-only sessions that go to the local standby first: 0 to 1. */
  readonly localNodePreference: number;
  /** Whether reads of sessions on `port` may go to standbys. */
  readonly splitting: boolean;
  /** `session`: a session reads what it wrote. `eventual`: standbys may be behind that too. */
  readonly readConsistency: "session" | "eventual";
  /** How far a standby may be behind and still be read from; null where that does not matter. */
  readonly maximumReadLagBytes: number | null;
  /**
   * After statements that the router cannot see into: `pin` keeps a session's reads on its primary, and
   * ends it with that; `trust` goes on as if they had left nothing behind. Looked at when one begins.
   */
  readonly opaqueSessions: "pin" | "trust";
  /** How long a session may be without work, outside of a transaction; 0 for ever. May change. */
  readonly idleTimeoutMs: number;
  /** The same inside of a transaction. */
  readonly idleInTransactionTimeoutMs: number;
  /** How long a server may take for an answer; 0 for ever. May change. */
  readonly queryTimeoutMs: number;
  /** Sessions at one time, both ports together, waiting ones included; at least 1. */
  readonly maximumConnections: number;
  /** Sessions of one role at one time, all ports together; null for no limit. */
  readonly maximumConnectionsPerUser: number | null;
  /** Clients of one address that have not proven yet who they are, at one time; at least 1. */
  readonly maximumPendingPerAddress: number;
  /** Sessions that may wait for a server at one time; at least 0. */
  readonly maximumWaiting: number;
  /** Who may come in: the first entry that fits decides, and where none does nobody comes in. */
  readonly allow: readonly AllowEntry[];
  /** Accept servers that let the router in without a challenge. For demonstrations only. */
  readonly allowTrustedBackend: boolean;
  /** The certificate for clients; null speaks no TLS. */
  readonly tls: TlsCertificate | null;
  /** Refuse sessions that are not encrypted; cancel requests may come in clear all the same. */
  readonly requireTls: boolean;
  /** How servers are made sure of; null speaks with them in clear. */
  readonly backendTls: BackendTls | null;
  /** How long a client may take to say who it is, and a server to answer that. */
  readonly startupTimeoutMs: number;
  /** How long one attempt to reach a server may take. */
  readonly connectTimeoutMs: number;
}

/** What one node was asked, by sessions with splitting. Numbers that only grow. */
export interface NodeQueries {
  /** Units that any server could have answered. */
  reads: number;
  writes: number;
  /** Errors that clients read. */
  failures: number;
}

/** Counters since the start, and gauges of this moment. */
export interface RouterStatistics {
  /** Gauge: sessions, waiting ones included. */
  readonly sessions: number;
  /** Gauge: sessions that wait for a server. */
  readonly waiting: number;
  /** Sessions that had to wait for a server and wait no more, served or not. */
  readonly waits: number;
  /** How long these waited together. */
  readonly waitedMs: number;
  /** Every connection ever accepted, cancel requests included. */
  readonly totalConnections: number;
  /** Clients that were turned away by the router itself. */
  readonly refused: number;
  /** Cancel requests that were passed on. */
  readonly cancelled: number;
  readonly bytesToServer: number;
  readonly bytesToClient: number;
  /** Gauge: connections of sessions per node that they are led to. */
  readonly byNode: Readonly<Record<string, number>>;
  /** Sessions that went on at another primary. */
  readonly moved: number;
  /** What each node was asked by sessions with splitting. */
  readonly queries: Readonly<Record<string, NodeQueries>>;
}

/** Where a listener is bound. */
export interface RouterAddress {
  readonly host: string;
  readonly port: number;
}

/** A running router. */
export interface Router {
  readonly address: RouterAddress;
  /** Null where there is no such port. */
  readonly primaryAddress: RouterAddress | null;
  /** Null where there is no read-only port. */
  readonly readOnlyAddress: RouterAddress | null;
  statistics(): RouterStatistics;
  /** The sessions of this moment, the oldest first. */
  sessions(): readonly SessionReport[];
  /** Ends a session with 57P01. @returns false where there is none of that number */
  kill(id: number): boolean;
  /**
   * A cancel request that came to another member's router with a key of this one's.
   *
   * @returns whether a session has that key, and its server took the request
   */
  cancel(key: BackendKey): Promise<boolean>;
  /**
   * Before a planned switchover: new sessions for the primary wait as if there were none, and each
   * running one is closed with 57P01 as soon as it is outside a transaction with nothing unanswered.
   */
  hold(because: string): void;
  /**
   * Uses another certificate for connections from now on; running ones keep theirs.
   *
   * @returns why it cannot be used, the present one staying; null where it is in use
   */
  renewTls(certificate: TlsCertificate): string | null;
  /** Ends {@linkcode Router.hold}: waiting sessions go on. */
  release(): void;
  /**
   * Stops listening, tells every client 57P01, and resolves when all sockets are closed; clients that
   * do not read are given a few seconds. A second call returns the same promise.
   */
  close(): Promise<void>;
}

/** How the start of a router ended. */
export type RouterStart =
  | { readonly ok: true; readonly router: Router }
  | { readonly ok: false; readonly because: string };
