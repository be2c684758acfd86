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
  const counted = new Map<number, readonly NodeName[]>();
  /** Votes whose voter has lost the state that knew of them. */
  const forgotten = new Set<string>();
  /** The term in which a voter was taken back since. */
  const takenBackIn = new Map<NodeName, number>();

  const vote = (voter: NodeName, term: number, candidate: NodeName) => {
    const key = `${voter} ${term}`;
    const given = votes.get(key) ?? candidate;
    votes.set(key, given);
    if (given !== candidate) {
      breach(world, name, `${voter} voted for ${given} and for ${candidate} in term ${term}`);
    }
  };

  // A vote that is forgotten still counts, as long as the voter does nothing in an older term.
  const countForgotten = (voter: NodeName, term: number) => {
    if (!forgotten.has(`${voter} ${term}`) || (takenBackIn.get(voter) ?? term) >= term) return;
    breach(
      world,
      name,
      `${voter}'s vote elects the leader of term ${term}, and ${voter}, which has forgotten it, ` +
        `was taken back in term ${takenBackIn.get(voter)}`,
    );
  };

  return {
    name,
    lost(host) {
      takenBackIn.delete(host.name);
      for (const [key, candidate] of votes) {
        const [voter, term] = key.split(" ");
        if (voter !== host.name) continue;
        // A campaign of its own that had not won ended with the loss: nobody counts that vote.
        const lost = candidate === voter && leaders.get(Number(term)) !== voter;
        if (lost) votes.delete(key);
        else forgotten.add(key);
      }
    },
    stepped(host) {
      const { state } = host.agent!;
      const { role, durable } = state;
      if (role.kind === "leader") {
        const leader = leaders.get(durable.term) ?? host.name;
        leaders.set(durable.term, leader);
        if (leader !== host.name) {
          breach(world, name, `${leader} and ${host.name} lead term ${durable.term}`);
        }
        if (!counted.has(durable.term)) {
          counted.set(durable.term, role.votes);
          for (const voter of role.votes) countForgotten(voter, durable.term);
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
      if (!before.admitted && after.admitted) {
        takenBackIn.set(host.name, after.term);
        for (const [term, voters] of counted) {
          if (term > after.term && voters.includes(host.name)) countForgotten(host.name, term);
        }
      }
      if (after.resignedTerm < before.resignedTerm) {
        breach(world, name, `${host.name} forgot that it resigned`);
      }
    },
  };
}
