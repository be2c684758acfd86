/**
 * A leader that is taken for gone, and whose PostgreSQL goes on acknowledging: only revocation, and
 * the position read after it, keep its commits.
 */
import { loseState, powerOff, powerOn } from "../hosts.ts";
import { healAll, refuse } from "../network.ts";
import type { Stage } from "../stage.ts";
import { endProcess } from "../server.ts";
import type { Host } from "../world.ts";
import { areLevel, part, write } from "./moves.ts";
import type { Schedule } from "./play.ts";

/** The schedules of this file. */
export const REVOCATION_SCHEDULES: readonly Schedule[] = [
  {
    id: "written-on",
    what: "the old leader goes on writing while and after another one is elected",
    data: 3,
    witnesses: 0,
    doubtful: true,
    play(stage) {
      wallOff(stage, "n1", ["n2", "n3"]);
      write(stage, "n1", 800);
      mend(stage);
    },
  },
  {
    id: "written-late",
    what: "rows reach a voter between its last look at its server and its revocation",
    data: 3,
    witnesses: 0,
    doubtful: true,
    play(stage) {
      wallOff(stage, "n1", ["n2", "n3"]);
      part(stage, "n1", [candidateOf(stage)], "wal");
      write(stage, "n1", 400);
      mend(stage);
    },
  },
  {
    id: "not-revoked",
    what: "a voter cannot revoke its standby, which goes on acknowledging",
    data: 3,
    witnesses: 0,
    doubtful: true,
    settings: { leaseMs: 6000 },
    play(stage) {
      const { actions } = stage.host("n3").trouble;
      stage.say("no revocation succeeds on n3, and its replay is paused, so that n2 goes first");
      stage.host("n3").process!.replayPaused = true;
      Object.assign(actions, {
        kinds: ["revoke"],
        untilMs: stage.world.nowMs + 7000,
        end: "fails",
      });
      wallOff(stage, "n1", ["n2", "n3"]);
      write(stage, "n1", 1400);
      stage.host("n3").process!.replayPaused = false;
      mend(stage);
    },
  },
  {
    id: "connected-again",
    what: "a voter hears nothing of the new leader, and would connect to the old one again",
    data: 3,
    witnesses: 2,
    doubtful: true,
    settings: { leaseMs: 6000 },
    play(stage) {
      wallOff(stage, "n1", ["n2", "n3", "w1", "w2"]);
      const candidate = candidateOf(stage);
      const voter = voterFor(stage, candidate);
      stage.wait(60);
      part(stage, candidate, [voter.name], "both");
      write(stage, "n1", 1200);
      mend(stage);
    },
  },
  {
    id: "denied-and-written",
    what: "a standby that still hears the leader denies its vote, and goes on acknowledging",
    data: 3,
    witnesses: 2,
    doubtful: true,
    play(stage) {
      wallOff(stage, "n1", ["n2", "w1", "w2"]);
      stage.until("n2 asks for votes", () => stage.host("n2").disk.votedFor === "n2", 1);
      part(stage, "n1", ["n2"], "wal");
      write(stage, "n1", 400);
      mend(stage);
    },
  },
  {
    id: "not-replayed",
    what: "a voter was started again, and has not replayed its own WAL yet",
    data: 3,
    witnesses: 0,
    play(stage) {
      const { world } = stage;
      const n3 = stage.host("n3");
      stage.say("n2 falls behind n3; n1 loses power, and n3's PostgreSQL is started again");
      part(stage, "n1", ["n2"], "wal");
      write(stage, "n1", 10);
      stage.wait(200);
      powerOff(world, stage.host("n1"));
      endProcess(world, n3, "killed");
      stage.until("n3 is a standby again", () => n3.process !== null, 1);
      n3.process!.replayPaused = true;
      n3.data!.replayed = n3.data!.wal.length - 10;
      stage.wait(12_000);
      stage.say("n3 has replayed its WAL");
      n3.process!.replayPaused = false;
      n3.data!.replayed = n3.data!.wal.length;
      stage.untilPrimary("n3");
    },
  },
  {
    id: "forgotten-revocation",
    what: "a standby forgets its vote, and with it that it must not stream from the old leader",
    data: 3,
    witnesses: 0,
    doubtful: true,
    settings: { leaseMs: 6000 },
    play(stage) {
      wallOff(stage, "n1", ["n2", "n3"]);
      const candidate = candidateOf(stage);
      const voter = voterFor(stage, candidate);
      stage.wait(60);
      stage.say(`${voter.name} loses its state, and hears n1 again`);
      powerOff(stage.world, voter);
      loseState(stage.world, voter);
      powerOn(stage.world, voter);
      refuse(stage.world.network, "n1", voter.name, -1);
      refuse(stage.world.network, voter.name, "n1", -1);
      write(stage, "n1", 1200);
      mend(stage);
    },
  },
];

/** Firewalls begin to refuse: for `others` the agent and the server of `name` seem to be gone. */
function wallOff(stage: Stage, name: string, others: readonly string[]): void {
  stage.until("all stand level", () => areLevel(stage, ["n1", "n2", "n3"]), 1);
  stage.say(`firewalls between ${name} and ${others.join(", ")} refuse agents, and pass WAL`);
  for (const other of others) {
    refuse(stage.world.network, name, other, 1);
    refuse(stage.world.network, other, name, 1);
  }
}

/** Waits until one of the standbys asks for votes. */
function candidateOf(stage: Stage): string {
  const asking = () => ["n2", "n3"].find((name) => stage.host(name).disk.votedFor === name);
  stage.until("a campaign", () => asking() !== undefined, 1);
  return asking()!;
}

/** Waits for the vote of the other standby. */
function voterFor(stage: Stage, candidate: string): Host {
  const voter = stage.host(candidate === "n2" ? "n3" : "n2");
  stage.until(`${voter.name} votes`, () => voter.disk.votedFor === candidate, 1);
  return voter;
}

function mend(stage: Stage): void {
  healAll(stage.world.network);
  stage.untilPrimary();
}
