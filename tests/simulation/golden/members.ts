/**
 * The stories of members that come and go.
 */
import { fingerprint } from "../../../src/core/record.ts";
import { killAgent, startAgent } from "../agent.ts";
import { primaryOf } from "../hosts.ts";
import type { Stage, Story } from "./stage.ts";

/** The stories of this file. */
export const MEMBER_STORIES: readonly Story[] = [
  {
    id: "members",
    title: "A member goes, and comes again",
    lesson:
      "The configurations propose a member list; the leader changes one member per record, once " +
      "a majority proposes the same list. First commits stop waiting for n4, then a record leaves " +
      "it out. When it is proposed again, it hears heartbeats, answers, and is a member by the " +
      "next record.",
    data: 4,
    witnesses: 0,
    play(stage) {
      stage.say("the configurations of n1, n2 and n3 name n4 no more; their agents start again");
      configure(stage, ["n1", "n2", "n3"], ["n1", "n2", "n3"]);
      stage.until("three members", () => hasMembers(stage, 3));
      stage.wait(500);
      stage.say("n4 is named again");
      configure(stage, ["n1", "n2", "n3", "n4"], ["n1", "n2", "n3"]);
      stage.untilComplete();
      stage.wait(500);
    },
  },
];

function configure(stage: Stage, named: readonly string[], restarted: readonly string[]): void {
  const { world } = stage;
  const members = world.scenario.members.filter(({ name }) => named.includes(name));
  for (const name of restarted) {
    const host = stage.host(name);
    killAgent(world, host);
    host.settings = { ...host.settings, members };
    startAgent(world, host);
  }
}

function hasMembers({ world }: Stage, count: number): boolean {
  const record = primaryOf(world)?.disk.record ?? null;
  return record !== null && record.members.length === count &&
    fingerprint(record.members) === fingerprint(primaryOf(world)!.settings.members);
}
