/**
 * Invariant 5, first half: nobody is elected whom neither the newest committed record nor a newer
 * one makes electable; a server is opened only under a committed record that names it as the
 * leader, and promoted only while nobody else may be elected.
 */
import { type ClusterRecord, isVirgin } from "../../../src/core/record.ts";
import type { ServerAction } from "../../../src/core/server.ts";
import { breach, type Checker, type Host, type World } from "../world.ts";
import type { Commits } from "./commits.ts";
import { leasesMayOverlap } from "./doubt.ts";
import type { Forks } from "./pair.ts";

/** Compares each promotion with the newest committed record. */
export function promotionChecker(world: World, commits: Commits, forks: Forks): Checker {
  const name = "5 promotion";

  const check = (host: Host, action: ServerAction["type"], alone: boolean) => {
    if (forks.excused) return;
    const record = commits.newest();
    // One that was superseded early, and has not heard of it, may start again in place: nobody is
    // left who would acknowledge what is written there. Early means within its lease, so a clock
    // that can be trusted rules it out.
    const superseded = record !== null && record.term > host.disk.term;
    if (!alone && superseded && leasesMayOverlap(world)) return;
    if (record === null || record.leader.node !== host.name) {
      return breach(
        world,
        name,
        `${action} on ${host.name}, and the newest committed record names ${
          record?.leader.node ?? "nobody"
        }`,
      );
    }
    if (alone && record.required > 0) {
      breach(world, name, `${action} on ${host.name} while others may be elected`);
    }
  };

  return {
    name,
    stepped(host, before) {
      const { role, durable } = host.agent!.state;
      if (role.kind !== "leader" || before.role.kind !== "candidate") return;
      // Force lifts this rule; whether it was an operator's will is for its own checker.
      if (before.role.forced || forks.excused) return;
      const records = commits.before(durable.term).filter((record) => !isVirgin(record));
      if (records.length === 0 || records.some((record) => allows(record, host))) return;
      const { term, seq } = records[0]!;
      breach(world, name, `${host.name} is elected, and not electable under record ${term}.${seq}`);
    },
    operates(host, action) {
      const { type } = action;
      if (type !== "promote" && type !== "initialise" && type !== "start_primary") return;
      // The same step may have gone on to end the leadership; a fence follows at once.
      if (host.agent?.state.operation?.action.type === "fence") return;
      const { role } = host.agent!.state;
      check(host, type, role.kind === "leader" && role.phase === "promoting");
      if (role.kind !== "leader") {
        breach(world, name, `${type} on ${host.name}, which does not lead`);
      }
    },
    sends(host, _to, message) {
      const { agent } = host;
      if (message.type === "vote_answer" && message.granted) {
        if (agent?.state.server?.state === "primary" && !isVirgin(agent.state.durable.record)) {
          breach(world, name, `${host.name} grants a vote while its PostgreSQL runs as primary`);
        }
      }
      if (message.type !== "heartbeat" || !message.writable) return;
      const record = commits.newest();
      if (forks.excused || (record !== null && record.term > message.term)) return;
      if (record?.term === message.term && record.timeline > 0) return;
      breach(
        world,
        name,
        `${host.name} says that it is writable, and its timeline is no record yet`,
      );
    },
    opened(host, how) {
      if (how !== "start_primary") check(host, how, true);
    },
  };
}

/** Asks the record itself: what the core says of it may be what is wrong. */
function allows({ leader, electable }: ClusterRecord, { data }: Host): boolean {
  return [leader, ...electable].some(({ incarnation }) => incarnation === data?.incarnation);
}
