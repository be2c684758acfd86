/**
 * Directed schedules: exact faults at exact moments on the real core, watched by the same checkers
 * as a storm, and followed by the same peace. They show what chance hardly ever hits.
 */
import { demandRecovery } from "../play.ts";
import { createStage, openStage, type Script, Stuck } from "../stage.ts";
import { breach, type TraceLine, type Violation } from "../world.ts";

/** One schedule. */
export interface Schedule extends Script {
  /** What is tried, in a phrase. */
  readonly what: string;
}

/** What came of a schedule. */
export interface Played {
  readonly violation: Violation | null;
  /** What did not come about; null where everything did. */
  readonly stuck: string | null;
}

/** Plays a script to its end, and then peace. `trace` is given every line of the transcript. */
export function playScript(
  script: Script,
  trace: ((line: TraceLine) => void) | null = null,
): Played {
  const stage = createStage(script);
  const { world } = stage;
  let stuck: string | null = null;
  world.trace = trace;
  const attempt = (act: () => void) => {
    if (world.violations.length > 0) return;
    try {
      act();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (error instanceof Stuck) stuck = error.message;
      else if (world.violations.length === 0) breach(world, "core", `it throws ${error.message}`);
    }
  };
  attempt(() => {
    openStage(stage, script);
    script.play(stage);
  });
  attempt(() => demandRecovery(world));
  return { violation: world.violations[0] ?? null, stuck };
}
