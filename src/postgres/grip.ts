/**
 * What an action can do with a server, whichever way the agent holds it: through its data
 * directory and process, or over SQL alone.
 *
 * The actions on a running server (promote, follow, revoke, …) are written once against this one
 * object of ports.
 *
 * @module
 */
import type { Incarnation, Position } from "../core/record.ts";
import type { Session, Target } from "./connection.ts";
import type { PostgresOptions } from "./options.ts";
import type { Failed, Step } from "./outcome.ts";
import type { RoleSettings } from "./settings.ts";

/** How long a change may take, and what aborts it. */
export interface Limits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A session, or why there is none. */
export type Opened = { readonly ok: true; readonly session: Session } | Failed;

/** The agent's hold on a server. */
export interface Grip {
  readonly options: PostgresOptions;
  /** The agent's own way in. */
  readonly target: Target;
  /** Brings the running server to the settings of a role, durably, and sees them take effect. */
  change(settings: RoleSettings, incarnation: Incarnation, limits: Limits): Promise<Step<null>>;
  /** The role that the settings were last written for; null where that is not known. */
  role(): Promise<RoleSettings | null>;
  /** The incarnation, made where there is none; fails where the data belong to another system. */
  adopt(systemIdentifier: string): Promise<Step<Incarnation>>;
  /** The text of a file in pg_wal; empty where there is none. */
  walFile(session: Session, name: string): Promise<string>;
  /** Makes a standby at `end` take a timeline number larger than `beyond` when it is promoted. */
  skipTimelines(end: Position, beyond: number): Promise<Step<null>>;
  /** Ends a WAL receiver that outstays its welcome, where that is possible. */
  endReceiver(pid: number): Promise<void>;
  /** Fails where the disk is too full for a primary. */
  enoughSpace(): Promise<Step<null>>;
  /**
   * A session on a standby, started attached to nobody where it is down and can be started.
   *
   * @param expectedSystem the system identifier that it has to have; null accepts any
   */
  standby(expectedSystem: string | null, signal: AbortSignal | undefined): Promise<Opened>;
}
