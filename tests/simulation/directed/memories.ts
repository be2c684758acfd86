/**
 * Members that lose their state at the worst moment.
 */
import { loseState, powerOff, powerOn } from "../hosts.ts";
import { refuse } from "../network.ts";
import type { Stage } from "../stage.ts";
import type { Schedule } from "./play.ts";

/** The schedules of this file. */
export const MEMORY_SCHEDULES: readonly Schedule[] = [
  {
    id: "forgotten-vote",
    what: "a voter forgets its vote, is taken back in the older term, and the vote is counted late",
    data: 2,
    witnesses: 3,
    settings: { communicationTimeoutMs: 12_000 },
    play(stage) {
      const { network } = stage.world;
      stage.say("firewalls around n1 refuse n2, w1 and w2; the vote request to w2 takes 8 s");
      stage.hold("n2", "w2", ({ type }) => type === "vote", 8000);
      for (const name of ["n2", "w1", "w2"]) {
        refuse(network, "n1", name, 1);
        refuse(network, name, "n1", 1);
      }
      stage.until("a vote of w1", () => stage.host("w1").disk.votedFor === "n2", 5);
      stage.wait(20);
      forget(stage, "w1");
      for (const name of ["w1", "w2"]) {
        refuse(network, "n1", name, -1);
        refuse(network, name, "n1", -1);
      }
      stage.until("w1 is taken back", () => stage.host("w1").disk.admitted);
      stage.say("n1 loses power");
      powerOff(stage.world, stage.host("n1"));
      stage.untilPrimary("n2");
    },
  },
  {
    id: "late-offer",
    what: "an offer to take a voter back arrives when that memory is lost again, with a vote in it",
    data: 2,
    witnesses: 3,
    play(stage) {
      const { network } = stage.world;
      stage.say("w1 loses its state; the first offer to take it back takes 12 s");
      stage.hold("n1", "w1", (message) => message.type === "heartbeat" && message.admit, 12_000);
      const heldUntilMs = stage.world.nowMs + 15_000;
      forget(stage, "w1");
      stage.until("w1 is taken back", () => stage.host("w1").disk.admitted);
      stage.wait(600);
      stage.say("n1 loses power, n2 does not reach w3, and w1 loses its state after its vote");
      powerOff(stage.world, stage.host("n1"));
      refuse(network, "n2", "w3", 1);
      stage.host("w1").trouble.forgetsVotesUntilMs = Infinity;
      stage.until("a forgotten vote", () => !stage.host("w1").disk.admitted, 5);
      refuse(network, "n2", "w1", 1);
      refuse(network, "n2", "w3", -1);
      stage.untilPrimary("n2");
      stage.wait(heldUntilMs - stage.world.nowMs);
      if (stage.host("w1").disk.admitted) throw new Error("nobody can have taken w1 back");
    },
  },
];

/** Power fails, and the state file is gone when it returns. */
function forget(stage: Stage, name: string): void {
  const host = stage.host(name);
  powerOff(stage.world, host);
  loseState(stage.world, host);
  powerOn(stage.world, host);
}
