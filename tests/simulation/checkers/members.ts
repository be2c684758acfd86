/**
 * Members change one at a time, and only from a record of the leader's own term that a majority
 * holds; nobody is electable who is no member; and only members make a majority.
 */
import {
  type ClusterRecord,
  compareRecords,
  fingerprint,
  isVirgin,
} from "../../../src/core/record.ts";
import { breach, type Checker, type World } from "../world.ts";
import type { Commits } from "./commits.ts";

/** Looks at each record that its own leader publishes. */
export function memberChecker(world: World, commits: Commits): Checker {
  const name = "members";
  return {
    name,
    stepped(host, before) {
      const { role, durable } = host.agent!.state;
      if (role.kind !== "leader" || role.alone || role.committed === null) return;
      if (before.role.kind === "leader" && before.role.committed === role.committed) return;
      const since = commits.inForce(durable.term)[0];
      if (since !== undefined && compareRecords(since, role.committed) >= 0) return;
      const { term, seq } = role.committed;
      breach(
        world,
        name,
        `${host.name} takes ${term}.${seq} for committed, and no majority has it`,
      );
    },
    persisted(host, { record: before }, { record }) {
      if (record === null || isVirgin(record)) return;
      const named = record.members.map((member) => member.name);
      const strangers = [record.leader, ...record.electable].filter(({ node }) =>
        !named.includes(node)
      );
      if (strangers.length > 0) {
        return breach(world, name, `${strangers[0]!.node} is electable and no member`);
      }
      // The leader itself is the first to have a record.
      if (host.name !== record.leader.node || before?.term !== record.term) return;
      const changed = difference(before, record);
      if (changed === 0) return;
      world.tally.note("members", record.members.length > before.members.length ? "more" : "fewer");
      if (changed > 1) breach(world, name, `${changed} members are changed at once`);
      const since = commits.inForce(record.term)[0];
      if (since === undefined || compareRecords(since, before) < 0) {
        breach(world, name, `the members change before ${before.term}.${before.seq} is committed`);
      }
    },
  };
}

/** How many members one of the two lists has and the other has not. */
function difference(a: ClusterRecord, b: ClusterRecord): number {
  const key = (record: ClusterRecord) => record.members.map((member) => fingerprint([member]));
  const [inA, inB] = [key(a), key(b)];
  return inA.filter((one) => !inB.includes(one)).length +
    inB.filter((one) => !inA.includes(one)).length;
}
