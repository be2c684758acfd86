/**
 * What can happen to the core. Every event carries `nowMs`, the node's monotonic clock in
 * milliseconds; the core reads no other clock.
 *
 * @module
 */
import type { Force } from "./force.ts";
import type { Answer, Request } from "./message.ts";
import type { NodeName } from "./record.ts";
import type { LiveSettings } from "./settings.ts";
import type { ActionFailure, ActionResult, ServerObservation } from "./server.ts";

/** How a TCP connection attempt ended. "silent" is inconclusive: never a reason to fail over. */
export type Reachability = "open" | "refused" | "silent";

/** An operator's wish. `reference` comes back in the progress effects. */
export interface OperatorCommand {
  readonly type: "failover";
  readonly reference: number;
  readonly to: NodeName;
  readonly force: Force;
}

/** One thing that happened. */
export type Event =
  | { readonly type: "tick"; readonly nowMs: number }
  /** A member asks; the core answers the `exchange`, perhaps later. */
  | {
    readonly type: "request";
    readonly nowMs: number;
    readonly exchange: number;
    readonly from: NodeName;
    readonly message: Request;
  }
  | {
    readonly type: "answer";
    readonly nowMs: number;
    readonly request: number;
    readonly from: NodeName;
    readonly message: Answer;
  }
  /** A request came to nothing: the connection was refused, or time ran out, or it was rejected. */
  | {
    readonly type: "no_answer";
    readonly nowMs: number;
    readonly request: number;
    readonly reason: "refused" | "silent" | "rejected";
  }
  | { readonly type: "observed"; readonly nowMs: number; readonly server: ServerObservation }
  | {
    readonly type: "action_done";
    readonly nowMs: number;
    readonly operation: number;
    readonly result: ActionResult;
  }
  | {
    readonly type: "action_failed";
    readonly nowMs: number;
    readonly operation: number;
    readonly failure: ActionFailure;
    readonly because: string;
  }
  | {
    readonly type: "probed";
    readonly nowMs: number;
    readonly node: NodeName;
    readonly agent: Reachability;
    readonly server: Reachability;
    /** PostgreSQL said, by SQL, that it is no standby. */
    readonly primary: boolean;
  }
  | {
    readonly type: "witnesses_checked";
    readonly nowMs: number;
    readonly check: number;
    readonly reached: number;
  }
  | { readonly type: "operator"; readonly nowMs: number; readonly command: OperatorCommand }
  /** A changed configuration: {@linkcode LiveSettings} that hold from now on. */
  | { readonly type: "configured"; readonly nowMs: number; readonly settings: LiveSettings }
  /** The wall clock and the monotonic clock drifted apart: the host was suspended. */
  | { readonly type: "suspended"; readonly nowMs: number; readonly gapMs: number };
