/**
 * All directed schedules, and the stories of docs/protocol, which are played the same way.
 */
import { STORIES } from "../golden/stories.ts";
import type { Script } from "../stage.ts";
import { ELECTION_SCHEDULES } from "./elections.ts";
import { FORCE_SCHEDULES } from "./force.ts";
import { MEMORY_SCHEDULES } from "./memories.ts";
import { PAIR_SCHEDULES } from "./pairs.ts";
import type { Schedule } from "./play.ts";
import { RECORD_SCHEDULES } from "./records.ts";
import { RESTART_SCHEDULES } from "./restarts.ts";
import { REVOCATION_SCHEDULES } from "./revocations.ts";

/** The schedules. */
export const SCHEDULES: readonly Schedule[] = [
  ...ELECTION_SCHEDULES,
  ...REVOCATION_SCHEDULES,
  ...RECORD_SCHEDULES,
  ...RESTART_SCHEDULES,
  ...MEMORY_SCHEDULES,
  ...FORCE_SCHEDULES,
  ...PAIR_SCHEDULES,
];

/** Everything that can be played without chance, in the order in which it is played. */
export const SCRIPTS: readonly Script[] = [...SCHEDULES, ...STORIES];
