/**
 * What must hold at every moment of a simulated history (docs/consensus.md, "Invariants").
 */
import type { Durable } from "../../src/core/effect.ts";
import { compareRecords, type NodeName } from "../../src/core/record.ts";
import type { ServerAction } from "../../src/core/server.ts";
import { describe } from "../../src/core/view.ts";
import type { Node, World } from "./world.ts";

/** A row whose client was told that it is safe. */
interface Acknowledged {
  readonly row: string;
  readonly node: NodeName;
  /** Its place in the WAL, counted from 1. */
  readonly count: number;
  /** The term of the server that acknowledged it. */
  readonly term: number;
}

/** Told of everything that happens; each breach is kept in the world's `violations`. */
export interface Checks {
  stepped(node: Node): void;
  persisted(node: Node, durable: Durable): void;
  /** All effects of a step have been carried out. */
  settled(node: Node): void;
  operates(node: Node, action: ServerAction): void;
  acknowledged(row: Acknowledged): void;
  /** Once per round. */
  look(): void;
  /** A node's state file is gone by the script's will. */
  forget(name: NodeName): void;
}

/** The checks of a world. */
export function createChecks(world: World): Checks {
  const leaders = new Map<number, NodeName>();
  const votes = new Map<string, NodeName>();
  const rows: Acknowledged[] = [];
  const checkedUpTo = new Map<string, number>();
  let thisRound = new Set<NodeName>();

  const breach = (what: string) => {
    world.violations.push(`${Math.round(world.nowMs)}: ${what}`);
    world.tell(`VIOLATION ${what}`);
  };

  return {
    stepped(node) {
      const { state, settings } = node;
      if (state?.role.kind !== "leader") return;
      const { term } = state.durable;
      const leader = leaders.get(term) ?? settings.self;
      leaders.set(term, leader);
      if (leader !== settings.self) breach(`${leader} and ${settings.self} lead term ${term}`);
    },

    persisted(node, durable) {
      const before = node.durable;
      const { self } = node.settings;
      if (durable.term < before.term) {
        breach(`${self}: its term went back from ${before.term} to ${durable.term}`);
      }
      if (compareRecords(durable.record, before.record) < 0) {
        breach(`${self}: its record went back`);
      }
      if (durable.resignedTerm < before.resignedTerm) breach(`${self}: it forgot that it resigned`);
      if (durable.votedFor === null) return;
      const vote = votes.get(`${self} ${durable.term}`) ?? durable.votedFor;
      votes.set(`${self} ${durable.term}`, vote);
      if (vote !== durable.votedFor) {
        breach(`${self}: it voted for ${vote} and ${durable.votedFor} in term ${durable.term}`);
      }
    },

    settled(node) {
      // Whatever has left the node by now relied on this.
      if (node.state !== null && node.state.durable !== node.durable) {
        breach(`${node.settings.self}: it remembers what its disk does not know`);
      }
    },

    operates(node, action) {
      const { state, settings } = node;
      const makesPrimary = action.type === "promote" || action.type === "start_primary" ||
        action.type === "initialise";
      if (!makesPrimary || state === null) return;
      const untilMs = state.role.kind === "leader" ? state.role.leaseUntilMs : null;
      // The step that asked for it may have gone on to end the leadership and fence.
      if (state.operation?.action.type === "fence") return;
      if (untilMs === null || untilMs <= world.nowMs) {
        breach(`${settings.self}: ${action.type} without the lease`);
      }
    },

    acknowledged(row) {
      rows.push(row);
      thisRound.add(row.node);
    },

    look() {
      if (thisRound.size > 1) breach(`${[...thisRound].join(" and ")} acknowledged rows at once`);
      if (thisRound.size > 0) thisRound = new Set();
      const holders = [...world.nodes.values()].filter(({ state }) =>
        state?.role.kind === "leader" && (state.role.leaseUntilMs ?? 0) > world.nowMs
      );
      if (holders.length > 1) {
        breach(`${holders.map(({ settings }) => settings.self).join(" and ")} hold the lease`);
      }
      for (const [name, { state, server }] of world.nodes) {
        if (state === null || server.running !== "primary" || state.role.kind !== "leader") {
          continue;
        }
        if (describe(state, world.nowMs).route?.node !== name) continue;
        const key = `${name} ${server.incarnation} ${server.term}`;
        for (let index = checkedUpTo.get(key) ?? 0; index < rows.length; index++) {
          const { row, node, count, term } = rows[index]!;
          if (term > server.term || server.rows[count - 1] === row) continue;
          breach(`row ${row}, acknowledged by ${node} in term ${term}, is missing on ${name}`);
        }
        checkedUpTo.set(key, rows.length);
      }
    },

    forget(name) {
      for (const key of votes.keys()) if (key.startsWith(`${name} `)) votes.delete(key);
    },
  };
}
