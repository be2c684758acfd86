/**
 * Faults of forced failover.
 */
import { core, type Mutant } from "./mutant.ts";

/** See the file. */
export const FORCE_MUTANTS: readonly Mutant[] = [
  core(
    "force-breaks-promises",
    "a forced candidate is granted although the promise to a leader holds",
    "voter.ts",
    "if (promise !== null && nowMs < promise.untilMs && promise.leader !== from) {",
    "if (!claim.forced && promise !== null && nowMs < promise.untilMs && promise.leader !== from) {",
  ),
  core(
    "force-although-behind",
    "a forced candidate wins although a voter is further",
    "verdict.ts",
    "if (ahead !== null) {",
    "if (ahead !== null && state.durable.term < 0) {",
  ),
  core(
    "force-unaccepted",
    "a node is forced although nobody accepted the loss",
    "operator.ts",
    'if (force === "ask") return tellCost(turn, reference);',
    "",
  ),
  core(
    "force-same-timeline",
    "a forced leader makes a timeline number that another server may have made",
    "leader.ts",
    "return beyond(Math.max(record.timeline, record.takenTimeline ?? 0, next));",
    "return {};",
  ),
  core(
    "claim-forgets-timelines",
    "a claim does not say which timelines may have been made before it",
    "leader.ts",
    "return { takenTimeline: Math.max(adopted.timeline, adopted.takenTimeline ?? 0, taken, own) + 1 };",
    "return {};",
  ),
  core(
    "force-names-too-little",
    "a forced leader that left the old one's history names its own end as the place of loss",
    "force.ts",
    "return own !== null && own.timeline === record.timeline ? own : null;",
    "return own !== null && record.timeline > -1 ? own : null;",
  ),
];
