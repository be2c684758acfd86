/**
 * What a node is told about itself and its cluster before anything happens.
 *
 * @module
 */
import type { Contact } from "./message.ts";
import type { MemberEntry, NodeName } from "./record.ts";

/**
 * What a leader does when no standby is left that a commit could wait for: `strict` lets writes
 * wait, `quorum` goes on alone, after the record says so.
 */
export type DurabilityPolicy = "strict" | "quorum";

/** Constant while the agent runs. Durations are in milliseconds. */
export interface Settings {
  readonly self: NodeName;
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
  /** How long the leader's server may answer nothing before a standby takes over. */
  readonly serverPatienceMs: number;
  /** The database address that this node tells others. */
  readonly contact: Contact;
}

/** True where this node holds data. */
export function isDataMember(settings: Settings, node: NodeName): boolean {
  return settings.members.some((member) => member.name === node && member.kind === "data");
}

/** The members other than this one. */
export function peersOf(settings: Settings): readonly NodeName[] {
  return settings.members.map((member) => member.name).filter((name) => name !== settings.self);
}
