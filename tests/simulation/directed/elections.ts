/**
 * Elections in which one vote, one position or one record decides.
 */
import { powerOff, powerOn } from "../hosts.ts";
import { cut, healAll, refuse } from "../network.ts";
import { askOperator } from "../operator.ts";
import { areLevel, electableOf, part, untilElectable, write } from "./moves.ts";
import type { Schedule } from "./play.ts";

/** The schedules of this file. */
export const ELECTION_SCHEDULES: readonly Schedule[] = [
  {
    id: "not-yet-electable",
    what: "the leader dies when a new standby has caught up, and no record says so yet",
    data: 3,
    witnesses: 0,
    play(stage) {
      const { world } = stage;
      const [n1, n2] = [stage.host("n1"), stage.host("n2")];
      stage.say("n2 loses its data directory, and is away until it is not electable any more");
      powerOff(world, n2);
      n2.data = null;
      untilElectable(stage, "n1", "n3");
      powerOn(world, n2);
      stage.until("n2 has caught up", () => {
        const sender = n1.process?.senders.get("n2");
        return sender?.caughtUp === true && sender.incarnation === n2.data?.incarnation &&
          areLevel(stage, ["n1", "n2", "n3"]);
      }, 1);
      stage.say("n1 loses power");
      powerOff(world, n1);
      stage.untilPrimary();
    },
  },
  {
    id: "outsiders",
    what: "those who vote for a standby that is behind do not belong to E",
    data: 4,
    witnesses: 1,
    settings: { wantedStandbys: 1 },
    play(stage) {
      const { world } = stage;
      stage.say("n4 receives no WAL any more");
      part(stage, "n1", ["n4"], "wal");
      untilElectable(stage, "n1", "n2 n3");
      stage.say("n2 falls behind n3; then n1 and n3 lose power");
      part(stage, "n1", ["n2"], "wal");
      write(stage, "n1", 10);
      stage.wait(200);
      for (const name of ["n1", "n3"]) powerOff(world, stage.host(name));
      stage.wait(15_000);
      stage.say("n3 is back");
      powerOn(world, stage.host("n3"));
      stage.untilPrimary("n3");
    },
  },
  {
    id: "three-of-four",
    what: "two of four members of E vote, and are both behind",
    data: 5,
    witnesses: 2,
    play(stage) {
      const { world } = stage;
      stage.say("n2 and n3 fall behind; then n1, n4 and n5 lose power");
      part(stage, "n1", ["n2", "n3"], "wal");
      write(stage, "n1", 10);
      stage.wait(200);
      for (const name of ["n1", "n4", "n5"]) powerOff(world, stage.host(name));
      stage.wait(15_000);
      stage.say("n4 is back");
      powerOn(world, stage.host("n4"));
      stage.untilPrimary("n4");
    },
  },
  {
    id: "newest-record-missed",
    what: "by the record that it has a candidate needs nobody else, by a newer one two more",
    data: 5,
    witnesses: 2,
    settings: { durability: "quorum", leaseMs: 6000 },
    play(stage) {
      const { world } = stage;
      stage.say("n4 and n5 are away until n2 and n3 alone are electable");
      for (const name of ["n4", "n5"]) powerOff(world, stage.host(name));
      untilElectable(stage, "n1", "n2 n3");
      untilElectable(stage, "n2", "n2 n3");
      stage.say("n2 hears n1 no more; n4 and n5 are back");
      cut(world.network, "n1", "n2", "agents");
      for (const name of ["n4", "n5"]) powerOn(world, stage.host(name));
      untilElectable(stage, "n1", "n2 n3 n4 n5");
      untilElectable(stage, "n3", "n2 n3 n4 n5");
      if (electableOf(stage, "n2") !== "n2 n3") throw new Error("n2 has heard of it");
      stage.until("names in force", () => stage.host("n1").process?.inForce[0]?.names.length === 4);
      stage.until("n2 and n3 stand level", () => areLevel(stage, ["n1", "n2", "n3"]), 1);
      stage.say("n2 and n3 fall behind; then n1, n4 and n5 lose power");
      part(stage, "n1", ["n2", "n3"], "wal");
      write(stage, "n1", 10);
      stage.wait(200);
      for (const name of ["n1", "n4", "n5"]) powerOff(world, stage.host(name));
      stage.wait(20_000);
      stage.say("n4 is back");
      powerOn(world, stage.host("n4"));
      stage.untilPrimary("n4");
    },
  },
  {
    id: "higher-term-told",
    what: "a candidate raises its own term, and then nobody votes for it",
    data: 3,
    witnesses: 2,
    doubtful: true,
    play(stage) {
      const { network } = stage.world;
      stage.say("firewalls around n1 refuse n2, w1 and w2; n2's vote requests take 900 ms");
      for (const name of ["n2", "w1", "w2"]) {
        refuse(network, name, "n1", 1);
        refuse(network, "n1", name, 1);
        stage.hold("n2", name, ({ type }) => type === "vote", 900);
      }
      stage.until("n2 asks for votes", () => stage.host("n2").disk.votedFor === "n2", 1);
      healAll(network);
      stage.wait(5000);
      stage.untilPrimary();
    },
  },
  {
    id: "late-request",
    what: "a vote request arrives when its term is long over, and no promise holds",
    data: 3,
    witnesses: 2,
    play(stage) {
      const { world } = stage;
      const startMs = world.nowMs;
      stage.hold("n2", "w1", ({ type }) => type === "vote", 30_000);
      powerOff(world, stage.host("n1"));
      stage.untilPrimary("n2");
      powerOn(world, stage.host("n1"));
      stage.untilComplete();
      askOperator(world, stage.host("n2"), "n3");
      stage.untilPrimary("n3");
      stage.untilComplete();
      stage.say("n3 loses power, and w1 hears nobody any more");
      powerOff(world, stage.host("n3"));
      part(stage, "w1", ["n1", "n2", "w2"], "agents");
      stage.wait(startMs + 36_000 - world.nowMs);
      healAll(world.network);
      powerOn(world, stage.host("n3"));
      stage.untilPrimary();
    },
  },
];
