/**
 * Stories of two data members without a witness.
 */
import type { PairSettings } from "../../../src/core/settings.ts";
import { powerOff, powerOn } from "../hosts.ts";
import { cut, healAll, loseWitnesses } from "../network.ts";
import type { Stage, Story } from "./stage.ts";

const PAIR: PairSettings = {
  failureThreshold: 3,
  failoverDelayMs: 5000,
  witnessCount: 0,
  whenAlone: "serve",
};

function cutInTwo(stage: Stage): void {
  stage.say("the link between n1 and n2 is cut");
  cut(stage.world.network, "n1", "n2", "both");
  cut(stage.world.network, "n2", "n1", "both");
}

/** The stories of this file. */
export const PAIR_STORIES: readonly Story[] = [
  {
    id: "pair-primary-dies",
    title: "A pair loses its primary",
    lesson:
      "A majority of two is two, so n2 decides alone: after failover_delay and enough failed " +
      "checks, in a silence that began while it streamed and held every commit. n1 comes back with " +
      "the older term, and follows.",
    data: 2,
    witnesses: 0,
    settings: { durability: "quorum", pair: PAIR },
    play(stage) {
      stage.say("n1 loses power");
      powerOff(stage.world, stage.host("n1"));
      stage.untilPrimary("n2");
      powerOn(stage.world, stage.host("n1"));
      stage.untilComplete();
    },
  },
  {
    id: "pair-cut",
    title: "A pair is cut in two",
    lesson: "Neither side can tell a cut link from a dead peer: n1 goes on alone, n2 promotes " +
      "itself. When they meet again the lower term yields, and its writes since are given up. A " +
      "witness member spares you this.",
    data: 2,
    witnesses: 0,
    doubtful: true,
    settings: { durability: "quorum", pair: PAIR },
    play(stage) {
      cutInTwo(stage);
      stage.until("two primaries", () => stage.host("n2").process?.kind === "primary");
      stage.wait(1000);
      stage.say("the link is whole again");
      healAll(stage.world.network);
      stage.untilComplete();
    },
  },
  {
    id: "pair-witness-addresses",
    title: "A pair with a witness address, and an isolated primary",
    lesson: "n1 reaches neither its peer nor the gateway: it fences at the end of its lease. n2 " +
      "reaches the gateway, and is the only primary.",
    data: 2,
    witnesses: 0,
    settings: { durability: "quorum", pair: { ...PAIR, witnessCount: 1 } },
    play(stage) {
      cutInTwo(stage);
      stage.say("n1 does not reach the gateway either");
      loseWitnesses(stage.world.network, "n1", 1);
      stage.untilPrimary("n2");
      stage.say("everything is whole again");
      healAll(stage.world.network);
      stage.untilComplete();
    },
  },
];
