/**
 * Invariant 1: at most one leader per term, one vote per node and term, and no node's term, record
 * or resignation ever goes back, crashes included.
 */
import { compareRecords, type NodeName } from "../../../src/core/record.ts";
import { breach, type Checker, type World } from "../world.ts";

/** Watches terms and votes. */
export function termChecker(world: World): Checker {
  const name = "1 terms";
  const leaders = new Map<number, NodeName>();
  const votes = new Map<string, NodeName>();

  const vote = (voter: NodeName, term: number, candidate: NodeName) => {
    const key = `${voter} ${term}`;
    const given = votes.get(key) ?? candidate;
    votes.set(key, given);
    if (given !== candidate) {
      breach(world, name, `${voter} voted for ${given} and for ${candidate} in term ${term}`);
    }
  };

  return {
    name,
    stepped(host) {
      const { state } = host.agent!;
      const { role, durable } = state;
      if (role.kind === "leader") {
        const leader = leaders.get(durable.term) ?? host.name;
        leaders.set(durable.term, leader);
        if (leader !== host.name) {
          breach(world, name, `${leader} and ${host.name} lead term ${durable.term}`);
        }
      }
    },
    sends(host, to, message) {
      if (message.type === "vote_answer" && message.granted) vote(host.name, message.term, to);
      if (message.type === "vote") vote(host.name, message.term, host.name);
    },
    persisted(host, before, after) {
      if (after.term < before.term) {
        breach(world, name, `${host.name}'s term went back from ${before.term} to ${after.term}`);
      }
      if (compareRecords(after.record, before.record) < 0) {
        breach(world, name, `${host.name}'s record went back`);
      }
      // Whoever is taken back must not be led into a term before one that it helped to decide.
      if (!before.admitted && after.admitted) {
        for (const [term, leader] of leaders) {
          if (term > after.term && votes.get(`${host.name} ${term}`) === leader) {
            breach(
              world,
              name,
              `${host.name} is taken back in term ${after.term}, having voted for ${leader}, ` +
                `the leader of term ${term}`,
            );
          }
        }
      }
      if (after.resignedTerm < before.resignedTerm) {
        breach(world, name, `${host.name} forgot that it resigned`);
      }
    },
  };
}
