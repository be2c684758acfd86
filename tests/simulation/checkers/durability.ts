/**
 * Conditions C, H and S seen from outside: whenever a commit is acknowledged, and whenever a record
 * is made durable by its leader, each record of the term that may be in force is true, which means
 * that every acknowledged commit is flushed on at least k members of its E.
 */
import { type ClusterRecord, fingerprint, type Instance } from "../../../src/core/record.ts";
import { type Acknowledged, breach, type Checker, hostOf, type World } from "../world.ts";
import type { Commits } from "./commits.ts";
import type { Forces } from "./force.ts";
import type { Forks } from "./pair.ts";

/** The names may fail to change a few times, and their proof takes its time. */
const TIGHTENING_MS = 20_000;

/** Counts on the disks themselves. */
export function durabilityChecker(
  world: World,
  commits: Commits,
  forces: Forces,
  forks: Forks,
): Checker {
  const name = "2 durability";
  /** When the member list on a host's disk last changed. */
  const editedAtMs = new Map<string, number>();

  const holds = ({ incarnation }: Instance, row: number, count: number) => {
    const data = world.archive.get(incarnation);
    return data !== undefined && data.flushed >= count && data.wal[count - 1] === row;
  };

  const check = (record: ClusterRecord, row: number, count: number) => {
    if (record.required === 0) return;
    let holders = 0;
    for (const member of record.electable) if (holds(member, row, count)) holders++;
    if (holders >= record.required) return;
    breach(
      world,
      name,
      `row ${row} is acknowledged, and flushed on ${holders} of the ` +
        `${record.required} members that record ${record.term}.${record.seq} promises`,
    );
  };

  return {
    name,
    acknowledged(commit) {
      const sinceMs = world.nowMs - (editedAtMs.get(commit.node) ?? -Infinity);
      // A sole data member that gets a standby waits for it as soon as the names are in force.
      if (sinceMs > TIGHTENING_MS) checkStrict(world, commit);
      for (const record of commits.inForce(commit.term)) check(record, commit.row, commit.count);
    },
    persisted(host, before, { record }) {
      if (record === null || record === before.record) return;
      if (fingerprint(record.members) !== fingerprint(before.record?.members ?? [])) {
        editedAtMs.set(host.name, world.nowMs);
      }
      if (record.required === 0) return;
      if (record.leader.node !== host.name || host.agent?.state.role.kind !== "leader") return;
      // Adopted from another leader's term: its promise was checked when that one made it.
      if (record.leader.incarnation !== host.data?.incarnation) return;
      for (const commit of world.acknowledged) {
        if (commit.term > record.term || forces.givenUp(commit, record.term)) continue;
        if (commit.term < record.term && forks.givesUp(commit)) continue;
        check(record, commit.row, commit.count);
      }
    },
  };
}

/** With `strict` no commit is acknowledged for fewer standbys than are wanted. */
function checkStrict(world: World, { node, row }: Acknowledged): void {
  const { settings, process, disk } = hostOf(world, node);
  if (settings.durability !== "strict") return;
  const others = settings.members.filter(({ name, kind }) =>
    kind === "data" && name !== node && !settings.nofailover.includes(name) &&
    disk.record?.members.some((member) => member.name === name)
  );
  // While members come and go, the wanted number does too.
  const edited = world.scenario.faults.some(({ kind }) => kind === "editedMembers");
  const wanted = Math.min(edited ? 1 : Math.max(1, settings.wantedStandbys), others.length);
  if (process?.inForce.every(({ required }) => required >= wanted) !== false) return;
  breach(world, "2 strict", `row ${row} is acknowledged for fewer than ${wanted} standbys`);
}
