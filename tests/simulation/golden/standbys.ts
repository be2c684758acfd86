/**
 * Stories of standbys that lag, leave or die together, and of a primary that stands still.
 */
import { resumeAgent } from "../agent.ts";
import { powerOff, primaryOf } from "../hosts.ts";
import { cut, healAll } from "../network.ts";
import { after } from "../world.ts";
import type { Stage, Story } from "./stage.ts";

/** The stories of this file. */
export const STANDBY_STORIES: readonly Story[] = [
  {
    id: "stalled-host",
    title: "The primary's machine stands still",
    lesson:
      "A machine that gets no time does nothing, not even fence. When it goes on, the first " +
      "thing that its agent sees is that the lease has lapsed; the others have elected by then, and " +
      "have revoked themselves from its PostgreSQL, so that nothing was acknowledged in between.",
    data: 3,
    witnesses: 0,
    play(stage) {
      const { world } = stage;
      stage.say("n1 stands still for 8 s, its agent and its PostgreSQL");
      const host = stage.host("n1");
      host.pausedUntilMs = world.nowMs + 8000;
      after(world, 8000.5, () => resumeAgent(world, host));
      stage.until("another primary", () => isLedByAnother(stage));
      stage.until("n1 is a follower", () => host.agent?.state.role.kind === "follower");
      stage.untilComplete();
    },
  },
  {
    id: "lagging-standby",
    title: "One of two standbys lags behind",
    lesson: "Both are electable, and the newest commits may be on one of them alone. Whoever is " +
      "ahead goes first; the other would not find enough members that are not ahead of it.",
    data: 3,
    witnesses: 0,
    play(stage) {
      const { world } = stage;
      const trace = world.trace;
      world.trace = null;
      stage.host("n2").trouble.slowWalUntilMs = world.nowMs + 60_000;
      stage.until("n2 is behind", () => lengthOf(stage, "n3") - lengthOf(stage, "n2") > 4);
      world.trace = trace;
      stage.say("n2 is behind n3 when n1 loses power");
      powerOff(world, stage.host("n1"));
      stage.untilPrimary("n3");
    },
  },
  {
    id: "alone",
    title: "The last standby leaves",
    lesson: "With `quorum` a primary does not wait for ever for standbys that are gone. First a " +
      "majority holds a record in which nobody else may be elected, then PostgreSQL stops waiting. " +
      "When standbys come back it is the other way round.",
    data: 3,
    witnesses: 0,
    settings: { durability: "quorum" },
    play(stage) {
      const { world } = stage;
      stage.say("no WAL reaches n2 and n3 any more; agents still hear each other");
      for (const name of ["n2", "n3"]) {
        cut(world.network, "n1", name, "wal");
        cut(world.network, name, "n1", "wal");
      }
      stage.until("n1 is alone", () => stage.host("n1").process?.inForce[0]?.required === 0);
      stage.wait(1000);
      stage.say("WAL flows again");
      healAll(world.network);
      stage.untilComplete();
      stage.wait(500);
    },
  },
  {
    id: "two-of-five",
    title: "Two of five members die at once",
    lesson:
      "With five data members each commit is on two standbys. Whichever two hosts are lost, " +
      "the primary among them, three members of E are left to show their positions, and one of " +
      "them has every commit.",
    data: 5,
    witnesses: 0,
    play(stage) {
      stage.say("n1 and n2 lose power");
      powerOff(stage.world, stage.host("n1"));
      powerOff(stage.world, stage.host("n2"));
      stage.until("another primary", () => isLedByAnother(stage));
    },
  },
];

function isLedByAnother({ world }: Stage): boolean {
  const primary = primaryOf(world);
  return primary !== null && primary.name !== "n1";
}

function lengthOf(stage: Stage, name: string): number {
  return stage.host(name).data?.wal.length ?? 0;
}
