/**
 * Records and names at the moment at which they change, and what is said of a loss.
 */
import { killAgent, startAgent } from "../agent.ts";
import { powerOff, powerOn } from "../hosts.ts";
import { cut, healAll, refuse } from "../network.ts";
import { askOperator } from "../operator.ts";
import { areLevel, part, untilElectable, write } from "./moves.ts";
import type { Schedule } from "./play.ts";

/** The schedules of this file. */
export const RECORD_SCHEDULES: readonly Schedule[] = [
  {
    id: "second-standby-lags",
    what: "the second of two wanted standbys is back, and lags at once",
    data: 3,
    witnesses: 0,
    settings: { durability: "quorum", wantedStandbys: 2 },
    play(stage) {
      const n1 = stage.host("n1");
      stage.say("n3 receives no WAL until commits wait for n2 alone");
      part(stage, "n1", ["n3"], "wal");
      untilElectable(stage, "n1", "n2");
      stage.until("commits wait for n2", () => n1.process?.inForce[0]?.names.length === 1);
      stage.until("n3 is gone", () => n1.process?.senders.has("n3") === false);
      stage.world.network.wal.clear();
      stage.until("n3 has caught up", () => n1.process?.senders.get("n3")?.caughtUp === true, 1);
      stage.say("n3 streams again, and receives nothing that is written now");
      cut(stage.world.network, "n1", "n3", "wal");
      write(stage, "n1", 5);
      stage.wait(2000);
      stage.world.network.wal.clear();
      untilElectable(stage, "n1", "n2 n3");
    },
  },
  {
    id: "heard-by-another",
    what: "with async, a voter has heard more of the dead leader than the candidate",
    data: 3,
    witnesses: 0,
    settings: { durability: "async" },
    play(stage) {
      stage.until("all stand level", () => areLevel(stage, ["n1", "n2", "n3"]), 1);
      stage.say("no WAL leaves n1 any more, and n2 hears nothing of it");
      part(stage, "n1", ["n2", "n3"], "wal");
      cut(stage.world.network, "n1", "n2", "agents");
      write(stage, "n1", 10);
      stage.wait(1200);
      stage.say("n1 loses power");
      powerOff(stage.world, stage.host("n1"));
      stage.untilPrimary("n2");
    },
  },
  {
    id: "async-lesser",
    what: "with async, a candidate is behind another member of E that cannot campaign itself",
    data: 3,
    witnesses: 0,
    settings: { durability: "async" },
    play(stage) {
      stage.say("replay is paused on n3, and n2 falls behind it; then n1 loses power");
      stage.host("n3").process!.replayPaused = true;
      part(stage, "n1", ["n2"], "wal");
      write(stage, "n1", 10);
      stage.wait(600);
      powerOff(stage.world, stage.host("n1"));
      stage.wait(12_000);
      stage.host("n3").process!.replayPaused = false;
      stage.untilPrimary();
    },
  },
  {
    id: "async-too-far",
    what: "with async, every standby lacks more than is allowed",
    data: 3,
    witnesses: 0,
    settings: { durability: "async", maximumLagBytes: 0x20000n },
    play(stage) {
      const n1 = stage.host("n1");
      stage.say("no WAL leaves n1 any more; it writes ten rows, says so, and loses power");
      part(stage, "n1", ["n2", "n3"], "wal");
      write(stage, "n1", 10);
      stage.wait(1000);
      powerOff(stage.world, n1);
      stage.wait(12_000);
      powerOn(stage.world, n1);
      stage.untilPrimary("n1");
    },
  },
  {
    id: "async-refused",
    what: "with async, firewalls make a leader look gone that is not",
    data: 3,
    witnesses: 0,
    settings: { durability: "async" },
    play(stage) {
      const { network } = stage.world;
      for (const name of ["n2", "n3"]) {
        refuse(network, "n1", name, 1);
        refuse(network, name, "n1", 1);
      }
      stage.wait(6000);
      healAll(network);
      stage.untilPrimary();
    },
  },
  {
    id: "async-handover",
    what: "with async, a leader is to hand over to a standby that lacks its last rows",
    data: 3,
    witnesses: 0,
    settings: { durability: "async" },
    play(stage) {
      const { world } = stage;
      part(stage, "n1", ["n2", "n3"], "wal");
      write(stage, "n1", 10);
      askOperator(world, stage.host("n1"), "n2");
      stage.wait(12_000);
      healAll(world.network);
      stage.untilPrimary("n1");
    },
  },
  {
    id: "async-agent-killed",
    what: "with async, the agent of the leader is gone for longer than its lease",
    data: 3,
    witnesses: 0,
    settings: { durability: "async", agentSilenceMs: 12_000 },
    play(stage) {
      const n1 = stage.host("n1");
      stage.say("the agent of n1 is killed");
      killAgent(stage.world, n1);
      stage.wait(10_000);
      startAgent(stage.world, n1);
      stage.untilPrimary();
    },
  },
];
