/**
 * Invariant 3: with `async`, what is lost is at most the WAL that the elected standby was allowed to
 * lack, and its core has reported it. A loss that no report of a later election names is a breach of
 * invariant 2, whatever the policy.
 */
import type { HeardInsert } from "../../../src/core/message.ts";
import {
  includesInstance,
  type Instance,
  type NodeName,
  type Position,
  sameInstance,
} from "../../../src/core/record.ts";
import { lsnOf } from "../server.ts";
import { type Acknowledged, breach, type Checker, type World } from "../world.ts";

/** What was reported when a leader was elected. */
interface Reported {
  readonly fromLsn: bigint;
  readonly knownBytes: bigint | null;
  /** Commits that were acknowledged before are among the known ones. */
  readonly knownUntilMs: number;
}

/** A vote, and what came with it. */
interface Granted {
  readonly node: NodeName;
  readonly instance: Instance | null;
  readonly position: Position | null;
  readonly heard: HeardInsert | null;
}

/** A heartbeat may lie on its way, or before an agent that stands still, for as long as this. */
const STALE_MS = 20_000;

/** What elections have reported, and whether it covers a commit that is gone. */
export interface Losses {
  readonly checker: Checker;
  /** True where the leader of `term` may lack the commit, since an election said so. */
  mayLack(commit: Acknowledged, term: number): boolean;
}

/** Listens to what leaders report when they are elected. */
export function createLosses(world: World): Losses {
  const name = "3 loss";
  const reports = new Map<number, Reported>();
  const resignedAtMs = new Map<number, number>();
  const granted = new Map<number, Granted[]>();

  return {
    mayLack(commit, term) {
      for (const [elected, { fromLsn, knownBytes, knownUntilMs }] of reports) {
        if (elected <= commit.term || elected > term) continue;
        const lsn = lsnOf(commit.count);
        if (lsn <= fromLsn) continue;
        if (commit.atMs > knownUntilMs || knownBytes === null) return true;
        if (lsn <= fromLsn + knownBytes) return true;
      }
      // A server that somebody opened again after its leader had handed over, behind everybody's back.
      const afterMs = resignedAtMs.get(commit.term);
      return isAsync(world) && afterMs !== undefined && commit.atMs >= afterMs;
    },
    checker: {
      name,
      persisted(_host, before, { resignedTerm }) {
        if (resignedTerm > before.resignedTerm) resignedAtMs.set(resignedTerm, world.nowMs);
      },
      sends(host, _to, message) {
        if (message.type !== "vote_answer" || !message.granted) return;
        const { instance, position, heard } = message;
        const votes = granted.get(message.term) ?? [];
        granted.set(message.term, [...votes, { node: host.name, instance, position, heard }]);
      },
      stepped(host, before, _event, effects) {
        const { role, durable } = host.agent!.state;
        if (role.kind !== "leader" || before.role.kind !== "candidate") return;
        const told = effects.some((effect) =>
          effect.type === "report" && effect.decision.event === "possible_loss"
        );
        if (!told || role.possibleLoss === null) return;
        const { fromLsn, knownBytes, heardAgoMs } = role.possibleLoss;
        const knownUntilMs = world.nowMs - (heardAgoMs ?? Infinity) - STALE_MS;
        reports.set(durable.term, { fromLsn, knownBytes, knownUntilMs });
        world.tally.note("loss", knownBytes === null ? "nobody knows" : "reported");
        if (!isAsync(world)) {
          return breach(world, name, `${host.name} may lack commits, and the policy forbids it`);
        }
        const { maximumLagBytes } = host.settings;
        if (maximumLagBytes !== null && (knownBytes ?? maximumLagBytes + 1n) > maximumLagBytes) {
          breach(world, name, `${host.name} lacks ${knownBytes} of ${maximumLagBytes} bytes`);
        }
        const adopted = role.published[0];
        if (adopted === undefined) return;
        for (const { node, instance, position, heard } of granted.get(durable.term) ?? []) {
          if (!role.votes.includes(node)) continue;
          const ahead = position?.timeline === adopted.timeline && position.lsn > fromLsn;
          if (ahead && instance !== null && includesInstance(adopted.electable, instance)) {
            breach(world, name, `${host.name} is elected, and ${node}, which granted, is ahead`);
          }
          const speaks = heard !== null && sameInstance(heard.leader, adopted.leader) &&
            heard.position.timeline === adopted.timeline;
          if (speaks && heard.position.lsn > fromLsn + (knownBytes ?? 0n)) {
            breach(world, name, `${host.name} does not report all that ${node} knows to be lost`);
          }
        }
      },
    },
  };
}

function isAsync(world: World): boolean {
  return world.hosts.every(({ settings }) => settings.durability === "async");
}
