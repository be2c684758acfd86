/**
 * Everything the core knows. A state is never changed: `step()` returns a new one.
 *
 * @module
 */
import type { Durable } from "./effect.ts";
import type { PossibleLoss } from "./loss.ts";
import type { Answer, Contact, Handover } from "./message.ts";
import type { PairWatch } from "./pair.ts";
import type {
  ClusterRecord,
  Incarnation,
  Instance,
  Memory,
  NodeName,
  Position,
  RecordMark,
} from "./record.ts";
import type { ServerAction, ServerObservation, SyncSetting } from "./server.ts";
import type { Settings } from "./settings.ts";

/** A voter's silence towards other candidates, given to the leader of `term`. */
export interface PromiseToLeader {
  readonly term: number;
  /** Null right after a start, when nobody remembers whom the promise was given to. */
  readonly leader: NodeName | null;
  readonly untilMs: number;
}

/** A request that was sent and neither answered nor given up. */
export interface Outstanding {
  readonly to: NodeName;
  readonly kind: "pre_vote" | "vote" | "heartbeat" | "confirm" | "handover" | "resigned";
  readonly sentAtMs: number;
  readonly term: number;
}

/** An action that the local server is busy with. */
export interface Operation {
  readonly id: number;
  readonly action: ServerAction;
  readonly startedAtMs: number;
}

/** What a leader knows of another member. */
export interface PeerProgress {
  /** When the newest heartbeat that it accepted was *sent*; null before the first. */
  readonly ackedSentAtMs: number | null;
  readonly persisted: RecordMark | null;
  readonly admitted: boolean;
  /** The memory with which it asks to be taken back, having lost its state; null where it does not. */
  readonly lost: Memory | null;
  /** The memory that it answered from last. */
  readonly memory: Memory | null;
  /** When the newest heartbeat that it took was sent, be it a member that counts or not. */
  readonly heardSentAtMs: number | null;
  /** The fingerprint of the list that its configuration proposes; null before its first answer. */
  readonly proposes: string | null;
  readonly instance: Instance | null;
}

/** An operator's planned switchover, seen from the node that is giving up leadership. */
export interface Switchover {
  readonly reference: number;
  readonly to: NodeName;
  readonly stage: "stopping" | "confirming" | "rolling_back";
  readonly checkpoint: Position | null;
  readonly retryAtMs: number;
  readonly deadlineMs: number;
  /** Why it is rolled back; null while it goes well. */
  readonly failure: string | null;
}

/** Where a leader stands between winning and serving. */
export type LeaderPhase =
  /** Waiting for a majority to take over the adopted record. */
  | "adopting"
  /** Pre-flight on the local server. */
  | "preparing"
  /** Waiting for a majority to hold the solo record. */
  | "claiming"
  /** PostgreSQL is being started or promoted. */
  | "promoting"
  /** Waiting for a majority to hold the record that names the timeline. */
  | "publishing"
  /** Serving writes. */
  | "leading"
  /** After an agent's restart: its own term, not yet acknowledged again. */
  | "resuming"
  /** PostgreSQL died; its last backends are being ended. */
  | "burying"
  /** PostgreSQL is being started again, on the same timeline and under the same lease. */
  | "restarting"
  /** Giving up leadership on an operator's request. */
  | "switching";

/** A node that follows, or waits for somebody to follow. */
export interface FollowerRole {
  readonly kind: "follower";
  readonly leader: NodeName | null;
  /** The leader of this term is writable: standbys attach. */
  readonly writable: boolean;
  /** It prepares to hand over, and nothing new is to begin on its server. */
  readonly yielding: boolean;
  readonly leaderContact: Contact | null;
  readonly leaderInsertLsn: bigint | null;
  readonly heardAtMs: number;
  /** When the silent leader's PostgreSQL was last seen at work; null where it was not. */
  readonly workingAtMs: number | null;
  /** Not before this moment does it campaign, even where no promise holds it back. */
  readonly campaignAtMs: number;
  readonly probeAtMs: number;
}

/** A node that asks to be elected. */
export interface CandidateRole {
  readonly kind: "candidate";
  readonly stage: "pre_vote" | "vote";
  /** The term it asks for; its own durable term in stage "vote". */
  readonly term: number;
  readonly answers: Readonly<Record<NodeName, Answer>>;
  /** Members from which no answer will come any more. */
  readonly failed: readonly NodeName[];
  readonly deadlineMs: number;
  /** Until then a pre-vote listens to every member, so that two candidates see each other. */
  readonly listenUntilMs: number;
  /** True once its own WAL cannot grow any more: revoked, or not running at all. */
  readonly final: boolean;
  /** Its final position; null for a stopped ex-leader, which needs none. */
  readonly position: Position | null;
  readonly handover: Handover | null;
  readonly forced: boolean;
}

/** A node that won its term. */
export interface LeaderRole {
  readonly kind: "leader";
  readonly phase: LeaderPhase;
  readonly phaseSinceMs: number;
  /** Who voted for it; nobody where it resumed its own term. */
  readonly votes: readonly NodeName[];
  readonly peers: Readonly<Record<NodeName, PeerProgress>>;
  /** Null before a majority acknowledged the first heartbeat. */
  readonly leaseUntilMs: number | null;
  /** The leadership ends at this moment if there is no lease by then. */
  readonly electedDeadlineMs: number;
  readonly nextHeartbeatAtMs: number;
  /** Records published since, and including, the last that is known to be committed. */
  readonly published: readonly ClusterRecord[];
  readonly committed: RecordMark | null;
  /** Where the leader's own WAL stood when it won: may it go on without a new timeline? */
  readonly adopted: Position | null;
  /** A timeline that another server may have made, so that this one must not make it again. */
  readonly beyondTimeline?: number;
  /** The names in force; no barrier before the first proof that they are. */
  readonly sync: { readonly setting: SyncSetting; readonly barrierLsn: bigint | null };
  /** Names that were asked for and are not proved to be in force: until then both count. */
  readonly pendingSync: SyncSetting | null;
  /** When the local server last answered as the primary that it should be. */
  readonly answeredAtMs: number;
  /** When each attached standby was last seen streaming, by incarnation. */
  readonly seenAtMs: Readonly<Record<Incarnation, number>>;
  readonly switchover: Switchover | null;
  /** What it may lack since it was elected under an async record; null where nothing. */
  readonly possibleLoss: PossibleLoss | null;
  readonly retryAtMs: number;
  /** One of a pair that decides without the other, until that one acknowledges again. */
  readonly alone: boolean;
}

/** What this node is in its term. */
export type Role = FollowerRole | CandidateRole | LeaderRole;

/** A vote that was granted and is answered as soon as the local server is revoked. */
export interface PendingVote {
  readonly exchange: number;
  readonly term: number;
  readonly candidate: NodeName;
  /** Where the candidate said that its WAL ends; it may not have been final. */
  readonly claimed: Position | null;
}

/** What a heartbeat said of its sender's WAL. */
export interface LeaderInsert {
  readonly leader: Instance;
  readonly position: Position;
  readonly heardAtMs: number;
}

/** A leader's question whether our WAL reaches its shutdown checkpoint. */
export interface PendingConfirm {
  readonly exchange: number;
  readonly checkpoint: Position;
  readonly deadlineMs: number;
}

/** An operator waits for the end of something that has left this node's hands. */
export interface Watch {
  readonly reference: number;
  readonly to: NodeName;
  /**
   * waiting: for what has to come first, and nothing is given away yet; handed_over: this node has
   * resigned in favour of `to`; elected, writable: how far `to` has come since then.
   */
  readonly stage: "waiting" | "handed_over" | "elected" | "writable";
  readonly term: number;
  readonly deadlineMs: number;
  /** The operator accepted that commits may be lost. */
  readonly forced: boolean;
  /** The last reason why it does not come about, for the final message. */
  readonly because: string;
}

/** What was last heard from a leader, whether it leads still or not. */
export interface HeardLeader {
  readonly leader: NodeName;
  readonly atMs: number;
  /** Where its WAL ended; null where it never said. */
  readonly insertLsn: bigint | null;
}

/** How the local data directory can come back under a leader. */
export type Rejoin =
  | { readonly kind: "follow" }
  | { readonly kind: "clone"; readonly because: string }
  | { readonly kind: "blocked"; readonly because: string };

/** The whole of it. */
export interface State {
  readonly settings: Settings;
  readonly durable: Durable;
  readonly startedAtMs: number;
  /** The time of the last event. */
  readonly nowMs: number;
  /** The seed of the next random number, 32 bits. */
  readonly random: number;
  readonly nextId: number;
  readonly outstanding: Readonly<Record<number, Outstanding>>;
  readonly server: ServerObservation | null;
  readonly operation: Operation | null;
  /** After a failed action: not before this moment is another tried. */
  readonly operateAtMs: number;
  readonly operationFailure: string | null;
  readonly rejoin: Rejoin;
  /** When the local standby last streamed from its leader, or was last told to. */
  readonly streamedAtMs: number;
  readonly role: Role;
  readonly promise: PromiseToLeader | null;
  /** Null since this agent's start until a leader is heard. */
  readonly heard: HeardLeader | null;
  readonly pendingVote: PendingVote | null;
  /** How far a leader's WAL reached, by its last heartbeat that told; kept when it falls silent. */
  readonly leaderInsert: LeaderInsert | null;
  readonly pendingConfirm: PendingConfirm | null;
  readonly watch: Watch | null;
  /** Set exactly where the settings are those of a pair. */
  readonly pair: PairWatch | null;
  /** Each data member's last known data directory, for the names that commits wait for. */
  readonly instances: Readonly<Record<NodeName, Incarnation>>;
  readonly contacts: Readonly<Record<NodeName, Contact>>;
  /** Why the last campaign came to nothing, for `status`. */
  readonly campaignFailure: string | null;
  /** The newest record that anybody showed in an election, where it is newer than the durable one. */
  readonly shown: ClusterRecord | null;
  /** Since when it is remembered. */
  readonly shownAtMs: number;
  /** What was shown and is no longer believed: nothing up to it is remembered again. */
  readonly disbelieved: ClusterRecord | null;
  /** Heartbeat answers that speak of a different member list, for `status`. */
  readonly disagreement: string | null;
}
