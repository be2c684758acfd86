/**
 * Every invariant that a run is checked against, one object each. (docs/consensus.md)
 */
import type { World } from "../world.ts";
import { attentionChecker } from "./attention.ts";
import { durabilityChecker } from "./durability.ts";
import { exclusiveChecker } from "./exclusive.ts";
import { fenceChecker } from "./fence.ts";
import { guardChecker } from "./guard.ts";
import { leaseChecker } from "./lease.ts";
import { createForces } from "./force.ts";
import { ledgerChecker } from "./ledger.ts";
import { createLosses } from "./loss.ts";
import { lineageChecker } from "./lineage.ts";
import { memberChecker } from "./members.ts";
import { memoryChecker } from "./memory.ts";
import { operatorChecker } from "./operator.ts";
import { createForks } from "./pair.ts";
import { patienceChecker } from "./patience.ts";
import { promotionChecker } from "./promotion.ts";
import { strangerChecker } from "./stranger.ts";
import { termChecker } from "./terms.ts";
import { createCommits } from "./commits.ts";

/** Puts all checkers into a world. */
export function addCheckers(world: World): void {
  const commits = createCommits();
  const forces = createForces(world);
  const forks = createForks(world);
  const losses = createLosses(world);
  world.checkers.push(
    commits.checker,
    forces.checker,
    forks.checker,
    termChecker(world),
    memoryChecker(world),
    losses.checker,
    ledgerChecker(world, { forces, forks, losses }),
    durabilityChecker(world, commits, forces, forks),
    promotionChecker(world, commits, forks),
    memberChecker(world, commits),
    lineageChecker(world),
    exclusiveChecker(world, forces, forks),
    leaseChecker(world),
    fenceChecker(world),
    guardChecker(world),
    patienceChecker(world),
    attentionChecker(world),
    operatorChecker(world),
    strangerChecker(world),
  );
}
