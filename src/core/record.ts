/**
 * The replicated record: the one small thing that the members agree on beside the WAL itself.
 *
 * It says who may write ({@linkcode ClusterRecord.leader}), and, should that one fail, who may follow
 * ({@linkcode ClusterRecord.electable}) and how many of those hold every acknowledged commit
 * ({@linkcode ClusterRecord.required}). A record is *committed* once a majority has persisted it.
 * See docs/consensus.md.
 *
 * @module
 */
import type { Lsn } from "./lsn.ts";

/** The name of a member, unique in the cluster. */
export type NodeName = string;

/** The random id of one data directory: 8 lower-case hexadecimal digits, replaced by every clone. */
export type Incarnation = string;

/**
 * The random id of what one member remembers: 8 lower-case hexadecimal digits, drawn where there is
 * no state file. Who lost the file and has a new one has another memory.
 */
export type Memory = string;

/** One data directory on one member. Records name these, never hosts. */
export interface Instance {
  readonly node: NodeName;
  readonly incarnation: Incarnation;
}

/** A member of the cluster as the record knows it. A witness votes and holds no data. */
export interface MemberEntry {
  readonly name: NodeName;
  readonly kind: "data" | "witness";
  /** The memory whose votes count; absent until the member was first taken back after a loss. */
  readonly memory?: Memory | undefined;
}

/** A WAL position. Two positions are comparable only on the same timeline. */
export interface Position {
  readonly timeline: number;
  readonly lsn: Lsn;
}

/** What the members agree on. Newer means larger (term, seq). */
export interface ClusterRecord {
  readonly term: number;
  readonly seq: number;
  readonly members: readonly MemberEntry[];
  /** PostgreSQL's system identifier; null until the first primary has been initialised. */
  readonly systemIdentifier: string | null;
  readonly leader: Instance;
  /** The leader's PostgreSQL timeline, and where it began; 0 and 0n while it is being promoted. */
  readonly timeline: number;
  readonly startLsn: Lsn;
  /**
   * A larger timeline number that somebody may have made: by a promotion which this claim announces,
   * or which nobody heard the end of. Absent where there is none.
   */
  readonly takenTimeline?: number | undefined;
  /**
   * E: the instances of which one may be elected. Empty is solo: nobody but the leader. Not empty
   * where `required` is 0 is async: whoever is elected may lack commits.
   */
  readonly electable: readonly Instance[];
  /** k: every acknowledged commit is flushed on at least this many members of E. */
  readonly required: number;
}

/** Where a record stands in the order of records. */
export interface RecordMark {
  readonly term: number;
  readonly seq: number;
}

/** True where both name the same data directory. */
export function sameInstance(a: Instance, b: Instance): boolean {
  return a.node === b.node && a.incarnation === b.incarnation;
}

/** True where `instances` holds `instance`. */
export function includesInstance(instances: readonly Instance[], instance: Instance): boolean {
  return instances.some((other) => sameInstance(other, instance));
}

/**
 * Orders two records, or a record and its absence (which is older than every record).
 *
 * @returns a negative number where `a` is older, 0 where they are the same, positive where newer
 */
export function compareRecords(a: RecordMark | null, b: RecordMark | null): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  return a.term !== b.term ? a.term - b.term : a.seq - b.seq;
}

/** The newer of two records; `a` where they are equally new. */
export function newerRecord(
  a: ClusterRecord | null,
  b: ClusterRecord | null,
): ClusterRecord | null {
  return compareRecords(a, b) >= 0 ? a : b;
}

/**
 * A record under which no PostgreSQL was ever initialised binds nobody: the first start was
 * interrupted, no client can have written anything, and it may be tried again.
 */
export function isVirgin(record: ClusterRecord | null): boolean {
  return record === null || record.systemIdentifier === null;
}

/** The memory of `node` that counts under `record`; null where any does. */
export function memoryOf(record: ClusterRecord | null, node: NodeName): Memory | null {
  return record?.members.find(({ name }) => name === node)?.memory ?? null;
}

/** True where `record` says that votes of `node` count only from another memory than `memory`. */
export function isForgotten(
  record: ClusterRecord | null,
  node: NodeName,
  memory: Memory | null,
): boolean {
  const named = memoryOf(record, node);
  return named !== null && named !== memory;
}

/**
 * A short text that is equal on two nodes exactly where their member lists are: names and kinds,
 * not addresses, since one node may see another under a different address.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(
 *   fingerprint([{ name: "b", kind: "witness" }, { name: "a", kind: "data" }]),
 *   '[["a","data"],["b","witness"]]',
 * );
 * ```
 */
export function fingerprint(members: readonly MemberEntry[]): string {
  const known = fingerprints.get(members);
  if (known !== undefined) return known;
  const pairs = members.map((member) => [member.name, member.kind] as const);
  const made = JSON.stringify(pairs.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0));
  fingerprints.set(members, made);
  return made;
}

// Every message carries one, and a list never changes once it is made.
const fingerprints = new WeakMap<readonly MemberEntry[], string>();
