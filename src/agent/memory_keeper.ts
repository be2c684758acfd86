/**
 * What becomes of a node whose state cannot be written, or whose core is broken.
 *
 * With a full disk the loop stands still (loop.ts), and the node is as silent as one whose agent was
 * stopped. So is done here what the guardian does beside it: a primary is ended when it may no longer
 * run without its agent. Everything else waits for the disk.
 *
 * @module
 */
import { guardOrder } from "../core/guard.ts";
import type { Log } from "../core/log.ts";
import type { State } from "../core/state.ts";
import type { ServerDriver } from "./actions.ts";
import { monotonicMs } from "./clock.ts";

/** How often the log says that the state cannot be written. */
const SAY_EVERY_MS = 5_000;

/** See the module. */
export interface MemoryKeeper {
  /** The loop's port: an attempt to write failed. */
  unwritten(error: unknown, state: State): void;
  /** The loop's port: the state was written after all. */
  written(): void;
  /** Why the state cannot be written; null while it can. */
  obstacle(): string | null;
}

/** Makes one. */
export function keepMemory(
  { path, driver, changed, spared, log, nowMs = monotonicMs }: {
    /** The state file. */
    readonly path: string;
    readonly driver: () => Pick<ServerDriver, "standing" | "end"> | null;
    /** Called after each attempt. */
    readonly changed: () => void;
    /** True while a primary is left alone whatever its lease says (pause.ts). */
    readonly spared: () => boolean;
    readonly log: Log;
    readonly nowMs?: () => number;
  },
): MemoryKeeper {
  let obstacle: string | null = null;
  let saidAtMs = -Infinity;

  return {
    obstacle: () => obstacle,
    unwritten(error, state) {
      obstacle = error instanceof Error ? error.message : String(error);
      if (nowMs() - saidAtMs >= SAY_EVERY_MS) {
        saidAtMs = nowMs();
        const because = `Cannot write ${path}: ${obstacle}. Nothing is decided here until it can ` +
          "be: make room on that disk, or repair it";
        log("error", "state_file", { outcome: "failed", because });
      }
      const order = guardOrder(state);
      const over = order.kind === "hold" && nowMs() >= order.untilMs;
      if (over && !spared() && driver()?.standing().closed === false) void driver()?.end();
      changed();
    },
    written() {
      obstacle = null;
      saidAtMs = -Infinity;
      log("warning", "state_file", { outcome: "done", because: "it can be written again" });
    },
  };
}
