/**
 * What a node is told about itself and its cluster before anything happens.
 *
 * @module
 */
import type { Contact } from "./message.ts";
import type { MemberEntry, NodeName } from "./record.ts";

/**
 * What commits wait for. `strict`: always for the wanted number of standbys. `quorum`: for as many
 * of them as are there, down to none, and the record says so first. `async`: for none.
 */
export type DurabilityPolicy = "strict" | "quorum" | "async";

/** Two data members and no third vote. Durations are in milliseconds. */
export interface PairSettings {
  /** Failed checks in a row, one per heartbeat interval, before the standby may promote. */
  readonly failureThreshold: number;
  /** How long the primary has to be silent besides. */
  readonly failoverDelayMs: number;
  /** How many addresses outside of the pair tell an isolated node from a lonely one. */
  readonly witnessCount: number;
  /** What a primary without its peer does where there are no such addresses. */
  readonly whenAlone: "serve" | "fence";
}

/**
 * What may change while the agent runs: a leader's own business, of which its record tells the others
 * before anything rests on it, as where standbys come and go.
 */
export type LiveSettings = Pick<
  Settings,
  "durability" | "wantedStandbys" | "maximumLagBytes" | "serverPatienceMs"
>;

/** Constant while the agent runs, but for {@linkcode LiveSettings}. Durations are in milliseconds. */
export interface Settings {
  readonly self: NodeName;
  /** What the configuration proposes; the record's list counts (members.ts). */
  readonly members: readonly MemberEntry[];
  /** Data members that may never be elected, and so are never waited for by commits either. */
  readonly nofailover: readonly NodeName[];
  /** Higher goes first among candidates that are equally advanced. */
  readonly priority: number;
  /** True on the one member that is to be initialised as the first primary. */
  readonly initialPrimary: boolean;
  /** `failover_timeout`: how long a leader may write without hearing from a majority. */
  readonly leaseMs: number;
  /** What a voter adds to the lease before it listens to other candidates. */
  readonly fenceMarginMs: number;
  readonly heartbeatIntervalMs: number;
  /** `communication_timeout`: what the edge allows one request; the core plans with it. */
  readonly communicationTimeoutMs: number;
  readonly minConsensusNodes: number;
  readonly durability: DurabilityPolicy;
  /** The wanted k: how many standbys are to hold a commit before it is acknowledged. */
  readonly wantedStandbys: number;
  /** With `async`: how much WAL a standby may lack and still be electable; null: any. */
  readonly maximumLagBytes: bigint | null;
  /** How long a leader's agent may be silent while its PostgreSQL is seen to work; 0: not at all. */
  readonly agentSilenceMs: number;
  /** Set exactly where the cluster runs in pair mode. */
  readonly pair: PairSettings | null;
  /** How long the leader's server may answer nothing before a standby takes over. */
  readonly serverPatienceMs: number;
  /** The database address that this node tells others. */
  readonly contact: Contact;
}
