/**
 * How a step inside an action ends: with a value, or with the failure that the action reports.
 *
 * @module
 */
import type { ActionFailure, ActionResult } from "../core/server.ts";

/** A failed step; it is also a failed {@linkcode ActionOutcome}, so steps return it unchanged. */
export interface Failed {
  readonly ok: false;
  readonly failure: ActionFailure;
  readonly because: string;
}

/** A step that gives a value or fails. */
export type Step<T> = { readonly ok: true; readonly value: T } | Failed;

/** A step that succeeded. */
export function done<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** A step, or an action, that failed. `because` names the action, the value and the remedy. */
export function failed(because: string, failure: ActionFailure = "failed"): Failed {
  return { ok: false, failure, because };
}

/** An action that succeeded. */
export function finished(result: ActionResult): {
  readonly ok: true;
  readonly result: ActionResult;
} {
  return { ok: true, result };
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
