/**
 * Where a session stands, for the limits on time.
 *
 * @module
 */
import { isBusy } from "../../wire/activity.ts";
import type { Pulse } from "../limits.ts";
import type { Split } from "./state.ts";

/** The client's work alone counts; questions of the router's own are short. */
export function pulseOf({ live, rerun, taking, answered }: Split): Pulse {
  if (rerun !== null) return { phase: "routing", answered };
  if (live !== null && !live.closed) {
    if (isBusy(live.activity)) return { phase: "working", answered };
    if (live.activity.transaction !== "idle") {
      return { phase: taking ? "routing" : "idle_in_transaction", answered };
    }
  }
  return { phase: taking ? "routing" : "idle", answered };
}
