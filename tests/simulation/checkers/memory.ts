/**
 * Nothing leaves a node that its disk does not know: no vote, no acknowledgement of a record, no
 * resignation, no term.
 */
import { compareRecords } from "../../../src/core/record.ts";
import { breach, type Checker, type World } from "../world.ts";

/** Compares every message with the state file of its sender. */
export function memoryChecker(world: World): Checker {
  const name = "1 memory";
  return {
    name,
    sends(host, to, message) {
      const { disk } = host;
      const fail = (what: string) =>
        breach(world, name, `${host.name} tells ${to} ${what} that its disk does not know`);
      switch (message.type) {
        case "vote_answer":
          if (message.granted && (disk.term !== message.term || disk.votedFor !== to)) {
            fail(`of a vote in term ${message.term}`);
          }
          return;
        case "heartbeat_answer":
          if (compareRecords(message.persisted, disk.record) > 0) fail("of a record");
          return;
        case "vote":
          if (disk.term !== message.term || disk.votedFor !== host.name) fail("of its own vote");
          return;
        case "heartbeat":
          if (disk.term !== message.term || compareRecords(message.record, disk.record) !== 0) {
            fail(`of term ${message.term} and its record`);
          }
          return;
        case "handover":
          if (disk.resignedTerm < message.handover.term) fail("of a handover");
          return;
        case "resigned":
          if (disk.resignedTerm < message.term) fail("of a resignation");
          return;
      }
    },
  };
}
