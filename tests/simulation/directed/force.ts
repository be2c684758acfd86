/**
 * Nodes that are forced to lead where that is at its most delicate.
 */
import { powerOff, powerOn } from "../hosts.ts";
import { healAll } from "../network.ts";
import { askOperator } from "../operator.ts";
import { areLevel, part, rowsOf, untilElectable, write } from "./moves.ts";
import type { Schedule } from "./play.ts";

/** The schedules of this file. */
export const FORCE_SCHEDULES: readonly Schedule[] = [
  {
    id: "force-at-the-fork",
    what: "a node is forced that stands exactly where the old leader began its timeline",
    data: 4,
    witnesses: 3,
    settings: { durability: "quorum", wantedStandbys: 1 },
    play(stage) {
      const { world } = stage;
      stage.until("all stand level", () => areLevel(stage, ["n1", "n2", "n3", "n4"]), 1);
      stage.say("n1 loses power, and from now on no WAL reaches n3");
      powerOff(world, stage.host("n1"));
      part(stage, "n3", ["n2", "n4"], "wal");
      stage.untilPrimary("n2");
      untilElectable(stage, "n2", "n4");
      write(stage, "n2", 5);
      stage.wait(200);
      stage.say("n2 loses power, n4 is cut off, and n3 is forced");
      powerOff(world, stage.host("n2"));
      part(stage, "n4", ["n3", "w1", "w2", "w3"], "both");
      stage.wait(4000);
      askOperator(world, stage.host("n3"), "n3", "accepted");
      stage.untilPrimary("n3");
      write(stage, "n3", rowsOf(stage, "n4"));
      stage.say("n4 is back");
      healAll(world.network);
      stage.wait(3000);
    },
  },
  {
    id: "force-and-power",
    what: "a forced node loses power between its claim and its promotion, at the fork of another",
    data: 4,
    witnesses: 3,
    settings: { durability: "quorum", wantedStandbys: 1 },
    play(stage) {
      const { world } = stage;
      const n3 = stage.host("n3");
      stage.until("all stand level", () => areLevel(stage, ["n1", "n2", "n3", "n4"]), 1);
      stage.say("n1 and n4 lose power at once, n2 is forced, and n4 follows it");
      for (const name of ["n1", "n4"]) powerOff(world, stage.host(name));
      part(stage, "n3", ["n2", "n4"], "wal");
      stage.wait(4000);
      askOperator(world, stage.host("n2"), "n2", "accepted");
      stage.untilPrimary("n2");
      powerOn(world, stage.host("n4"));
      untilElectable(stage, "n2", "n4");
      write(stage, "n2", 5);
      stage.wait(200);
      stage.say("n2 loses power, n4 is cut off, and n3 is forced");
      powerOff(world, stage.host("n2"));
      part(stage, "n4", ["n3", "w1", "w2", "w3"], "both");
      stage.wait(4000);
      askOperator(world, n3, "n3", "accepted");
      stage.until("n3 has claimed", () => {
        const role = n3.agent?.state.role;
        return role?.kind === "leader" && role.phase === "promoting";
      }, 1);
      stage.say("n3 loses power before it is promoted");
      powerOff(world, n3);
      stage.wait(1000);
      powerOn(world, n3);
      stage.untilPrimary("n3");
      write(stage, "n3", rowsOf(stage, "n4"));
      stage.say("n4 is back");
      healAll(world.network);
      stage.wait(3000);
    },
  },
  {
    id: "force-beyond-the-fork",
    what: "a node is forced whose own WAL goes on behind the place where it left the old leader",
    data: 3,
    witnesses: 2,
    settings: { durability: "quorum", wantedStandbys: 2 },
    play(stage) {
      const { world } = stage;
      stage.say("n3 alone receives what n1 writes last");
      part(stage, "n1", ["n2"], "wal");
      write(stage, "n1", 12);
      stage.wait(20);
      stage.say("n1 loses power, n3 is cut off, and n2 leads alone");
      powerOff(world, stage.host("n1"));
      part(stage, "n3", ["n2", "w1", "w2"], "both");
      stage.untilPrimary("n2");
      stage.until("a solo leader", () => stage.host("n2").process?.inForce[0]?.required === 0);
      write(stage, "n2", 30);
      stage.say("n2 loses power, n3 is back, and is forced");
      powerOff(world, stage.host("n2"));
      healAll(world.network);
      stage.wait(4000);
      askOperator(world, stage.host("n3"), "n3", "accepted");
      stage.untilPrimary("n3");
      stage.say("n2 is back");
      powerOn(world, stage.host("n2"));
      stage.wait(3000);
    },
  },
  {
    id: "force-the-lesser",
    what: "a node is forced while one that is further answers",
    data: 3,
    witnesses: 0,
    settings: { durability: "quorum" },
    play(stage) {
      const { world } = stage;
      stage.say("n2 receives no WAL any more, later n3 neither, and n1 goes on alone");
      part(stage, "n1", ["n2"], "wal");
      untilElectable(stage, "n1", "n3");
      write(stage, "n1", 5);
      stage.wait(200);
      part(stage, "n1", ["n3"], "wal");
      untilElectable(stage, "n1", "");
      stage.say("n1 loses power, and n2 is forced");
      powerOff(world, stage.host("n1"));
      stage.wait(5000);
      askOperator(world, stage.host("n2"), "n2", "accepted");
      stage.wait(8000);
      stage.say("n1 is back");
      powerOn(world, stage.host("n1"));
      stage.untilPrimary();
    },
  },
  {
    id: "force-against-a-promise",
    what: "a node is forced that does not hear the leader, whom the others hear",
    data: 3,
    witnesses: 0,
    play(stage) {
      const { world } = stage;
      part(stage, "n1", ["n2"], "agents");
      stage.wait(2000);
      askOperator(world, stage.host("n2"), "n2", "accepted");
      const n2 = stage.host("n2");
      stage.until("n2 has no leader", () => {
        const role = n2.agent?.state.role;
        return role?.kind !== "follower" || role.leader === null;
      });
      stage.say("n1 and n3 hear nothing of each other any more");
      part(stage, "n1", ["n3"], "agents");
      stage.wait(6000);
      healAll(world.network);
      stage.untilPrimary();
    },
  },
  {
    id: "force-unaccepted",
    what: "an operator asks what force would cost, and says no more",
    data: 3,
    witnesses: 0,
    settings: { durability: "quorum" },
    play(stage) {
      const { world } = stage;
      part(stage, "n1", ["n2", "n3"], "wal");
      untilElectable(stage, "n1", "");
      powerOff(world, stage.host("n1"));
      healAll(world.network);
      stage.wait(5000);
      askOperator(world, stage.host("n2"), "n2", "ask");
      stage.wait(8000);
      powerOn(world, stage.host("n1"));
      stage.untilPrimary("n1");
    },
  },
];
