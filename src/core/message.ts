/**
 * What members say to each other: requests, and the answers to them.
 *
 * A request is carried by one HTTP call and its answer by the response; both are signed by the
 * coordination room, so the core may believe `from`. Units are last: `leaseMs`.
 *
 * @module
 */
import type { Lsn } from "./lsn.ts";
import type { ClusterRecord, Instance, Memory, NodeName, Position, RecordMark } from "./record.ts";

/** Where clients and standbys reach a member's PostgreSQL. */
export interface Contact {
  readonly host: string;
  readonly port: number;
}

/** The leader of a term gives it up in favour of one candidate; voters honour it. */
export interface Handover {
  readonly term: number;
  readonly leader: NodeName;
  readonly to: NodeName;
}

/** How far a leader's WAL reached when its last heartbeat that told was heard. */
export interface HeardInsert {
  readonly leader: Instance;
  readonly position: Position;
  readonly agoMs: number;
}

/** What a candidate says about itself, before and during an election. */
export interface CandidateClaim {
  /** The member list's fingerprint; disagreement is denied and shown. */
  readonly fingerprint: string;
  /** In a pre-vote: the term it would ask for. */
  readonly term: number;
  /** Its data directory; null where it has none (only at the first start). */
  readonly instance: Instance | null;
  readonly systemIdentifier: string | null;
  readonly record: ClusterRecord | null;
  readonly position: Position | null;
  readonly priority: number;
  readonly handover: Handover | null;
  /** An operator accepted the loss of commits: being electable is not asked for. */
  readonly forced: boolean;
}

/** A request from one member to another. */
export type Request =
  | CandidateClaim & { readonly type: "pre_vote" }
  | CandidateClaim & { readonly type: "vote" }
  | {
    readonly type: "heartbeat";
    readonly fingerprint: string;
    readonly term: number;
    readonly leaseMs: number;
    readonly record: ClusterRecord | null;
    /** True once the term's records are committed and the server is writable: standbys attach. */
    readonly writable: boolean;
    /** True while the leader prepares to hand over: routers begin nothing new on its server. */
    readonly yielding: boolean;
    /** True where one of a pair decides without the other: what it commits, the other may lack. */
    readonly alone: boolean;
    /** True where the receiver, which lost its state, is taken back as a voter. */
    readonly admit: boolean;
    readonly contact: Contact;
    /** The leader's insert position, for lag; null while it is not a primary. */
    readonly insertLsn: Lsn | null;
  }
  /** Before a handover: does the target's WAL reach the shutdown checkpoint? */
  | { readonly type: "confirm"; readonly term: number; readonly checkpoint: Position }
  | { readonly type: "handover"; readonly handover: Handover }
  /** The leader of `term` is down, durably so noted. */
  | { readonly type: "resigned"; readonly term: number };

/** A summary of a member's server, for the leader and for people. */
export interface ServerSummary {
  readonly state: string;
  readonly timeline: number | null;
  readonly lsn: Lsn | null;
}

/** The answer to a {@linkcode Request}. `term` is always the answering member's own. */
export type Answer =
  | {
    readonly type: "pre_vote_answer";
    readonly term: number;
    readonly granted: boolean;
    readonly because: string;
    readonly record: ClusterRecord | null;
  }
  | {
    readonly type: "vote_answer";
    readonly term: number;
    readonly granted: boolean;
    readonly because: string;
    readonly record: ClusterRecord | null;
    readonly instance: Instance | null;
    /** Its final position after revocation; null where it does not count for coverage. */
    readonly position: Position | null;
    /** What the vote is remembered by: a vote of a memory that was lost does not count. */
    readonly memory: Memory | null;
    /** What it last heard of a leader's WAL; null where it has heard nothing since its start. */
    readonly heard: HeardInsert | null;
  }
  | {
    readonly type: "heartbeat_answer";
    readonly term: number;
    readonly accepted: boolean;
    readonly because: string;
    /** The newest record that it has made durable; null where it does not count (not admitted). */
    readonly persisted: RecordMark | null;
    readonly admitted: boolean;
    readonly memory: Memory | null;
    /** The fingerprint of the member list that its configuration proposes. */
    readonly proposes: string;
    readonly instance: Instance | null;
    readonly contact: Contact;
    readonly server: ServerSummary;
  }
  | {
    readonly type: "confirm_answer";
    readonly term: number;
    readonly reached: boolean;
    readonly position: Position | null;
  }
  | { readonly type: "noted"; readonly term: number }
  /** The request makes no sense to this member; `because` says why. */
  | { readonly type: "denied"; readonly term: number; readonly because: string };
