/**
 * Every scenario, in the order of the report.
 *
 * @module
 */
import type { Unsupported } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { CLOCK_SCENARIOS } from "./scenarios/clocks.ts";
import { DISK_SCENARIOS } from "./scenarios/disks.ts";
import { FILE_SCENARIOS } from "./scenarios/files.ts";
import { HALFWAY_SCENARIOS } from "./scenarios/halfway.ts";
import { MOVE_SCENARIOS } from "./scenarios/moves.ts";
import { NETWORK_SCENARIOS } from "./scenarios/network.ts";
import { PROCESS_SCENARIOS } from "./scenarios/processes.ts";
import { SHAPE_SCENARIOS } from "./scenarios/shapes.ts";
import { UPGRADE_SCENARIOS } from "./scenarios/upgrade.ts";
import { WITNESS_SCENARIOS } from "./scenarios/witness.ts";
import { slowObstacle } from "./slow.ts";

/** Why this machine's links cannot be made slow; null where they can. */
const notSlow = slowObstacle();

/** What can be played. */
export const SCENARIOS: readonly Scenario[] = [
  ...PROCESS_SCENARIOS,
  ...NETWORK_SCENARIOS,
  ...MOVE_SCENARIOS,
  ...HALFWAY_SCENARIOS,
  ...DISK_SCENARIOS,
  ...FILE_SCENARIOS,
  ...CLOCK_SCENARIOS,
  ...SHAPE_SCENARIOS,
  ...WITNESS_SCENARIOS,
  ...UPGRADE_SCENARIOS,
].filter(({ name }) => notSlow === null || name !== "lossy-slow");

/** What needs more than this machine has. */
export const UNSUPPORTED: readonly Unsupported[] = [
  {
    name: "kernel-crash",
    because: "the hosts share one kernel; host-silent is the nearest that can be played",
  },
  ...notSlow === null ? [] : [{ name: "lossy-slow", because: notSlow }],
  {
    name: "watchdog",
    because: "there is no watchdog device that could end a host",
  },
];
