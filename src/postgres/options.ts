/**
 * The face of the postgres room: what the agent hands in, and what it gets back.
 *
 * @module
 */
import type { Log } from "../core/log.ts";
import type { Lsn } from "../core/lsn.ts";
import type { Contact } from "../core/message.ts";
import type { Finding } from "./look.ts";
import type { Measurements } from "./measure.ts";
import type { RoleReader } from "./role_reader.ts";
import type { Setback } from "./tries.ts";
import type { NodeName } from "../core/record.ts";
import type {
  ActionFailure,
  ActionResult,
  ServerAction,
  ServerObservation,
} from "../core/server.ts";

/** A member that runs PostgreSQL, and the host names or IP addresses it connects from. */
export interface DataMember {
  readonly name: NodeName;
  readonly addresses: readonly string[];
}

/**
 * What becomes of a data directory that may not simply follow: rewound where that can be, else
 * copied; always copied; or left alone until an operator moves it away.
 */
export type Rejoin = "rewind" | "clone" | "refuse";

/** Everything that the local server needs to know. Times are in milliseconds. */
export interface PostgresOptions {
  readonly nodeName: NodeName;
  /** All data members, this node included: one slot and some lines of pg_hba.conf for each. */
  readonly members: readonly DataMember[];
  /** Addresses of members without PostgreSQL, whose routers connect all the same. Default none. */
  readonly witnessAddresses?: readonly string[];
  /** Where the agent reaches the local server. */
  readonly host: string;
  readonly port: number;
  /** A superuser; created by initdb where the agent initialises the cluster. */
  readonly username: string;
  readonly password: string;
  /** The application's database; created at initialisation where it is missing. */
  readonly database: string;
  /** Null: ask the running server for it, and attach over SQL where it cannot be controlled. */
  readonly dataDir: string | null;
  /** Null: looked for in the usual places. */
  readonly binDir: string | null;
  /** The system user that owns the server; null is "postgres" under root, else the agent's own. */
  readonly osUser: string | null;
  readonly replicationUser: string;
  readonly replicationPassword: string;
  /** A directory of the agent's own. The server's user must be able to pass through it. */
  readonly stateDir: string;
  /** How data that left the leader's history come back. Default "rewind": by it where it can be. */
  readonly rejoin?: Rejoin;
  /** Bounds an observation, and the wait for a WAL receiver to end. */
  readonly timeoutMs: number;
  readonly log: Log;
  /** False leaves roles' stored passwords alone, where the servers judge clients. Default true. */
  readonly readsPasswords?: boolean;
  /** `listen_addresses`; by default loopback where all members are on it, and "*" otherwise. */
  readonly listenAddresses?: string;
  /** `wal_keep_size`: WAL that a standby keeps for its siblings. Default 256. */
  readonly walKeepMiB?: number;
  /** `max_slot_wal_keep_size`: what an absent standby may hold back. Default 8192. */
  readonly maxSlotWalKeepMiB?: number;
  /** Free space that a candidate needs. Default 64. */
  readonly diskFloorMiB?: number;
  /** Free space that an orderly shutdown needs: one WAL segment. Default 16. */
  readonly shutdownFloorMiB?: number;
  /** How long a start may take until it accepts connections. Default 60 000. */
  readonly startTimeoutMs?: number;
  /** How long a fast shutdown may take. Default 20 000. */
  readonly stopTimeoutMs?: number;
  /** Between an immediate shutdown and SIGKILL. Default 1 000. */
  readonly fenceGraceMs?: number;
  /** How long SIGKILL may take to empty the process table. Default 10 000. */
  readonly fenceTimeoutMs?: number;
  /** How long a change of the names may take to come into force. Default 10 000. */
  readonly syncTimeoutMs?: number;
  /** How long a promotion may take. Default 30 000. */
  readonly promoteTimeoutMs?: number;
  /** How long a rewound standby may stand still without streaming. Default 30 000. */
  readonly streamPatienceMs?: number;
}

/** How far an action is. Only a clone knows its size, and whether it turned out to be a rewind. */
export interface ActionProgress {
  readonly doing: "clone" | "rewind";
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** Where each member is on this server's timeline; the leader's own position does not matter. */
export type Siblings = ReadonlyMap<NodeName, Lsn | "leader">;

/** A replication slot, as `status` shows it. */
export interface SlotReport {
  readonly name: string;
  readonly kind: "physical" | "logical";
  /** Whose it is; null where it belongs to no member. */
  readonly member: NodeName | null;
  readonly active: boolean;
  /** "reserved", "extended", "unreserved" or "lost"; null before PostgreSQL 13. */
  readonly walStatus: string | null;
  /** Null where it holds nothing. */
  readonly retainedBytes: number | null;
  /** Of a logical slot. */
  readonly database: string | null;
  /** Whether a logical slot is to be kept on standbys, and whether it is such a copy. */
  readonly failover: boolean;
  readonly synced: boolean;
}

/** What the care of a server found. */
export interface CareReport {
  /** PostgreSQL's release. */
  readonly major: number;
  readonly role: "primary" | "standby";
  /** Sentences for `status`. */
  readonly problems: readonly string[];
  readonly slots: readonly SlotReport[];
}

/** How an action ended. */
export type ActionOutcome =
  | { readonly ok: true; readonly result: ActionResult }
  | { readonly ok: false; readonly failure: ActionFailure; readonly because: string };

/** Options of {@linkcode LocalServer.run}. */
export interface RunOptions {
  readonly onProgress?: (progress: ActionProgress) => void;
  /** Aborts the action; what it had begun is left as an interruption would leave it. */
  readonly signal?: AbortSignal;
}

/** The local PostgreSQL server. */
export interface LocalServer {
  /** Looks at the server. Bounded by `timeoutMs`; never throws. */
  observe(): Promise<ServerObservation>;
  /** What the last look found, in the words of look.ts; null before the first. */
  finding(): Finding | null;
  /**
   * Has the data directory count as absent from now on, as after an interrupted clone, so that the
   * next clone empties it. Fails while a server runs in it; never throws.
   */
  discard(): Promise<ActionOutcome>;
  /**
   * Carries out one action; never throws. Only a fence may be asked for while another action is
   * under way: it preempts that one, which fails.
   */
  run(action: ServerAction, options?: RunOptions): Promise<ActionOutcome>;
  /** Starts or copies that came to nothing, in a row; null where the last one did not. */
  setback(): Setback | null;
  /** Calls back as soon as the postmaster is gone, whoever started it. */
  onExit(callback: () => void): void;
  /** What cannot be done with this server, in sentences, for the log at start. */
  readonly limitations: readonly string[];
  /** Asks another member's server, as this agent's own user, whether it works as a primary. */
  worksAsPrimary(contact: Contact, timeoutMs: number): Promise<boolean>;
  /**
   * Has the server write out what it has in memory, while it goes on to serve: a stop soon after has
   * little left to write. Gives up after `limitMs`; never throws.
   */
  writeOut(limitMs: number): Promise<void>;
  /** Where the server's files are; null where its processes are not in the agent's hands. */
  readonly dataDir: string | null;
  /** Reads roles' rights and stored passwords. */
  readonly roles: RoleReader;
  /** Reads what is worth watching and decides nothing; null where it does not answer in time. */
  measure(timeoutMs: number): Promise<Measurements | null>;
  /**
   * Looks after slots and settings, and says what is wrong; never throws. Null: not to be asked.
   * May be called at any time, beside an action too.
   */
  care(siblings: Siblings): Promise<CareReport | null>;
  /** Lets go of the server. Never stops PostgreSQL. */
  close(): Promise<void>;
}

/** What {@linkcode openLocalServer} gives: a server, or the reason why there is none. */
export type OpenResult =
  | { readonly ok: true; readonly server: LocalServer }
  | { readonly ok: false; readonly because: string };
