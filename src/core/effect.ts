/**
 * What the core wants done. Effects are carried out in order; one that persists is durable before
 * any that follows it.
 *
 * @module
 */
import type { Answer, Contact, Request } from "./message.ts";
import type { ClusterRecord, Memory, NodeName } from "./record.ts";
import type { ServerAction } from "./server.ts";

/** What a node must remember across crashes; written with fsync before anything that relies on it. */
export interface Durable {
  readonly term: number;
  readonly votedFor: NodeName | null;
  readonly record: ClusterRecord | null;
  /** The last term that this node led and gave up; it never resumes that term. */
  readonly resignedTerm: number;
  /** False on a node that lost its state file, until a leader takes it back as a voter. */
  readonly admitted: boolean;
  /** Null only before the first event after a start without a state file. */
  readonly memory: Memory | null;
}

/** Where an operator's wish stands. Only the last step is not "running". */
export type StepOutcome =
  | "running"
  | "succeeded"
  | "failed"
  | "refused"
  /** Nothing was changed: the operator has to accept first what it may cost. */
  | "unaccepted";

/** A decision, as it appears in the log and in `status`. */
export interface Decision {
  readonly event: string;
  readonly outcome: "done" | "started" | "granted" | "denied" | "failed" | "noted";
  readonly because: string;
  readonly rule?: string;
  readonly peer?: NodeName;
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
}

/** One thing to do. */
export type Effect =
  | { readonly type: "persist"; readonly durable: Durable }
  | {
    readonly type: "send";
    readonly request: number;
    readonly to: NodeName;
    readonly message: Request;
  }
  | { readonly type: "answer"; readonly exchange: number; readonly message: Answer }
  /** Start an action on the local server; its end comes back as an event with the same number. */
  | { readonly type: "operate"; readonly operation: number; readonly action: ServerAction }
  /** Look at the local server now, rather than at the next round. */
  | { readonly type: "observe" }
  /** Try to connect to a member's agent, and ask its PostgreSQL whether it works as a primary. */
  | { readonly type: "probe"; readonly node: NodeName; readonly contact: Contact | null }
  /** Try to connect to each of the witness addresses; how many were reached comes back. */
  | { readonly type: "check_witnesses"; readonly check: number }
  | { readonly type: "report"; readonly decision: Decision }
  /** A line for the operator who asked; the last one has `outcome`. */
  | {
    readonly type: "progress";
    readonly reference: number;
    readonly step: string;
    readonly outcome: StepOutcome;
  };
