/**
 * Agents that start again, and messages that come late, at moments at which a term is being decided.
 */
import { killAgent, startAgent } from "../agent.ts";
import { powerOff } from "../hosts.ts";
import { cut, healAll } from "../network.ts";
import { askOperator } from "../operator.ts";
import { part } from "./moves.ts";
import type { Schedule } from "./play.ts";

/** The schedules of this file. */
export const RESTART_SCHEDULES: readonly Schedule[] = [
  {
    id: "promise-and-restart",
    what: "a voter has promised silence, and its agent starts again",
    data: 3,
    witnesses: 0,
    play(stage) {
      const { world } = stage;
      stage.say("n1 and n2 hear nothing of each other any more");
      part(stage, "n1", ["n2"], "agents");
      stage.wait(4000);
      stage.say("the agent of n3 starts again, and hears nothing of n1 either");
      cut(world.network, "n1", "n3", "agents");
      killAgent(world, stage.host("n3"));
      startAgent(world, stage.host("n3"));
      stage.untilPrimary("n2");
    },
  },
  {
    id: "late-acknowledgements",
    what: "acknowledgements take long, and then nothing is heard of the leader any more",
    data: 3,
    witnesses: 0,
    settings: { communicationTimeoutMs: 4000 },
    play(stage) {
      const { world } = stage;
      stage.say("the next acknowledgements to n1 take 2 s; nothing else passes after them");
      for (const name of ["n2", "n3"]) {
        stage.hold(name, "n1", ({ type }) => type === "heartbeat_answer", 2000);
      }
      stage.until("both are on their way", () => world.held.length === 0, 1);
      part(stage, "n1", ["n2", "n3"], "agents");
      stage.until("another primary", () => ["n2", "n3"].some((name) => leads(stage.host(name))));
    },
  },
  {
    id: "handed-over-and-back",
    what: "a leader that has handed over starts again, and its server was started behind its back",
    data: 3,
    witnesses: 0,
    play(stage) {
      const { world } = stage;
      const n1 = stage.host("n1");
      stage.say("the handover to n2 takes a while, and somebody starts n1 again meanwhile");
      n1.trouble.reopensAfterHandoverUntilMs = Infinity;
      askOperator(world, n1, "n2");
      stage.until("n1 has handed over", () => n1.disk.resignedTerm > 0, 1);
      stage.say("n1 hears nothing of n2 any more");
      cut(world.network, "n2", "n1", "agents");
      stage.wait(4000);
      healAll(world.network);
      stage.untilPrimary();
    },
  },
  {
    id: "handover-not-taken",
    what: "a leader hands over to a node whose agent dies at that moment, and is elected again",
    data: 2,
    witnesses: 1,
    play(stage) {
      const { world } = stage;
      const n1 = stage.host("n1");
      askOperator(world, n1, "n2");
      stage.until("n1 has handed over", () => n1.disk.resignedTerm > 0, 1);
      stage.say("the agent of n2 dies before it has heard of it");
      killAgent(world, stage.host("n2"));
      stage.untilPrimary("n1");
      stage.say("the agent of n2 is back, and could take over now");
      startAgent(world, stage.host("n2"));
      stage.untilComplete();
      stage.wait(8000);
      stage.until("n1 leads on", () => leads(n1));
    },
  },
  {
    id: "promotion-without-agent",
    what: "a promotion is given up, the agent begins again and dies, and only then it takes effect",
    data: 2,
    witnesses: 1,
    play(stage) {
      const { world } = stage;
      const n2 = stage.host("n2");
      stage.say("n1 loses power, and promotions on n2 take effect long after they were given up");
      Object.assign(n2.trouble.actions, {
        kinds: ["promote"],
        untilMs: Infinity,
        end: "after",
        slowdown: 1,
      });
      powerOff(world, stage.host("n1"));
      const promoting = () => n2.agent?.running?.action.type === "promote";
      stage.until("n2 promotes", promoting, 1);
      stage.until("n2 has given it up", () => !promoting(), 1);
      killAgent(world, n2);
      startAgent(world, n2);
      stage.until("it sees a standby", () => n2.agent?.state.server?.state === "standby", 1);
      killAgent(world, n2);
      stage.until("the promotion takes effect", () => n2.process?.kind === "primary", 1);
      n2.trouble.actions.untilMs = 0;
      stage.wait(30_000);
      startAgent(world, n2);
      stage.untilPrimary("n2");
    },
  },
  {
    id: "fence-interrupted",
    what: "an agent crashes as it fences for a newer term, and finds its server still open",
    data: 3,
    witnesses: 0,
    guarded: false,
    play(stage) {
      const { world } = stage;
      const n1 = stage.host("n1");
      stage.say("the agent of n1 is killed, its server goes on");
      killAgent(world, n1);
      stage.until("another primary", () => ["n2", "n3"].some((name) => leads(stage.host(name))));
      stage.say("the agent is back, and crashes once more when it fences");
      n1.trouble.crashesAtFenceUntilMs = Infinity;
      startAgent(world, n1);
      stage.wait(3000);
    },
  },
  {
    id: "fence-fails",
    what: "a node whose server cannot be fenced is asked for its vote",
    data: 3,
    witnesses: 0,
    guarded: false,
    play(stage) {
      const { world } = stage;
      const n1 = stage.host("n1");
      killAgent(world, n1);
      stage.until("another primary", () => ["n2", "n3"].some((name) => leads(stage.host(name))));
      stage.say("the agent of n1 is back, and no fence succeeds there");
      Object.assign(n1.trouble.actions, {
        kinds: ["fence"],
        untilMs: world.nowMs + 20_000,
        end: "fails",
      });
      startAgent(world, n1);
      stage.wait(3000);
      const leader = leads(stage.host("n2")) ? "n2" : "n3";
      stage.say(`${leader} loses power`);
      powerOff(world, stage.host(leader));
      stage.wait(12_000);
      healAll(world.network);
      stage.untilPrimary();
    },
  },
];

function leads({ agent, process }: ReturnType<Parameters<Schedule["play"]>[0]["host"]>): boolean {
  const role = agent?.state.role;
  return process?.kind === "primary" && role?.kind === "leader" && role.phase === "leading";
}
