/**
 * Stories of agents that say nothing while their PostgreSQL works.
 */
import { killAgent, pauseAgent, startAgent } from "../agent.ts";
import { primaryOf, routesTo } from "../hosts.ts";
import type { Story } from "./stage.ts";

/** The stories of this file. */
export const SILENCE_STORIES: readonly Story[] = [
  {
    id: "agent-upgrade",
    title: "The primary's agent is upgraded",
    lesson:
      "The agent is gone for longer than its lease, and PostgreSQL works on. The others ask " +
      "PostgreSQL itself, keep their promise, and go on sending writes there. The new agent finds " +
      "its own term still open: no failover, and no write refused.",
    data: 3,
    witnesses: 0,
    settings: { agentSilenceMs: 30_000 },
    play(stage) {
      const { world } = stage;
      stage.say("the agent of n1 is stopped; PostgreSQL is left running");
      killAgent(world, stage.host("n1"));
      stage.wait(4000);
      if (routesTo(world, stage.host("n2")) !== "n1") throw new Error("n2 routes to n1 no more");
      stage.say("the new agent of n1 is started");
      startAgent(world, stage.host("n1"));
      stage.until("n1 leads on", () => primaryOf(world)?.name === "n1");
    },
  },
  {
    id: "hung-agent",
    title: "The primary's agent hangs",
    lesson:
      "An agent that hangs cannot fence. Its guardian ends PostgreSQL a margin before the others " +
      "lose their patience, and they elect. When the agent goes on, it finds itself a follower.",
    data: 3,
    witnesses: 0,
    settings: { agentSilenceMs: 6000 },
    play(stage) {
      const { world } = stage;
      stage.say("the agent of n1 stands still for twelve seconds; PostgreSQL does not");
      pauseAgent(world, stage.host("n1"), 12_000);
      stage.until("another primary", () => {
        const primary = primaryOf(world);
        return primary !== null && primary.name !== "n1";
      });
      stage.untilComplete();
    },
  },
];
