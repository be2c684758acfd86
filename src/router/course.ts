/**
 * What a session does once it has a server.
 *
 * @module
 */
import type { Complaint } from "../wire/sqlstate.ts";
import type { Located } from "./cancel.ts";
import type { Pulse } from "./limits.ts";

/** A session under way. */
export interface Course {
  /** Compares its routes with the present view. @returns true where that ended the session */
  reconsider(): boolean;
  /** On the primary: leave it, or close with this, when at rest. Null takes it back. */
  drain(complaint: Complaint | null): void;
  pulse(): Pulse;
  /**
   * Its query takes too long: the client is to read these words where it is cancelled and they can be
   * said.
   *
   * @returns where to cancel it; null where nobody gave a key
   */
  overdue(words: string): Located | null;
  /** Ends it wherever it stands. */
  end(complaint: Complaint): void;
  /** Resolves when nothing of it is under way any more. */
  readonly done: Promise<void>;
}
