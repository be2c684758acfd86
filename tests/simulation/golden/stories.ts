/**
 * Short stories in words and messages, from which a newcomer can read how the members agree.
 */
import { killAgent, startAgent } from "../agent.ts";
import { loseState, powerOff, powerOn, wipe } from "../hosts.ts";
import { cut, heal, healAll } from "../network.ts";
import { askOperator } from "../operator.ts";
import { endProcess } from "../server.ts";
import { MEMBER_STORIES } from "./members.ts";
import { PAIR_STORIES } from "./pair.ts";
import { SILENCE_STORIES } from "./silence.ts";
import { STANDBY_STORIES } from "./standbys.ts";
import type { Stage, Story } from "./stage.ts";

/** A seed under which both candidates of the split vote win their pre-votes. */
export const SPLIT_VOTE_SEED = 4;

/** All stories, in the order in which they are best read. */
export const STORIES: readonly Story[] = [
  {
    id: "first-start",
    title: "The first start",
    lesson: "Nobody has data and nobody has a record. The member configured as the first primary " +
      "needs the vote of every member, claims to lead alone, creates the database, and names its " +
      "standbys one by one as they stream.",
    data: 3,
    witnesses: 0,
    fromTheStart: true,
    play: (stage) => stage.untilComplete(),
  },
  {
    id: "host-crash",
    title: "Every process on the primary's host is killed",
    lesson: "The ports of a host whose processes are gone refuse connections. While some standby " +
      "holds every commit, that is reason enough to end the promise to its leader early.",
    data: 3,
    witnesses: 0,
    play(stage) {
      stage.say("every process on n1 is killed; its host still answers with refusals");
      killAgent(stage.world, stage.host("n1"));
      endProcess(stage.world, stage.host("n1"), "killed");
      stage.until("a new primary", () => isPrimary(stage, "n2") || isPrimary(stage, "n3"));
    },
  },
  {
    id: "silent-host",
    title: "The primary's host falls silent",
    lesson:
      "Silence proves nothing. The others wait until their promise is over, and by then the " +
      "old leader's lease has lapsed.",
    data: 3,
    witnesses: 0,
    play(stage) {
      stage.say("n1 loses power");
      powerOff(stage.world, stage.host("n1"));
      stage.until("a new primary", () => isPrimary(stage, "n2") || isPrimary(stage, "n3"));
    },
  },
  {
    id: "one-way-cut",
    title: "The primary is heard and hears nothing",
    lesson:
      "Heartbeats still arrive, acknowledgements do not. The lease lapses, the leader fences " +
      "its own server without asking anybody, and the others elect once they hear no more of it.",
    data: 3,
    witnesses: 0,
    play(stage) {
      stage.say("nothing reaches n1 any more; what it sends still arrives");
      cut(stage.world.network, "n2", "n1", "both");
      cut(stage.world.network, "n3", "n1", "both");
      stage.until("a new primary", () => isPrimary(stage, "n2") || isPrimary(stage, "n3"));
    },
  },
  {
    id: "returning-primary",
    title: "An old primary returns",
    lesson: "It starts as a follower, learns who leads, finds that its WAL left the leader's " +
      "history, and is cloned: another data directory, which has to earn its place in E again.",
    data: 3,
    witnesses: 0,
    play(stage) {
      const trace = stage.world.trace;
      stage.world.trace = null;
      powerOff(stage.world, stage.host("n1"));
      stage.until("a new primary", () => isPrimary(stage, "n2") || isPrimary(stage, "n3"));
      stage.wait(3000);
      stage.world.trace = trace;
      stage.say("n1, which lost power as the primary, comes back");
      powerOn(stage.world, stage.host("n1"));
      stage.untilComplete();
    },
  },
  {
    id: "split-vote",
    title: "A split vote",
    lesson:
      "Two candidates that do not hear of each other both win their pre-votes, and then share " +
      "the votes. Nothing durable has changed but the term; each waits for a time of its own, and " +
      "one of them wins the next.",
    data: 3,
    witnesses: 2,
    seed: SPLIT_VOTE_SEED,
    latencyMs: 40,
    play(stage) {
      stage.say("n1 loses power, and the agents of n2 and n3 cannot reach each other");
      powerOff(stage.world, stage.host("n1"));
      cut(stage.world.network, "n2", "n3", "agents");
      cut(stage.world.network, "n3", "n2", "agents");
      stage.until("a split vote", () => {
        const [one, other] = [stage.host("n2").disk, stage.host("n3").disk];
        return one.term === other.term && one.votedFor === "n2" && other.votedFor === "n3";
      });
      stage.wait(300);
      stage.say("the agents of n2 and n3 reach each other again");
      healAll(stage.world.network);
      stage.until("a new primary", () => isPrimary(stage, "n2") || isPrimary(stage, "n3"));
    },
  },
  {
    id: "switchover",
    title: "A planned switchover",
    lesson:
      "PostgreSQL is shut down while its standbys still stream, the target confirms the last " +
      "checkpoint, the leader notes that it resigned, and hands over. No promise is waited for, and " +
      "the old primary follows without a clone.",
    data: 3,
    witnesses: 0,
    play(stage) {
      askOperator(stage.world, stage.host("n1"), "n2");
      stage.untilPrimary("n2");
      stage.untilComplete();
    },
  },
  {
    id: "switchover-fails",
    title: "A switchover that fails half-way",
    lesson:
      "Before the handover is sent every failing step leads back: the old primary is started " +
      "again, on the same timeline and under the same lease.",
    data: 3,
    witnesses: 0,
    play(stage) {
      stage.say(
        "n2 becomes unreachable for agents at the moment at which n1 is asked to hand over",
      );
      askOperator(stage.world, stage.host("n1"), "n2");
      cut(stage.world.network, "n1", "n2", "agents");
      stage.until("a rollback", () => isPrimary(stage, "n1"));
      heal(stage.world.network, "n1", "n2", "agents");
      stage.wait(1000);
    },
  },
  {
    id: "forced-failover",
    title: "An operator forces a node to lead",
    lesson:
      "A leader that went on alone and died is the only one that may be elected. An operator who " +
      "needs a primary all the same is told what may be lost, and accepts it. The old leader comes " +
      "back under the new one, by a clone.",
    data: 3,
    witnesses: 0,
    settings: { durability: "quorum" },
    play(stage) {
      const { world } = stage;
      stage.say("no WAL reaches n2 and n3 any more, and n1 goes on alone");
      for (const name of ["n2", "n3"]) {
        cut(world.network, "n1", name, "wal");
        cut(world.network, name, "n1", "wal");
      }
      stage.until("a solo leader", () => stage.host("n1").disk.record?.required === 0);
      stage.wait(1000);
      stage.say("n1 loses power, and the network is mended");
      powerOff(world, stage.host("n1"));
      healAll(world.network);
      stage.wait(5000);
      askOperator(world, stage.host("n2"), "n2", "ask");
      stage.wait(500);
      askOperator(world, stage.host("n2"), "n2", "accepted");
      stage.untilPrimary("n2");
      stage.wait(500);
      stage.say("n1 is back");
      powerOn(world, stage.host("n1"));
      stage.untilComplete();
    },
  },
  {
    id: "server-crash",
    title: "The primary's PostgreSQL dies beside its agent",
    lesson: "The agent sees it, makes sure that every backend is gone, notes that it resigns and " +
      "says so. A standby takes over at once.",
    data: 3,
    witnesses: 0,
    play(stage) {
      stage.say("the postmaster of n1 is killed");
      endProcess(stage.world, stage.host("n1"), "killed");
      stage.until("a new primary", () => isPrimary(stage, "n2") || isPrimary(stage, "n3"));
    },
  },
  {
    id: "agent-restart",
    title: "The leader's agent restarts",
    lesson: "PostgreSQL goes on. The new agent finds it running as primary of its own term, and " +
      "leads on once a majority has acknowledged the term again.",
    data: 3,
    witnesses: 0,
    play(stage) {
      stage.say("the agent of n1 is killed, and started again 400 ms later");
      killAgent(stage.world, stage.host("n1"));
      stage.wait(400);
      startAgent(stage.world, stage.host("n1"));
      stage.untilPrimary("n1");
      stage.untilComplete();
    },
  },
  {
    id: "cluster-restart",
    title: "The whole cluster loses power",
    lesson:
      "Nobody knows how long it was away, so all keep the promise that they may have given. " +
      "Then the record says who may lead, as always.",
    data: 3,
    witnesses: 0,
    play(stage) {
      stage.say("all three hosts lose power");
      for (const host of stage.world.hosts) powerOff(stage.world, host);
      stage.wait(2000);
      for (const host of stage.world.hosts) powerOn(stage.world, host);
      stage.untilPrimary();
    },
  },
  {
    id: "lost-state",
    title: "A standby loses its state file",
    lesson:
      "It has forgotten whom it voted for, so it neither votes nor counts. The leader takes " +
      "it back once a majority of the others holds its record.",
    data: 3,
    witnesses: 0,
    play(stage) {
      stage.say("n3 loses power, and comes back without its state file");
      powerOff(stage.world, stage.host("n3"));
      loseState(stage.world, stage.host("n3"));
      stage.wait(500);
      powerOn(stage.world, stage.host("n3"));
      stage.until("n3 votes again", () => stage.host("n3").disk.admitted);
      stage.untilComplete();
    },
  },
  {
    id: "wiped-standby",
    title: "A standby's disk is replaced",
    lesson: "Records name data directories, not hosts: the new one is a stranger to E until it " +
      "has been cloned and streams.",
    data: 3,
    witnesses: 0,
    play(stage) {
      stage.say("n2 loses power, and comes back with an empty disk");
      powerOff(stage.world, stage.host("n2"));
      wipe(stage.world, stage.host("n2"));
      stage.wait(500);
      powerOn(stage.world, stage.host("n2"));
      stage.untilComplete();
    },
  },
  {
    id: "witness",
    title: "Two data members and a witness",
    lesson: "The witness holds no data and votes. With it the surviving standby has a majority; " +
      "that it holds every commit follows from E alone.",
    data: 2,
    witnesses: 1,
    play(stage) {
      stage.say("n1 loses power");
      powerOff(stage.world, stage.host("n1"));
      stage.untilPrimary("n2");
    },
  },
  {
    id: "minority",
    title: "A primary is left with a minority",
    lesson: "Five members, one witness with the old primary: it fences itself, and the other " +
      "three elect. When the network heals, the two follow the newer term.",
    data: 3,
    witnesses: 2,
    play(stage) {
      stage.say("n1 and w1 are cut off from n2, n3 and w2");
      for (const a of ["n1", "w1"]) {
        for (const b of ["n2", "n3", "w2"]) {
          cut(stage.world.network, a, b, "both");
          cut(stage.world.network, b, a, "both");
        }
      }
      stage.until("a new primary", () => isPrimary(stage, "n2") || isPrimary(stage, "n3"));
      stage.say("the network heals");
      healAll(stage.world.network);
      stage.untilComplete();
    },
  },
  ...STANDBY_STORIES,
  ...SILENCE_STORIES,
  ...MEMBER_STORIES,
  ...PAIR_STORIES,
];

function isPrimary(stage: Stage, name: string): boolean {
  const { agent, process } = stage.host(name);
  const role = agent?.state.role;
  return process?.kind === "primary" && role?.kind === "leader" && role.phase === "leading";
}
