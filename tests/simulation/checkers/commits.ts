/**
 * What nobody inside the cluster can see: which records are really committed, because a majority of
 * disks holds them, and which others of a term may be in force.
 */
import { majoritySize } from "../../../src/core/quorum.ts";
import {
  type ClusterRecord,
  compareRecords,
  newerRecord,
  type NodeName,
} from "../../../src/core/record.ts";
import type { Checker } from "../world.ts";

/** The truth about records. */
export interface Commits {
  readonly checker: Checker;
  /** The newest record that a majority of disks has held. */
  newest(): ClusterRecord | null;
  /** Records of this term that may be in force: those since, and with, the last committed one. */
  inForce(term: number): readonly ClusterRecord[];
  /** Of all terms before `term`: the newest committed record, and every newer one on any disk. */
  before(term: number): readonly ClusterRecord[];
}

interface Seen {
  readonly record: ClusterRecord;
  readonly holders: Set<NodeName>;
  committed: boolean;
}

/** Watches every state file. */
export function createCommits(): Commits {
  const seen = new Map<number, Seen[]>();
  let newest: ClusterRecord | null = null;

  const commit = (entry: Seen) => {
    entry.committed = true;
    if (compareRecords(entry.record, newest) > 0) newest = entry.record;
  };

  return {
    newest: () => newest,
    inForce(term) {
      const entries = seen.get(term) ?? [];
      // The term's own last one: a newer term that was committed meanwhile revives no older record.
      const since = entries.filter(({ committed }) => committed).map(({ record }) => record)
        .reduce(newerRecord, null);
      return entries.map(({ record }) => record)
        .filter((record) => compareRecords(record, since) >= 0);
    },
    before(term) {
      const earlier = [...seen.values()].flat().filter(({ record }) => record.term < term);
      const last = earlier.filter(({ committed }) => committed).map(({ record }) => record)
        .reduce(newerRecord, null);
      return earlier.map(({ record }) => record)
        .filter((record) => compareRecords(record, last) >= 0);
    },
    checker: {
      name: "commits",
      stepped(host) {
        const { role, durable } = host.agent!.state;
        if (role.kind !== "leader" || !role.alone) return;
        // One of a pair that acts alone is a majority of one.
        for (const entry of seen.get(durable.term) ?? []) {
          if (entry.holders.has(host.name)) commit(entry);
        }
      },
      persisted(host, before, { record, admitted }) {
        if (record === null || !admitted || record === before.record && before.admitted) return;
        const entries = seen.get(record.term) ?? [];
        seen.set(record.term, entries);
        if (!entries.some((entry) => entry.record.seq === record.seq)) {
          entries.push({ record, holders: new Set(), committed: false });
        }
        const role = host.agent?.state.role;
        const alone = role?.kind === "leader" && role.alone;
        for (const entry of entries) {
          // A later record of the same term says that the node has been past the earlier one.
          if (entry.record.seq > record.seq) continue;
          entry.holders.add(host.name);
          // Who is a member is for each record to say.
          const { members } = entry.record;
          const counted = members.filter(({ name }) => entry.holders.has(name)).length;
          const majority = majoritySize(members.length, host.settings.minConsensusNodes);
          if (counted >= (alone ? 1 : majority)) commit(entry);
        }
      },
    },
  };
}
