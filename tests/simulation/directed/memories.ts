/**
 * Members that lose their state at the worst moment.
 */
import { loseState, powerOff, powerOn } from "../hosts.ts";
import { SPLIT_VOTE_SEED } from "../golden/stories.ts";
import { healAll, refuse } from "../network.ts";
import type { Stage } from "../stage.ts";
import { part } from "./moves.ts";
import type { Schedule } from "./play.ts";

/** The schedules of this file. */
export const MEMORY_SCHEDULES: readonly Schedule[] = [
  {
    id: "forgotten-vote",
    what: "a voter forgets its vote, is taken back in the older term, and the vote is counted late",
    data: 2,
    witnesses: 3,
    doubtful: true,
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
    id: "offer-of-a-few",
    what: "a voter forgets its vote, and only the old leader and one more hold its new memory",
    data: 2,
    witnesses: 3,
    doubtful: true,
    settings: { communicationTimeoutMs: 12_000 },
    play(stage) {
      const { network } = stage.world;
      stage.say("firewalls around n1 refuse n2, w1 and w2; the vote request to w2 takes 2.5 s");
      stage.hold("n2", "w2", ({ type }) => type === "vote", 2500);
      for (const name of ["n2", "w1", "w2"]) {
        refuse(network, "n1", name, 1);
        refuse(network, name, "n1", 1);
      }
      stage.until("a vote of w1", () => stage.host("w1").disk.votedFor === "n2", 5);
      stage.wait(20);
      forget(stage, "w1");
      refuse(network, "n1", "w1", -1);
      refuse(network, "w1", "n1", -1);
      stage.untilPrimary("n2");
    },
  },
  {
    id: "two-votes-of-one",
    what: "a voter forgets its vote, and another candidate asks for one in the same term",
    data: 3,
    witnesses: 2,
    seed: SPLIT_VOTE_SEED,
    latencyMs: 40,
    play(stage) {
      stage.say("n1 loses power, n2 and n3 do not hear each other, and n3's request to w1 is late");
      powerOff(stage.world, stage.host("n1"));
      part(stage, "n2", ["n3"], "agents");
      stage.hold("n3", "w1", ({ type }) => type === "vote", 400);
      stage.host("w1").trouble.forgetsVotesUntilMs = Infinity;
      stage.until("a forgotten vote", () => !stage.host("w1").disk.admitted);
      stage.wait(1000);
      healAll(stage.world.network);
      stage.untilPrimary();
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
