/**
 * Two data members without a witness, at the limits of what each may do without the other.
 */
import type { PairSettings } from "../../../src/core/settings.ts";
import { killAgent, resumeAgent, startAgent } from "../agent.ts";
import { suspend } from "../faults/hosts.ts";
import { powerOff, powerOn } from "../hosts.ts";
import { cut, healAll, loseWitnesses } from "../network.ts";
import { after } from "../world.ts";
import { part } from "./moves.ts";
import type { Schedule } from "./play.ts";

const FENCE: PairSettings = {
  failureThreshold: 3,
  failoverDelayMs: 5000,
  witnessCount: 0,
  whenAlone: "fence",
};
const SERVE: PairSettings = { ...FENCE, whenAlone: "serve" };

/** The schedules of this file. */
export const PAIR_SCHEDULES: readonly Schedule[] = [
  {
    id: "pair-standby-restarts",
    what: "the standby's agent starts again in the silence of its primary",
    data: 2,
    witnesses: 0,
    settings: { durability: "quorum", agentSilenceMs: 5000, pair: FENCE },
    play(stage) {
      powerOff(stage.world, stage.host("n1"));
      stage.wait(1000);
      killAgent(stage.world, stage.host("n2"));
      startAgent(stage.world, stage.host("n2"));
      stage.wait(15_000);
      powerOn(stage.world, stage.host("n1"));
      stage.untilPrimary("n1");
    },
  },
  {
    id: "pair-addresses-lost",
    what: "a primary loses its peer, and with it every witness address",
    data: 2,
    witnesses: 0,
    settings: { durability: "quorum", agentSilenceMs: 5000, pair: { ...SERVE, witnessCount: 3 } },
    play(stage) {
      stage.say("n2 loses power, and n1 reaches no address any more");
      powerOff(stage.world, stage.host("n2"));
      loseWitnesses(stage.world.network, "n1", 3);
      stage.wait(12_000);
      healAll(stage.world.network);
      powerOn(stage.world, stage.host("n2"));
      stage.untilPrimary();
    },
  },
  {
    id: "pair-alone-and-heard",
    what: "the primary says that it acts alone, and then its standby hears nothing any more",
    data: 2,
    witnesses: 0,
    settings: { durability: "quorum", agentSilenceMs: 5000, pair: SERVE },
    play(stage) {
      const { network } = stage.world;
      stage.say("n1 hears nothing of n2, which hears n1, and later nobody hears anything");
      cut(network, "n2", "n1", "agents");
      stage.until("n1 acts alone", () => {
        const role = stage.host("n1").agent?.state.role;
        return role?.kind === "leader" && role.alone;
      });
      stage.wait(600);
      part(stage, "n1", ["n2"], "both");
      stage.wait(15_000);
      healAll(network);
      stage.untilPrimary("n1");
    },
  },
  {
    id: "pair-both-start",
    what: "after a power failure of both only the old primary starts",
    data: 2,
    witnesses: 0,
    settings: { durability: "quorum", agentSilenceMs: 5000, pair: SERVE },
    play(stage) {
      const { world } = stage;
      for (const name of ["n1", "n2"]) powerOff(world, stage.host(name));
      stage.wait(2000);
      stage.say("n1 is back alone, and its record lets n2 be elected");
      powerOn(world, stage.host("n1"));
      stage.wait(12_000);
      powerOn(world, stage.host("n2"));
      stage.untilPrimary();
    },
  },
  {
    id: "pair-two-primaries",
    what: "a pair is cut in two, and meets again",
    data: 2,
    witnesses: 0,
    doubtful: true,
    settings: { durability: "quorum", agentSilenceMs: 5000, pair: SERVE },
    play(stage) {
      part(stage, "n1", ["n2"], "both");
      const isPrimary = (name: string) => stage.host(name).process?.kind === "primary";
      stage.until("two primaries", () => isPrimary("n1") && isPrimary("n2"));
      stage.wait(1000);
      healAll(stage.world.network);
      stage.untilComplete();
    },
  },
  {
    id: "pair-sleeps",
    what: "the primary's host stands still until its standby is the primary",
    data: 2,
    witnesses: 0,
    settings: { durability: "quorum", agentSilenceMs: 5000, pair: SERVE },
    play(stage) {
      const { world } = stage;
      const n1 = stage.host("n1");
      stage.say("n1 stands still for 9 s, its agent and its server, and is cut off when it wakes");
      n1.pausedUntilMs = world.nowMs + 9000;
      after(world, 9000.5, () => resumeAgent(world, n1));
      stage.wait(8500);
      part(stage, "n1", ["n2"], "both");
      stage.wait(4000);
      healAll(world.network);
      stage.untilPrimary("n2");
    },
  },
  {
    id: "pair-suspended",
    what: "a primary whose standby cannot stream is suspended, and the witness address gets lost",
    data: 2,
    witnesses: 0,
    settings: { durability: "quorum", agentSilenceMs: 5000, pair: { ...SERVE, witnessCount: 1 } },
    play(stage) {
      const { world } = stage;
      const n1 = stage.host("n1");
      for (const [from, to] of [["n1", "n2"], ["n2", "n1"]] as const) {
        cut(world.network, from, to, "wal");
      }
      stage.until("n1 is solo", () => n1.agent?.state.durable.record?.electable.length === 0);
      stage.until("the address was reached just now", () => {
        const reachedAtMs = n1.agent?.state.pair?.witnesses.reachedAtMs ?? null;
        return reachedAtMs !== null && reachedAtMs > n1.agent!.state.nowMs - 100;
      });
      stage.say("n1 is suspended for 6 s, and reaches no address when it wakes");
      suspend(world, n1, { forMs: 6000, noticedAfterMs: 50 });
      loseWitnesses(world.network, "n1", 1);
      stage.wait(12_000);
      healAll(world.network);
      stage.untilPrimary();
    },
  },
];
