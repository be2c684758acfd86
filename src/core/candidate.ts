/**
 * Who may be elected, who goes first, and when the votes cover every acknowledged commit.
 *
 * In quorum durability every acknowledged commit is flushed on at least k members of E. A candidate
 * that has collected final positions from |E| − k + 1 members of E, none of them ahead of it, has
 * therefore met at least one that holds each such commit, and so holds it itself. Final means read
 * after revocation; comparable means on one timeline. (docs/consensus.md, "Election")
 *
 * @module
 */
import {
  type ClusterRecord,
  includesInstance,
  type Instance,
  isVirgin,
  type NodeName,
  type Position,
  sameInstance,
} from "./record.ts";

/** A vote as coverage sees it. */
export interface Grant {
  readonly instance: Instance | null;
  /** Final, or null where the voter could not revoke itself. */
  readonly position: Position | null;
}

/** True where `record` allows `instance` to be elected at all. Says nothing about coverage. */
export function isElectable(record: ClusterRecord, instance: Instance | null): boolean {
  return instance !== null &&
    (sameInstance(record.leader, instance) || includesInstance(record.electable, instance));
}

/** How far a set of grants covers a record's electable set. */
export interface Coverage {
  readonly covered: boolean;
  readonly counted: number;
  readonly needed: number;
  readonly because: string;
}

/**
 * Decides whether `candidate`, whose own final position is `position`, may win under `record` with
 * these grants (its own among them).
 *
 * The record's own leader needs no coverage: nobody can have been elected after it without a newer
 * record, so it holds all of its commits. A solo record elects nobody else.
 */
export function coverage(
  options: {
    readonly record: ClusterRecord;
    readonly candidate: Instance;
    readonly position: Position | null;
    readonly grants: readonly Grant[];
  },
): Coverage {
  const { record, candidate, position, grants } = options;
  if (sameInstance(record.leader, candidate)) {
    return { covered: true, counted: 0, needed: 0, because: "it is the record's own leader" };
  }
  const needed = record.electable.length - record.required + 1;
  if (!includesInstance(record.electable, candidate)) {
    return { covered: false, counted: 0, needed, because: "it is not electable" };
  }
  if (record.required < 1 || record.required > record.electable.length) {
    const because = `the record asks for ${record.required} of ${record.electable.length} members`;
    return { covered: false, counted: 0, needed, because };
  }
  if (position === null) {
    return { covered: false, counted: 0, needed, because: "its own position is not final" };
  }
  const notAhead = grants.filter((grant) =>
    grant.instance !== null && grant.position !== null &&
    grant.position.timeline === position.timeline && grant.position.lsn <= position.lsn
  );
  if (notAhead.some((grant) => sameInstance(grant.instance!, record.leader))) {
    return { covered: true, counted: needed, needed, because: "the old leader is not ahead of it" };
  }
  const counted =
    record.electable.filter((member) =>
      notAhead.some((grant) => sameInstance(grant.instance!, member))
    ).length;
  return {
    covered: counted >= needed,
    counted,
    needed,
    because: `${counted} of ${needed} needed electable members are known to be not ahead of it`,
  };
}

/** What decides who goes first; ties are impossible, since names are unique. */
export interface Standing {
  readonly node: NodeName;
  readonly position: Position | null;
  readonly priority: number;
}

/**
 * True where `a` should be elected rather than `b`: more WAL on the same timeline, then priority
 * (higher first), then name. It is courtesy, not safety: coverage decides.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const at = (node: string, lsn: bigint, priority = 100) => ({
 *   node,
 *   priority,
 *   position: { timeline: 1, lsn },
 * });
 * assert.equal(isBetter(at("b", 2n), at("a", 1n)), true);
 * assert.equal(isBetter(at("b", 1n, 200), at("a", 1n)), true);
 * assert.equal(isBetter(at("b", 1n), at("a", 1n)), false);
 * ```
 */
export function isBetter(a: Standing, b: Standing): boolean {
  if (a.position !== null && b.position !== null && a.position.timeline === b.position.timeline) {
    if (a.position.lsn !== b.position.lsn) return a.position.lsn > b.position.lsn;
  } else if ((a.position === null) !== (b.position === null)) {
    return a.position !== null;
  }
  if (a.priority !== b.priority) return a.priority > b.priority;
  return a.node < b.node;
}

/**
 * Why a voter with `own` record must not support a candidate that showed `theirs`, or null where
 * nothing speaks against it. The newer of the two records decides, unless an operator forces it.
 */
export function objection(
  options: {
    readonly newest: ClusterRecord | null;
    readonly candidate: Instance | null;
    readonly candidateSystemIdentifier: string | null;
    readonly forced?: boolean;
  },
): string | null {
  const { newest, candidate, candidateSystemIdentifier, forced = false } = options;
  if (newest === null || isVirgin(newest)) return null;
  if (
    candidateSystemIdentifier !== null && candidateSystemIdentifier !== newest.systemIdentifier
  ) {
    return `its data directory belongs to another cluster (system identifier ` +
      `${candidateSystemIdentifier}, the cluster's is ${newest.systemIdentifier})`;
  }
  if (forced) return candidate === null ? "it has no data directory" : null;
  if (!isElectable(newest, candidate)) {
    return `it is not electable under record ${newest.term}.${newest.seq}`;
  }
  return null;
}
